"""Pages: who decides for whom, standing back from a release, the class of its difference to what is live."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from catalog.models import Endpoint, RegisteredModel
from governance import policies, selectors, selectors_seats
from governance.choices import DECIDING_ROLES
from governance.models import Delegation, Release
from governance.pages.forms_seats import ClassForm, DelegationForm, RecusalForm
from governance.services.delegation import delegate, recuse, revoke_delegation
from governance.services.materiality import set_class
from portal.access import Permission, can, teams_with
from portal.accounts.choices import SECOND_LINE, Kind
from portal.accounts.models import Team, User
from portal.errors import DomainError, NotFound
from portal.pages.base import ActPage, Page, ReadPage

DECIDE = Permission.GOVERNANCE_RELEASE_DECIDE
PAGE_SIZE = 100


class DelegationsPage(ReadPage):
    permission = Permission.GOVERNANCE_RELEASE_READ
    nav = "releases"
    template_name = "governance/delegations.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        now = timezone.now()
        rows = list(selectors_seats.delegations_for(self.actor)[:PAGE_SIZE])
        return super().get_context_data(
            current=[row for row in rows if row.revoked_at is None and row.until > now],
            over=[row for row in rows if row.revoked_at is not None or row.until <= now],
            now=now,
            may_lend=can(self.actor, DECIDE),
            **kwargs,
        )


class DelegationNewPage(ActPage):
    permission = DECIDE
    nav = "releases"
    template_name = "governance/delegation_new.html"
    form_class = DelegationForm
    success_message = "The delegation is recorded. Your deputy sees what waits."

    def get_form_kwargs(self) -> dict[str, Any]:
        teams = self._teams()
        people = User.objects.filter(
            is_active=True,
            kind=Kind.PERSON,
            is_demo=self.actor.is_demo,
            memberships__ended_at=None,
            memberships__role__in=SECOND_LINE,
        )
        roles = [role for role in DECIDING_ROLES if role in self.actor.roles]
        return super().get_form_kwargs() | {
            "people": list(people.exclude(pk=self.actor.pk).distinct().order_by("name", "username")),
            "roles": roles,
            "scopes": self._scopes(teams),
        }

    def _teams(self) -> QuerySet[Team]:
        everywhere, ids = teams_with(self.actor, DECIDE)
        return Team.objects.order_by("name") if everywhere else Team.objects.filter(pk__in=ids).order_by("name")

    @staticmethod
    def _scopes(teams: QuerySet[Team]) -> list[tuple[str, str]]:
        found = [(f"team:{row.pk}", f"Team {row}") for row in teams]
        models = RegisteredModel.objects.filter(team__in=teams).order_by("name")[:PAGE_SIZE]
        endpoints = Endpoint.objects.filter(team__in=teams).order_by("name")[:PAGE_SIZE]
        found += [(f"model:{row.pk}", f"Model {row.name}") for row in models]
        return found + [(f"endpoint:{row.pk}", f"Endpoint {row.name}") for row in endpoints]

    def act(self, form: DelegationForm) -> str:
        data = form.cleaned_data
        kind, _, pk = data["scope"].partition(":")
        scope = {"team": Team, "model": RegisteredModel, "endpoint": Endpoint}[kind].objects.get(pk=pk)
        delegate(
            actor=self.actor,
            deputy=form.people[data["deputy"]],
            role=data["role"],
            scope=scope,
            starts_at=data["starts_at"],
            until=data["until"],
            reason=data["reason"],
        )
        return reverse("delegations")


class DelegationRevokePage(Page):
    permission = DECIDE
    nav = "releases"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row: Delegation = selectors_seats.delegation_numbered(self.actor, pk)
        try:
            revoke_delegation(row, actor=self.actor)
        except NotFound:
            raise
        except DomainError as error:
            messages.error(request, error.diagnostics())
        else:
            messages.success(request, "The delegation is over.")
        return redirect("delegations")


class _ReleasePage(ActPage):
    permission = DECIDE
    nav = "releases"
    template_name = "governance/release_act.html"
    words: dict[str, Any]

    @property
    def release(self) -> Release:
        return selectors.release_numbered(self.actor, int(self.kwargs["number"]))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(release=self.release, words=self.words, **kwargs)


class ReleaseRecusePage(_ReleasePage):
    form_class = RecusalForm
    success_message = "You stood back. Your deputy or another holder is asked."
    words = {
        "title": "Stand back",
        "button": "Stand back from this release",
        "then": "What you decided on it counts no more, and your deputy or another holder of the role is asked.",
        "is_danger": True,
    }

    def get_form_kwargs(self) -> dict[str, Any]:
        lent = [row.role for row in policies.delegations_of(self.actor)]
        roles = [role for role in DECIDING_ROLES if role in (*self.actor.roles, *lent)]
        return super().get_form_kwargs() | {"roles": roles}

    def act(self, form: RecusalForm) -> str:
        release = self.release
        recuse(release, actor=self.actor, **form.cleaned_data)
        return reverse("release", kwargs={"number": release.pk}) + "#approvals"


class ReleaseClassPage(_ReleasePage):
    form_class = ClassForm
    success_message = "The class is recorded, and the seats follow it."
    words = {
        "title": "Class the difference",
        "button": "Record the class",
        "then": "The class says who must look. A lower one than computed stands with your name and reason.",
    }

    def act(self, form: ClassForm) -> str:
        release = self.release
        set_class(release, actor=self.actor, **form.cleaned_data)
        return reverse("release", kwargs={"number": release.pk}) + "#materiality"
