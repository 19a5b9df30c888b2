"""The act of deciding on a release, from its page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from governance import selectors
from governance.choices import DECIDING_ROLES, DecisionChoice
from governance.models import Release
from governance.pages.forms import DecisionForm
from governance.pages.panels import decision_form, release_context
from governance.policies import condition_owners
from governance.services.approvals import decide_release
from governance.services.statements import signed_from
from portal.access import Permission
from portal.errors import DomainError, NotFound
from portal.pages.base import Page

SAID = {
    DecisionChoice.APPROVE: "Your approval is recorded.",
    DecisionChoice.CONDITIONS: "Your approval and its conditions are recorded.",
    DecisionChoice.CHANGES: "Your request for changes is recorded.",
    DecisionChoice.REJECT: "Your rejection is recorded.",
}


class ReleaseDecidePage(Page):
    """Takes the form of the release's page. What is refused comes back on that page, with all that was typed."""

    permission = Permission.GOVERNANCE_RELEASE_DECIDE
    nav = "releases"

    def get(self, request: HttpRequest, number: str) -> HttpResponse:
        """A lost session comes back here after log-in: to the page with the form."""
        return redirect("release", number=number)

    def post(self, request: HttpRequest, number: str) -> HttpResponse:
        release = selectors.release_numbered(self.actor, int(number))
        form = DecisionForm(request.POST, roles=self._roles(release), people=list(condition_owners(release)))
        if not form.is_valid():
            return self._page(release, form=form, status=422)
        data = form.cleaned_data
        try:
            decide_release(
                release,
                actor=self.actor,
                role=data["role"],
                choice=data["choice"],
                decision_digest=data["decision_digest"],
                reason=data["reason"],
                conditions=data["conditions"],
                signature=signed_from(request.POST),
                opinion=data["opinion"],
            )
        except NotFound:
            raise
        except DomainError as error:
            return self._refused(release, form, error)
        messages.success(request, SAID[DecisionChoice(data["choice"])])
        return redirect("release", number=number)

    def _roles(self, release: Release) -> list[str]:
        """The roles on offer, and the one that was sent: the service says why that one is refused."""
        offered = [str(role) for role in selectors.decide_options(release, self.actor).roles]
        sent = self.request.POST.get("role", "")
        return [*offered, sent] if sent in DECIDING_ROLES and sent not in offered else offered

    def _refused(self, release: Release, form: DecisionForm, error: DomainError) -> HttpResponse:
        """Somebody was first, or may not: the page as it is now, with the text kept and the choice to be made again."""
        fresh = selectors.release_numbered(self.actor, release.pk)
        if error.field and error.field in form.fields:
            form.add_error(error.field, error.diagnostics())
            return self._page(fresh, form=form, status=error.status)
        options = selectors.decide_options(fresh, self.actor)
        kept = self.request.POST.copy()
        kept.pop("choice", None)
        if fresh.decision is not None:
            kept["decision_digest"] = fresh.decision.digest
        again = decision_form(fresh, options, data=kept)
        return self._page(fresh, form=again, refused=error, status=error.status)

    def _page(self, release: Release, *, status: int, **kwargs: Any) -> HttpResponse:
        context = release_context(self.request, release, typed=self.request.POST.get("reason", ""), **kwargs)
        return render(self.request, "governance/release.html", context, status=status)
