"""What a person is told by e-mail; and, for administrators, every delivery with what became of it."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from portal.access import Permission
from portal.errors import DomainError
from portal.notices import registry, selectors, services
from portal.notices.choices import State
from portal.notices.models import Preference
from portal.pages.base import ActPage, Page, ReadPage

PAGE_SIZE = 50


class PreferenceForm(forms.Form):
    mail = forms.BooleanField(label="Tell me by e-mail", required=False)
    wanted = forms.MultipleChoiceField(
        label="About what", required=False, choices=(), widget=forms.CheckboxSelectMultiple()
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["wanted"].choices = [(kind.type, kind.label) for kind in registry.kinds()]  # type: ignore[attr-defined]


class PreferencesPage(ActPage):
    """One's own choice. Nobody sets it for somebody else."""

    permission = Permission.PORTAL_HOME_READ
    template_name = "notices/preferences.html"
    form_class = PreferenceForm
    success_message = "What you are told is saved."

    def get_initial(self) -> dict[str, Any]:
        row = Preference.objects.filter(user=self.actor).first() or Preference(user=self.actor)
        return {"mail": row.mail, "wanted": [k.type for k in registry.kinds() if k.type not in row.muted]}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        chosen = set(context["form"]["wanted"].value() or ())
        kinds = [(kind, kind.type in chosen) for kind in registry.kinds() if kind.whom != "webhooks only"]
        return context | {"kinds": kinds, "mail_works": settings.MAIL_ENABLED, "wants": context["form"]["mail"].value()}

    def act(self, form: PreferenceForm) -> str:
        data = form.cleaned_data
        services.save_preference(self.actor, mail=data["mail"], wanted=data["wanted"])
        return reverse("notice-preferences")


class DeliveriesPage(ReadPage):
    """`?state=&page=`: newest first."""

    permission = Permission.PORTAL_NOTICE_MANAGE
    nav = "webhooks"
    template_name = "notices/deliveries.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        state, page = self.request.GET.get("state", ""), self.request.GET.get("page", "1")
        number = int(page) if page.isascii() and page.isdigit() and 0 < len(page) < 6 else 1
        number = max(number, 1)
        rows = selectors.deliveries_for(self.actor)
        if state in State.values:
            rows = rows.filter(state=state)
        found = list(rows[(number - 1) * PAGE_SIZE : number * PAGE_SIZE + 1])
        return super().get_context_data(
            deliveries=found[:PAGE_SIZE],
            state=state,
            filters=[("", "All"), *State.choices],
            number=number,
            more=len(found) > PAGE_SIZE,
            **kwargs,
        )


class DeliveryPage(ReadPage):
    permission = Permission.PORTAL_NOTICE_MANAGE
    nav = "webhooks"
    template_name = "notices/delivery.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        delivery = selectors.delivery_with_id(self.actor, kwargs["key"])
        body = json.dumps(json.loads(delivery.notice.body), indent=2, ensure_ascii=False)
        tries = list(reversed(delivery.tries))
        may_replay = delivery.finished_at is not None
        label = registry.label_of(delivery.notice.type)
        return super().get_context_data(
            delivery=delivery, body=body, tries=tries, may_replay=may_replay, label=label, **kwargs
        )


class DeliveryReplay(Page):
    """Send one again, as the same message."""

    permission = Permission.PORTAL_NOTICE_MANAGE
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, key: uuid.UUID) -> HttpResponse:
        delivery = selectors.delivery_with_id(self.actor, key)
        try:
            services.replay(delivery, actor=self.actor)
            messages.success(request, "It is sent again, as the same message.")
        except DomainError as error:
            messages.error(request, error.diagnostics())
        return redirect("delivery", key=delivery.pk)
