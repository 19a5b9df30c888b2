"""Reads of governance, shared by pages, API and the apps to the right. Lists begin with what the actor may see."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery, prefetch_related_objects

from catalog.models import Deployment, Endpoint, RegisteredModel
from catalog.selectors import missing
from governance import seats
from governance.choices import DECIDING_ROLES, OPEN_STATES, ConditionState, ReleaseState
from governance.models import Approval, Condition, Decision, Release
from governance.selectors_review import (
    Options,
    Review,
    RuleView,
    Seat,
    approvals_of,
    decide_options,
    live_measures,
    review_of,
)
from portal.access import Permission, teams_with
from portal.accounts.models import User

MAX_WAITING = 200


def releases_for(actor: User) -> QuerySet[Release]:
    """Releases with what a list shows; `live_version`: what answers at the endpoint now."""
    live = Deployment.objects.filter(endpoint=OuterRef("endpoint"), during__upper_inf=True)
    return (
        Release.objects.visible_to(actor)
        .select_related("version__model__team", "endpoint__team", "requested_by", "decision")
        # Whose duties must stay apart from deciding.
        .select_related("version__created_by", "version__training_run__trained_by")
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
    loaded: list[Release] = [*rows.prefetch_related(Prefetch("approvals", queryset=given, to_attr="loaded_approvals"))]
    decisions = [row.decision for row in loaded if row.decision is not None]
    decisions += [approval.decision for row in loaded for approval in row.loaded_approvals]  # type: ignore[attr-defined]
    prefetch_related_objects(decisions, seats.bundles())
    return loaded


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


def releases_of_model(actor: User, model: RegisteredModel) -> list[Release]:
    """The releases of a model that are live or open, newest first, with what their seats need; at most two hundred."""
    current = [ReleaseState.LIVE, *OPEN_STATES]
    rows = releases_for(actor).filter(version__model=model, state__in=current).order_by("-pk")[:MAX_WAITING]
    return _with_approvals(rows)


def ended_releases_of_model(actor: User, model: RegisteredModel) -> QuerySet[Release]:
    """The releases of a model that are over, the last one first."""
    ended = ReleaseState.REJECTED, ReleaseState.WITHDRAWN, ReleaseState.SUPERSEDED
    rows = releases_for(actor).filter(version__model=model, state__in=ended)
    return rows.order_by(F("ended_at").desc(nulls_last=True), "-pk")


__all__ = [
    "Options",
    "Review",
    "RuleView",
    "Seat",
    "approvals_of",
    "decide_options",
    "decision_numbered",
    "ended_releases_of_model",
    "live_at",
    "live_measures",
    "open_conditions_of",
    "open_releases_of",
    "release_numbered",
    "releases_for",
    "releases_of_model",
    "review_of",
    "stale_live_releases",
    "waiting_for",
]
