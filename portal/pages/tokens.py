"""A person's own API tokens: made, shown once, revoked."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from portal.access import Permission
from portal.accounts.models import ApiToken
from portal.accounts.tokens import create_token, revoke_token
from portal.errors import DomainError
from portal.pages.base import ActPage, Page

DAYS = (("30", "30 days"), ("90", "90 days"), ("365", "One year"))


class TokenForm(forms.Form):
    name = forms.CharField(
        label="What will use it",
        max_length=80,
        strip=True,
        help_text="For example: nightly training pipeline.",
        error_messages={"required": "Say what will use it, so that you know later which one to revoke."},
    )
    days = forms.ChoiceField(label="It ends after", choices=DAYS, initial="90")


class TokensPage(ActPage):
    """The list, and the form. A new token is in the answer to the form and nowhere else."""

    permission = Permission.PORTAL_TOKEN_OWN
    template_name = "portal/tokens.html"
    form_class = TokenForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = list(ApiToken.objects.filter(user=self.actor).order_by("-pk"))
        now = timezone.now()
        alive = [row for row in rows if not row.revoked_at and (row.expires_at is None or row.expires_at > now)]
        ended = [row for row in rows if row not in alive]
        return super().get_context_data(alive=alive, ended=ended, url=settings.PUBLIC_URL, **kwargs)

    def form_valid(self, form: TokenForm) -> HttpResponse:
        ends = timezone.now() + dt.timedelta(days=int(form.cleaned_data["days"]))
        try:
            token = create_token(self.actor, actor=self.actor, name=form.cleaned_data["name"], expires_at=ends)
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.diagnostics())
            return self.form_invalid(form)
        response = self.render_to_response(self.get_context_data(form=self.form_class(), token=token))
        response["Cache-Control"] = "no-store"
        return response


class TokenRevoke(Page):
    """End one of the person's own tokens at once."""

    permission = Permission.PORTAL_TOKEN_OWN
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = ApiToken.objects.filter(user=self.actor, pk=pk).first()
        if row is None:
            raise Http404("No such token.")
        revoke_token(row, actor=self.actor)
        messages.success(request, f"The token {row.name} is revoked. What uses it is refused from now on.")
        return redirect("tokens")
