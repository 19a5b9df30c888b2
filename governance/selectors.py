"""Reads of governance, shared by pages, API and the apps to the right. Lists begin with what the actor may see."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery

from catalog.models import Deployment, Endpoint
from catalog.selectors import missing
from governance import seats
from governance.choices import DECIDING_ROLES, OPEN_STATES, ConditionState, ReleaseState
from governance.models import Approval, Condition, Decision, Release
from governance.selectors_review import Options, Review, RuleView, Seat, decide_options, review_of
from portal.access import Permission, teams_with
from portal.accounts.models import User

MAX_WAITING = 200


def releases_for(actor: User) -> QuerySet[Release]:
    """Releases with what a list shows; `live_version`: what answers at the endpoint now."""
    live = Deployment.objects.filter(endpoint=OuterRef("endpoint"), during__upper_inf=True)
    return (
        Release.objects.visible_to(actor)
        .select_related("version__model__team", "version__training_run", "endpoint__team", "requested_by", "decision")
        .annotate(live_version=Subquery(live.values("version__version")[:1]))
    )


def release_numbered(actor: User, pk: int) -> Release:
    """The release R-pk. Raises NotFound, also for one that the actor may not see."""
    row = releases_for(actor).filter(pk=pk).first()
    if row is None:
        raise missing("release", f"R-{pk}")
    return row


def decision_numbered(actor: User, pk: int) -> Decision:
    """The decision D-pk. Raises NotFound, also for one that the actor may not see."""
    rows = Decision.objects.visible_to(actor).select_related("version__model__team", "endpoint", "made_by")
    row = rows.filter(pk=pk).first()
    if row is None:
        raise missing("decision", f"D-{pk}")
    return row


def waiting_for(actor: User) -> list[Release]:
    """Open releases whose decision this person could give now, most urgent first; at most two hundred."""
    held = {role for role, _ in actor.grants if role in DECIDING_ROLES}
    if not held:
        return []
    rows = (
        _decidable_by(actor)
        .filter(state=ReleaseState.IN_REVIEW)
        .order_by(F("due_at").asc(nulls_last=True), "pk")[:MAX_WAITING]
    )
    return [row for row in _with_approvals(rows) if decide_options(row, actor).may]


def _decidable_by(actor: User) -> QuerySet[Release]:
    everywhere, teams = teams_with(actor, Permission.GOVERNANCE_RELEASE_DECIDE)
    rows = releases_for(actor).exclude(
        Q(requested_by=actor) | Q(version__created_by=actor) | Q(version__training_run__trained_by=actor)
    )
    return rows if everywhere else rows.filter(version__model__team__in=teams)


def _with_approvals(rows: QuerySet[Release]) -> list[Release]:
    """The releases with their approvals and the policies behind them: three queries for all."""
    given = Approval.objects.select_related("person", "decision").order_by("-pk")
    given = given.prefetch_related(Prefetch("decision__bundle", queryset=seats.bundles().queryset))
    loaded = rows.prefetch_related(
        Prefetch("approvals", queryset=given, to_attr="loaded_approvals"),
        Prefetch("decision__bundle", queryset=seats.bundles().queryset),
    )
    return [*loaded]


def open_conditions_of(actor: User) -> QuerySet[Condition]:
    """Open conditions that this person owns or has set, the earliest due first."""
    return (
        Condition.objects.filter(Q(owner=actor) | Q(approval__person=actor), state=ConditionState.OPEN)
        .select_related("owner", "approval__person", "release__version__model", "release__endpoint")
        .order_by("due_on", "pk")
    )


def stale_live_releases(actor: User) -> list[Release]:
    """Live releases that this person sees and that stand on an approval which no longer counts."""
    moved = Approval.objects.filter(release=OuterRef("pk")).exclude(decision=OuterRef("decision"))
    rows = releases_for(actor).filter(Exists(moved), state=ReleaseState.LIVE).order_by("pk")[:MAX_WAITING]
    return [
        row
        for row in _with_approvals(rows)
        if not all(seat.is_filled for seat in seats.seats_of(row, row.loaded_approvals))  # type: ignore[attr-defined]
    ]


def live_at(endpoint: Endpoint, moment: datetime) -> Deployment | None:
    """What answered at the endpoint at that moment."""
    rows = Deployment.objects.filter(endpoint=endpoint, during__contains=moment)
    return rows.select_related("version__model").first()


def open_releases_of(version_id: int) -> QuerySet[Release]:
    """Releases of a version that are not over and not live."""
    return Release.objects.filter(version=version_id, state__in=OPEN_STATES).select_related("endpoint")


__all__ = [
    "Options",
    "Review",
    "RuleView",
    "Seat",
    "decide_options",
    "decision_numbered",
    "live_at",
    "open_conditions_of",
    "open_releases_of",
    "release_numbered",
    "releases_for",
    "review_of",
    "stale_live_releases",
    "waiting_for",
]
