"""A person's own passkeys: listed, enrolled, renamed, ended; and those of others that wait for approval."""

from __future__ import annotations

import json
import time
from typing import Any

from allauth.core import ratelimit
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

from portal.access import Permission
from portal.accounts import passkeys, passkeys_replacing
from portal.accounts import passkeys_selectors as selectors
from portal.accounts.choices import PasskeyState
from portal.accounts.models import Passkey
from portal.api.problems import problem_of
from portal.errors import Conflict, DomainError, InvalidInput
from portal.pages.base import ActPage, Page, ReadPage

KEPT = "passkey_enrolment"
KEPT_SECONDS = 300


class EnrolForm(forms.Form):
    label = forms.CharField(
        label="Name of the key",
        max_length=60,
        strip=True,
        help_text="Where it is kept: “work laptop”, “blue security key”.",
        error_messages={"required": "Say where the key is kept, so that you know later which one to revoke."},
    )
    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Asked again, so that an open screen is not enough.",
    )
    answer = forms.CharField(max_length=60_000, required=False, widget=forms.HiddenInput)


class PasskeysPage(ActPage):
    """The list, and the form. The browser makes the key; the form brings its public half."""

    permission = Permission.PORTAL_PASSKEY_OWN
    template_name = "account/passkeys.html"
    form_class = EnrolForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = list(selectors.keys_of(self.actor))
        alive = [row for row in rows if row.state == PasskeyState.ACTIVE]
        waiting = [row for row in rows if row.state == PasskeyState.WAITING]
        return super().get_context_data(
            alive=alive,
            waiting=waiting,
            ended=[row for row in rows if row not in alive and row not in waiting],
            replaces=passkeys.needs_approval(self.actor),
            needed=passkeys_replacing.NEEDED,
            rp_id=settings.PASSKEY_RP_ID,
            url=settings.PUBLIC_URL,
            **kwargs,
        )

    def act(self, form: EnrolForm) -> str:
        # The form asks for the password, so it must not be a place to guess it.
        if not ratelimit.consume(self.request, action="reauthenticate", user=self.actor):
            raise Conflict("Too many tries.", code="too-many-tries", how="Wait a minute and try again.")
        kept = self.request.session.pop(KEPT, None)
        if kept is None or kept["until"] < time.time():
            raise Conflict("This enrolment is over.", code="enrolment-over", how="Press Enrol a passkey again.")
        data = form.cleaned_data
        row = passkeys.enrol(
            actor=self.actor, label=data["label"], password=data["password"], answer=_answer(data["answer"]), kept=kept
        )
        if row.state == PasskeyState.WAITING:
            messages.warning(self.request, f"{row.label} waits: two other people must approve it before it counts.")
        else:
            messages.success(self.request, f"{row.label} is enrolled. You can sign with it from now on.")
        return reverse("passkeys")


def _answer(text: str) -> dict[str, Any]:
    """What the browser said. Raises InvalidInput, also where JavaScript is off and nothing was said."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise InvalidInput(
            "The browser made no key.",
            code="passkey-answer",
            how="A passkey needs JavaScript and a browser that knows passkeys.",
        )
    return answer


class PasskeyBegin(Page):
    """Gives the page's script what the browser needs to make a key; keeps the challenge in the session."""

    permission = Permission.PORTAL_PASSKEY_OWN
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            options, kept = passkeys.begin_enrolment(actor=self.actor)
        except DomainError as error:
            return JsonResponse(problem_of(error), status=error.status)
        request.session[KEPT] = kept | {"until": time.time() + KEPT_SECONDS}
        return JsonResponse({"publicKey": options})


class PasskeyAct(Page):
    """A form with one button about one of the person's own keys."""

    permission = Permission.PORTAL_PASSKEY_OWN
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = selectors.own_key(self.actor, pk)
        try:
            messages.success(request, self.carry_out(row))
        except DomainError as error:
            messages.error(request, error.diagnostics())
        return redirect("passkeys")

    def carry_out(self, row: Passkey) -> str:
        """Do it and say that it is done."""
        raise NotImplementedError


class PasskeyRename(PasskeyAct):
    def carry_out(self, row: Passkey) -> str:
        return f"The key is called {passkeys.rename(row, actor=self.actor, label=self.request.POST.get('label', ''))}."


class PasskeyRevoke(PasskeyAct):
    def carry_out(self, row: Passkey) -> str:
        passkeys.revoke(row, actor=self.actor)
        return f"{row.label} is revoked. What it signed before stays valid."


class PasskeyLost(PasskeyAct):
    def carry_out(self, row: Passkey) -> str:
        passkeys.revoke(row, actor=self.actor, lost=True)
        return f"{row.label} is reported lost and signs nothing from now on. Enrol another key."


class PasskeysWaiting(ReadPage):
    """Keys after a loss, for those who can say whose they are."""

    permission = Permission.PORTAL_PASSKEY_APPROVE
    template_name = "account/passkeys_waiting.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = list(selectors.waiting_for(self.actor))
        for row in rows:
            row.mine = any(one.person_id == self.actor.pk for one in row.approvals.all())
        return super().get_context_data(
            rows=rows, asked=[row for row in rows if not row.mine], needed=passkeys_replacing.NEEDED, **kwargs
        )


class PasskeyWord(Page):
    """One person's word about somebody else's key."""

    permission = Permission.PORTAL_PASSKEY_APPROVE
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = selectors.waiting_key(self.actor, pk)
        try:
            messages.success(request, self.carry_out(row))
        except DomainError as error:
            messages.error(request, error.diagnostics())
        return redirect("passkeys-waiting")

    def carry_out(self, row: Passkey) -> str:
        raise NotImplementedError


class PasskeyApprove(PasskeyWord):
    def carry_out(self, row: Passkey) -> str:
        after = passkeys_replacing.approve_replacement(row, actor=self.actor)
        if after.state == PasskeyState.ACTIVE:
            return f"The key of {row.user} counts from now on."
        return f"Your word is recorded. One more person must approve the key of {row.user}."


class PasskeyRefuse(PasskeyWord):
    def carry_out(self, row: Passkey) -> str:
        passkeys_replacing.refuse_replacement(row, actor=self.actor)
        return f"The key is refused. Tell {row.user}, and security if it was not theirs."
