"""Webhooks: who is told outside, whether it arrives, and the acts that mend it. For administrators."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from portal.access import Permission
from portal.accounts.selectors import teams
from portal.errors import DomainError
from portal.ledger.selectors import entries_about
from portal.notices import registry, selectors, services
from portal.notices.models import Delivery, Webhook
from portal.pages.base import ActPage, Page, ReadPage

SHOWN = 50


class WebhookForm(forms.Form):
    name = forms.CharField(
        label="Name",
        max_length=80,
        strip=True,
        help_text="What listens there.",
        error_messages={"required": "Say what listens there."},
    )
    url = forms.CharField(
        label="Address",
        max_length=500,
        strip=True,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text="A public https:// address. Redirects are not followed.",
        error_messages={"required": "Give the address that is to be called."},
    )
    events = forms.MultipleChoiceField(
        label="About what",
        required=False,
        choices=(),
        widget=forms.SelectMultiple(attrs={"size": 9}),
        help_text="None chosen stands for all, also for kinds that come later.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["events"].choices = [(kind.type, kind.label) for kind in registry.kinds()]  # type: ignore[attr-defined]


class NewWebhookForm(WebhookForm):
    team = forms.ModelChoiceField(
        None,
        label="Whose releases",
        required=False,
        empty_label="Everybody's",
        help_text="A webhook of a team hears of the models of that team alone.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams()  # type: ignore[attr-defined]


class WebhooksPage(ReadPage):
    permission = Permission.PORTAL_NOTICE_MANAGE
    nav = "webhooks"
    template_name = "notices/webhooks.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = list(selectors.webhooks_for(self.actor))
        troubled = [row for row in rows if row.dead or row.failing_since or not row.enabled]
        return super().get_context_data(webhooks=rows, troubled=troubled, **kwargs)


class WebhookNewPage(ActPage):
    permission = Permission.PORTAL_NOTICE_MANAGE
    nav = "webhooks"
    template_name = "notices/webhook_new.html"
    form_class = NewWebhookForm

    def form_valid(self, form: NewWebhookForm) -> HttpResponse:
        try:
            webhook, secret = services.create_webhook(actor=self.actor, **form.cleaned_data)
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.diagnostics())
            return self.form_invalid(form)
        return secret_once(self.request, webhook, secret)


def secret_once(request: HttpRequest, webhook: Webhook, secret: str) -> HttpResponse:
    """The page that shows a secret: the answer to the form, and kept by no browser."""
    response = render(request, "notices/secret_once.html", {"webhook": webhook, "secret": secret})
    response["Cache-Control"] = "no-store"
    return response


class WebhookPage(ActPage):
    """One webhook: its last deliveries, its acts, and the form that changes it."""

    permission = Permission.PORTAL_NOTICE_MANAGE
    nav = "webhooks"
    template_name = "notices/webhook.html"
    form_class = WebhookForm
    success_message = "The webhook is changed."

    @property
    def webhook(self) -> Webhook:
        return selectors.webhook_with_id(self.actor, self.kwargs["key"])

    def get_initial(self) -> dict[str, Any]:
        row = self.webhook
        return {"name": row.name, "url": row.url, "events": row.events}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        row = self.webhook
        deliveries = Delivery.objects.filter(webhook=row).select_related("notice").order_by("-queued_at", "-pk")[:SHOWN]
        labels = [registry.label_of(event) for event in row.events]
        entries = entries_about("webhook", row.pk)[:10]
        return super().get_context_data(
            webhook=row, deliveries=list(deliveries), labels=labels, entries=entries, **kwargs
        )

    def act(self, form: WebhookForm) -> str:
        services.change_webhook(self.webhook, actor=self.actor, **form.cleaned_data)
        return reverse("webhook", kwargs={"key": self.kwargs["key"]})


class WebhookActPage(Page):
    """The acts that need no form: test, rotate, off, on, replay."""

    permission = Permission.PORTAL_NOTICE_MANAGE
    nav = "webhooks"
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, key: uuid.UUID) -> HttpResponse:
        webhook = selectors.webhook_with_id(self.actor, key)
        try:
            if request.POST.get("act") == "rotate":
                return secret_once(request, *services.rotate_secret(webhook, actor=self.actor))
            messages.success(request, self._do(webhook, request.POST.get("act", "")))
        except DomainError as error:
            messages.error(request, error.diagnostics())
        return redirect("webhook", key=webhook.uuid)

    def _do(self, webhook: Webhook, act: str) -> str:
        if act == "test":
            services.send_test(webhook, actor=self.actor)
            return "A test is on its way. It shows below within seconds."
        if act == "off":
            services.switch_off(webhook, actor=self.actor, why="Switched off by an administrator.")
            return "Nothing more is sent there."
        if act == "on":
            services.switch_on(webhook, actor=self.actor)
            return "It is told again, from the next notice on. What was given up can be replayed."
        if act == "replay":
            n = services.replay_dead(webhook, actor=self.actor)
            return (
                f"{n} deliveries are sent again, each as the same message." if n != 1 else "1 delivery is sent again."
            )
        return "Nothing was done: this page does not know that act."
