"""Pages: the list of releases, one release, asking for one, taking it back."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from catalog.models import Endpoint, ModelVersion
from catalog.selectors import version_named
from governance import selectors
from governance.choices import ASKED_STATES, ENDED_STATES, ReleaseState
from governance.models import Release
from governance.pages.forms import ReleaseForm, WithdrawForm
from governance.pages.panels import release_context
from governance.services.fallbacks import Fallback
from governance.services.releases import request_release, withdraw_release
from portal.access import Permission, can, teams_with
from portal.errors import DomainError
from portal.pages.base import ActPage, ReadPage

PAGE_SIZE = 50
FILTERS = [
    ("", "All"),
    ("mine", "Waiting for me"),
    ("open", "Open"),
    (ReleaseState.BLOCKED, "Refused by a gate"),
    (ReleaseState.LIVE, "Live"),
    ("stopped", "Held or suspended"),
    ("over", "Over"),
]
GROUPS = {
    "open": (ReleaseState.DRAFT, *ASKED_STATES),
    "stopped": (ReleaseState.HELD, ReleaseState.SUSPENDED),
    "over": ENDED_STATES,
}


def search_releases(rows: QuerySet[Release], text: str) -> QuerySet[Release]:
    """Keep the releases that match words and `key:value` filters (model:, version:, endpoint:, tier:, by:)."""
    fields = {
        "model": "version__model__name__iexact",
        "version": "version__version__iexact",
        "endpoint": "endpoint__name__iexact",
        "tier": "version__model__risk_tier__iexact",
        "by": "requested_by__username__iexact",
    }
    for word in text.split()[:12]:
        key, _, value = word.partition(":")
        number = word.upper().removeprefix("R-")
        if value and key in fields:
            rows = rows.filter(**{fields[key]: value})
        elif number.isdecimal() and len(number) < 12 and word.upper().startswith("R-"):
            rows = rows.filter(pk=int(number))
        else:
            rows = rows.filter(
                Q(version__model__name__icontains=word)
                | Q(version__version__icontains=word)
                | Q(endpoint__name__icontains=word)
            )
    return rows


class ReleasesPage(ReadPage):
    """`?state=&q=&after=`: the filter is in the address, newest first, a page costs the same wherever it is."""

    permission = Permission.GOVERNANCE_RELEASE_READ
    nav = "releases"
    template_name = "governance/releases.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        state, q, after = (self.request.GET.get(key, "").strip() for key in ("state", "q", "after"))
        waiting = {release.pk for release in selectors.waiting_for(self.actor)}
        rows = search_releases(self._in_state(selectors.releases_for(self.actor), state, waiting), q)
        if after.isdecimal() and len(after) < 18:
            rows = rows.filter(pk__lt=int(after))
        found = list(rows.order_by("-pk")[: PAGE_SIZE + 1])
        return super().get_context_data(
            releases=found[:PAGE_SIZE],
            next_after=found[PAGE_SIZE - 1].pk if len(found) > PAGE_SIZE else None,
            waiting=waiting,
            state=state,
            q=q,
            after=after,
            filters=FILTERS,
            may_request=can(self.actor, Permission.GOVERNANCE_RELEASE_REQUEST),
            **kwargs,
        )

    @staticmethod
    def _in_state(rows: QuerySet[Release], state: str, waiting: set[int]) -> QuerySet[Release]:
        if state == "mine":
            return rows.filter(pk__in=waiting)
        if state in GROUPS:
            return rows.filter(state__in=GROUPS[state])
        return rows.filter(state=state) if state in ReleaseState.values else rows


class ReleasePage(ReadPage):
    permission = Permission.GOVERNANCE_RELEASE_READ
    nav = "releases"
    template_name = "governance/release.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        release = selectors.release_numbered(self.actor, int(kwargs.pop("number")))
        return super().get_context_data(**release_context(self.request, release), **kwargs)


class ReleaseNewPage(ActPage):
    """`?version=<model>/<version>` chooses the version beforehand."""

    permission = Permission.GOVERNANCE_RELEASE_REQUEST
    nav = "releases"
    template_name = "governance/release_new.html"
    form_class = ReleaseForm
    success_message = "The release is requested."

    def get_form_kwargs(self) -> dict[str, Any]:
        everywhere, teams = teams_with(self.actor, self.permission)
        versions = ModelVersion.objects.visible_to(self.actor).select_related("model").order_by("model__name", "-pk")
        endpoints = Endpoint.objects.visible_to(self.actor).order_by("name")
        if not everywhere:
            versions, endpoints = versions.filter(model__team__in=teams), endpoints.filter(team__in=teams)
        return super().get_form_kwargs() | {"versions": versions, "endpoints": endpoints}

    def get_initial(self) -> dict[str, Any]:
        model, _, version = self.request.GET.get("version", "").partition("/")
        try:
            return {"version": version_named(self.actor, model, version)} if version else {}
        except DomainError:
            return {}

    def act(self, form: ReleaseForm) -> str:
        data = form.cleaned_data
        kind = data["fallback"]
        release = request_release(
            data["version"],
            data["endpoint"],
            actor=self.actor,
            words=data["words"],
            fallback=Fallback(kind, text=data["fallback_text"]) if kind else None,
            draft="draft" in self.request.POST,
        )
        return reverse("release", kwargs={"number": release.pk})


class ReleaseWithdrawPage(ActPage):
    permission = Permission.GOVERNANCE_RELEASE_WITHDRAW
    nav = "releases"
    template_name = "governance/release_withdraw.html"
    form_class = WithdrawForm
    success_message = "The release is withdrawn."

    @property
    def release(self) -> Release:
        return selectors.release_numbered(self.actor, int(self.kwargs["number"]))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(release=self.release, **kwargs)

    def act(self, form: WithdrawForm) -> str:
        release = withdraw_release(self.release, actor=self.actor, reason=form.cleaned_data["reason"])
        return reverse("release", kwargs={"number": release.pk})
