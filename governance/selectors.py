"""Reads of governance, shared by pages, API and the apps to the right. Lists begin with what the actor may see."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery, prefetch_related_objects
from django.utils import timezone

from catalog.models import Deployment, Endpoint, RegisteredModel
from catalog.selectors import missing
from governance import seats
from governance.choices import (
    ASKED_STATES,
    DECIDING_ROLES,
    ENDED_STATES,
    ConditionState,
    EmergencyState,
    ReleaseState,
    Severity,
)
from governance.models import Approval, Condition, Decision, Emergency, Finding, Recusal, Release
from governance.policies import delegations_of
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
    rows = (
        Release.objects.visible_to(actor)
        .select_related("version__model__team", "endpoint__team", "requested_by", "decision")
        .select_related("fallback_version__model", "emergency__declared_by", "emergency__reviewed_by", "rollout")
        .select_related("endpoint__release_rules")
        # Whose duties must stay apart from deciding.
        .select_related("version__created_by", "version__training_run__trained_by")
        .annotate(
            live_version=Subquery(live.values("version__version")[:1]),
            has_conditions=Exists(Condition.objects.filter(release=OuterRef("pk"))),
            has_findings=Exists(Finding.objects.filter(version=OuterRef("version"))),
        )
    )
    return seats.marked(rows)


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
    held = {role for role, _ in actor.grants if role in DECIDING_ROLES} | {row.role for row in delegations_of(actor)}
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
    """The releases with their approvals, the policies behind them and what else decides on seats: six queries."""
    given = Approval.objects.select_related("person", "decision", "delegation__giver").order_by("-pk")
    loaded: list[Release] = [*rows.prefetch_related(Prefetch("approvals", queryset=given, to_attr="loaded_approvals"))]
    decisions = [row.decision for row in loaded if row.decision is not None]
    decisions += [approval.decision for row in loaded for approval in row.loaded_approvals]  # type: ignore[attr-defined]
    prefetch_related_objects(decisions, seats.bundles())
    seats.attach_seating(loaded)
    return loaded


def open_conditions_of(actor: User) -> QuerySet[Condition]:
    """Open conditions that this person owns or has set, the earliest due first."""
    return (
        Condition.objects.filter(
            Q(owner=actor) | Q(approval__person=actor) | Q(set_by=actor), state=ConditionState.OPEN
        )
        .select_related("owner", "approval__person", "set_by", "release__version__model", "release__endpoint")
        .order_by("due_on", "pk")
    )


def open_findings_of(actor: User) -> QuerySet[Finding]:
    """Open findings that this person must mend or has raised, the earliest due first."""
    return (
        Finding.objects.filter(Q(owner=actor) | Q(raised_by=actor), state=ConditionState.OPEN)
        .select_related("owner", "raised_by", "version__model", "release")
        .order_by("due_on", "pk")
    )


def findings_of(release: Release) -> list[Finding]:
    """The findings on the release's version, open ones first, the worst first."""
    if not getattr(release, "has_findings", True):
        return []
    rows = Finding.objects.filter(version=release.version_id).select_related("owner", "raised_by")
    order = list(Severity.values)
    return sorted(rows, key=lambda row: (row.state != ConditionState.OPEN, -order.index(row.severity), row.pk))


def emergencies_to_review(actor: User) -> QuerySet[Emergency]:
    """Emergencies whose review after the fact this person could give, the earliest due first."""
    everywhere, teams = teams_with(actor, Permission.GOVERNANCE_RELEASE_DECIDE)
    rows = Emergency.objects.exclude(state=EmergencyState.REVIEWED).exclude(declared_by=actor)
    rows = rows if everywhere else rows.filter(release__version__model__team__in=teams)
    return rows.select_related("release__version__model", "release__endpoint", "declared_by").order_by("review_due_at")


def stale_live_releases(actor: User) -> list[Release]:
    """Live releases that this person sees and that stand on an approval which no longer counts."""
    given = Approval.objects.filter(release=OuterRef("pk"))
    moved = given.filter(~Q(decision=OuterRef("decision")) | Q(valid_until__lte=timezone.now()))
    away = Recusal.objects.filter(release=OuterRef("pk"))
    rows = (
        releases_for(actor).filter(Exists(moved) | Exists(away), state=ReleaseState.LIVE).order_by("pk")[:MAX_WAITING]
    )
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
    return Release.objects.filter(version=version_id, state__in=ASKED_STATES).select_related("endpoint")


def releases_of_model(actor: User, model: RegisteredModel) -> list[Release]:
    """The releases of a model that are live or open, newest first, with what their seats need; at most two hundred."""
    current = [state for state in ReleaseState if state not in ENDED_STATES]
    rows = releases_for(actor).filter(version__model=model, state__in=current).order_by("-pk")[:MAX_WAITING]
    return _with_approvals(rows)


def ended_releases_of_model(actor: User, model: RegisteredModel) -> QuerySet[Release]:
    """The releases of a model that are over, the last one first."""
    rows = releases_for(actor).filter(version__model=model, state__in=ENDED_STATES)
    return rows.order_by(F("ended_at").desc(nulls_last=True), "-pk")


__all__ = [
    "Options",
    "Review",
    "RuleView",
    "Seat",
    "approvals_of",
    "decide_options",
    "decision_numbered",
    "emergencies_to_review",
    "ended_releases_of_model",
    "findings_of",
    "live_at",
    "live_measures",
    "open_conditions_of",
    "open_findings_of",
    "open_releases_of",
    "release_numbered",
    "releases_for",
    "releases_of_model",
    "review_of",
    "stale_live_releases",
    "waiting_for",
]
