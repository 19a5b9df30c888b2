"""Reads of governance, shared by pages, API and packs. Lists begin with what the actor may see."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Prefetch, QuerySet

from catalog.models import Deployment, Endpoint
from catalog.selectors import missing
from governance import policies, seats
from governance.choices import ASSESSED_STATES, ConditionState, ReleaseState
from governance.models import Approval, Condition, Decision, Release
from governance.review import Options, Review, Rule, Seat, review
from governance.seats import FieldChange
from portal.accounts.choices import Role
from portal.accounts.models import Membership, User

__all__ = ["FieldChange", "Options", "Review", "Rule", "Seat"]

_WITH = ("version__model__team", "version__training_run", "endpoint", "requested_by", "decision")


def releases_for(actor: User) -> QuerySet[Release]:
    return Release.objects.visible_to(actor).select_related(*_WITH)


def release_numbered(actor: User, pk: int) -> Release:
    """Raises NotFound for what does not exist or may not be seen."""
    row = releases_for(actor).select_related("version__model__owner", "version__created_by").filter(pk=pk).first()
    if row is None:
        raise missing("release", f"R-{pk}")
    return row


def decision_numbered(actor: User, pk: int) -> Decision:
    """Raises NotFound for what does not exist or may not be seen."""
    rows = Decision.objects.visible_to(actor).select_related("version__model", "endpoint", "made_by")
    row = rows.filter(pk=pk).first()
    if row is None:
        raise missing("decision", f"D-{pk}")
    return row


def approvals_of(release: Release) -> list[Approval]:
    """Newest first, each with its person, decision and conditions."""
    rows = release.approvals.select_related("person", "decision").prefetch_related("conditions__owner")
    return list(rows.order_by("-pk"))


def holders_of(release: Release, roles: Iterable[str]) -> dict[str, list[User]]:
    """Active people who hold each role for the model's team; one query."""
    team = release.version.model.team_id
    found: dict[str, list[User]] = {role: [] for role in roles}
    rows = Membership.objects.filter(role__in=found, ended_at=None, user__is_active=True).select_related("user")
    for row in rows.order_by("user__name"):
        if row.team_id in (None, team) and row.user not in found[row.role]:
            found[row.role].append(row.user)
    return found


def review_of(release: Release, *, actor: User) -> Review:
    """All that the page of a release shows, read in a fixed number of queries."""
    approvals = approvals_of(release)
    state = seats.seats_of(release, approvals)
    return review(release, actor, approvals, state, holders_of(release, [seat.role for seat in state]))


def decide_options(release: Release, actor: User) -> Options:
    """Whether this person may decide now, in which roles, and if not, why and who may."""
    approvals = approvals_of(release)
    state = seats.seats_of(release, approvals)
    waiting = [seat.role for seat in state if not seat.is_filled]
    holders = holders_of(release, waiting)
    names = sorted(
        {str(user) for users in holders.values() for user in users if not policies.conflict_of(user, release)}
    )
    if release.state not in (ReleaseState.IN_REVIEW, ReleaseState.LIVE) or not waiting:
        return Options(False, [], "There is nothing to decide now.", [])
    if why := policies.conflict_of(actor, release):
        return Options(False, [], why, names)
    fresh = [seat.approval for seat in state if seat.is_filled and seat.approval is not None]
    if held := policies.other_seat_of(actor, fresh):
        return Options(False, [], f"You have decided already, as {held.lower()}. One person fills one seat.", names)
    roles = policies.roles_to_decide(actor, release, waiting)
    if not roles:
        wanted = " and ".join(str(Role(role).label).lower() for role in waiting)
        return Options(False, [], f"It waits for the {wanted}, a role that you do not hold here.", names)
    return Options(True, roles, "", names)


def waiting_for(actor: User) -> list[Release]:
    """Open releases with a seat that this person could fill, most urgent first."""
    newest = Approval.objects.select_related("person", "decision").order_by("-pk")
    rows = (
        releases_for(actor)
        .filter(state=ReleaseState.IN_REVIEW)
        .prefetch_related(Prefetch("approvals", queryset=newest, to_attr="newest_approvals"))
    )
    found = []
    for release in rows:
        approvals: list[Approval] = release.newest_approvals  # type: ignore[attr-defined]
        state = seats.seats_of(release, approvals)
        if policies.conflict_of(actor, release):
            continue
        if policies.other_seat_of(actor, [s.approval for s in state if s.is_filled and s.approval is not None]):
            continue
        if policies.roles_to_decide(actor, release, [seat.role for seat in state if not seat.is_filled]):
            found.append(release)
    return sorted(found, key=lambda row: (row.due_at is None, row.due_at or row.requested_at, row.pk))


def stale_live_releases(actor: User) -> list[Release]:
    """Live releases with an approval that no longer counts, because a fact changed."""
    newest = Approval.objects.select_related("person", "decision").order_by("-pk")
    rows = (
        releases_for(actor)
        .filter(state=ReleaseState.LIVE)
        .prefetch_related(Prefetch("approvals", queryset=newest, to_attr="newest_approvals"))
    )
    return [
        row
        for row in rows
        if any(seat.changed for seat in seats.seats_of(row, row.newest_approvals))  # type: ignore[attr-defined]
    ]


def refused_releases(actor: User) -> QuerySet[Release]:
    """Releases that a gate refuses now, newest first."""
    return releases_for(actor).filter(state=ReleaseState.BLOCKED).order_by("-pk")


def open_conditions_of(actor: User) -> QuerySet[Condition]:
    """Conditions that this person must meet, the nearest date first."""
    rows = Condition.objects.filter(
        owner=actor, state=ConditionState.OPEN, release__in=releases_for(actor).values("pk")
    )
    return rows.select_related("release__version__model", "approval__person").order_by("due_on", "pk")


def live_at(endpoint: Endpoint, moment: datetime) -> Deployment | None:
    """What answered at the endpoint at that moment."""
    return endpoint.deployments.filter(during__contains=moment).select_related("version__model").first()


def assessed_releases_of(version_ids: Iterable[int]) -> QuerySet[Release]:
    """Releases whose decision depends on facts of these versions: their own, and open ones at endpoints where they live."""
    return Release.objects.filter(version__in=list(version_ids), state__in=ASSESSED_STATES)
