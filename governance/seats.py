"""The seats of a release: who must approve, who did, and whether what they saw still holds.

Works on rows that were loaded already; `load` fetches them in a fixed number of queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet, Subquery, prefetch_related_objects
from django.utils import timezone

from governance.choices import Opinion
from governance.differences import (
    FieldChange,
    bundles,
    changes,
    changes_since,
    flat_facts,
    reads_the_same,
    relevant,
    same_question,
    verdicts_of,
)
from governance.models import Approval, Decision, MaterialityClass, Recusal, Release
from governance.seat_plan import DEFAULT_ROLES, Demand, plan_of, valid_days


@dataclass(frozen=True)
class Seating:
    """What decides on seats beside the approvals. not_fit: opinions that stand against the current decision."""

    recusals: Sequence[Recusal] = ()
    materiality: MaterialityClass | None = None
    not_fit: Sequence[Approval] = ()

    @property
    def recused(self) -> frozenset[int]:
        return frozenset(row.person_id for row in self.recusals)


@dataclass(frozen=True)
class SeatState:
    """A seat that must be filled. `changed` is empty while the approval counts.

    number: which of several seats of the role; waits_for: roles that decide first; not_fit: who finds it not fit.
    """

    role: str
    approval: Approval | None
    changed: tuple[FieldChange, ...] = ()
    stale: bool = False
    number: int = 1
    demand: Demand = field(default_factory=lambda: Demand(""))
    waits_for: tuple[str, ...] = ()
    expired: bool = False
    not_fit: Approval | None = None

    @property
    def is_filled(self) -> bool:
        return self.approval is not None and not self.stale and self.not_fit is None

    @property
    def is_open(self) -> bool:
        """Whether somebody could decide now: it is not filled, and nobody comes first."""
        return not self.is_filled and not self.waits_for


def load(release: Release) -> list[Approval]:
    """All that was decided on the release, newest first, with what `seats_of` needs."""
    approvals = list(release.approvals.select_related("person", "decision", "delegation__giver").order_by("-pk"))
    release.loaded_seating = _seating(release)  # type: ignore[attr-defined]
    attach_bundles(release, approvals)
    return approvals


def attach_bundles(release: Release, approvals: Iterable[Approval]) -> None:
    """Fetch the policies behind the release's decision, and behind those that approvals were given on."""
    if release.decision is not None:
        others = [row.decision for row in approvals if row.decision_id != release.decision_id]
        prefetch_related_objects([release.decision, *others], bundles())


def seating_of(release: Release) -> Seating:
    """What was loaded with the release; loaded now where nothing was."""
    if not hasattr(release, "loaded_seating"):
        release.loaded_seating = _seating(release)  # type: ignore[attr-defined]
    return release.loaded_seating  # type: ignore[attr-defined,no-any-return]


def marked(rows: QuerySet[Release]) -> QuerySet[Release]:
    """The releases with a mark for each kind of row that decides on seats, so that none is asked for in vain."""
    given = Approval.objects.filter(release__version=OuterRef("version"), release__endpoint=OuterRef("endpoint"))
    return rows.annotate(
        has_recusals=Exists(Recusal.objects.filter(release=OuterRef("pk"))),
        class_level=Subquery(
            MaterialityClass.objects.filter(release=OuterRef("pk")).order_by("-pk").values("level")[:1]
        ),
        has_not_fit=Exists(given.filter(opinion=Opinion.NOT_FIT)),
    )


def _has(release: Release, mark: str) -> bool:
    return bool(getattr(release, mark, True))


def _seating(release: Release) -> Seating:
    recusals, materiality, against = list[Recusal](), None, list[Approval]()
    if _has(release, "has_recusals"):
        recusals = list(release.recusals.select_related("person").order_by("pk"))
    if _has(release, "class_level"):
        materiality = release.materialities.select_related("set_by").order_by("-pk").first()
    if _has(release, "has_not_fit"):
        against = _against(release)
    return Seating(recusals, materiality, against)


def _against(release: Release) -> list[Approval]:
    given = Approval.objects.filter(release__version=release.version_id, release__endpoint=release.endpoint_id)
    opinions = given.exclude(opinion="").select_related("person", "decision").order_by("-pk")
    return standing(opinions, release.decision)


def attach_seating(releases: Sequence[Release]) -> None:
    """The same for many releases, in at most three queries for all."""
    recusals, classes = dict[int, list[Recusal]](), dict[int, MaterialityClass]()
    back = [row for row in releases if _has(row, "has_recusals")]
    for row in releases:
        # Of a class, a list needs the level alone.
        if level := getattr(row, "class_level", None):
            classes[row.pk] = MaterialityClass(release=row, level=level)
    classed = [row for row in releases if not hasattr(row, "class_level")]
    for recusal in Recusal.objects.filter(release__in=back).select_related("person").order_by("pk"):
        recusals.setdefault(recusal.release_id, []).append(recusal)
    for one in MaterialityClass.objects.filter(release__in=classed).select_related("set_by").order_by("pk"):
        classes[one.release_id] = one
    versions = {row.version_id for row in releases if _has(row, "has_not_fit")}
    opinions = Approval.objects.filter(release__version__in=versions).exclude(opinion="")
    given = list(opinions.select_related("person", "decision", "release").order_by("-pk"))
    for release in releases:
        place = (release.version_id, release.endpoint_id)
        here = [row for row in given if (row.release.version_id, row.release.endpoint_id) == place]
        against = standing(here, release.decision)
        seating = Seating(recusals.get(release.pk, ()), classes.get(release.pk), against)
        release.loaded_seating = seating  # type: ignore[attr-defined]


def standing(opinions: Iterable[Approval], decision: Decision | None) -> list[Approval]:
    """The opinions "not fit" on this question, from any release of the version here; of each person the last counts."""
    found: dict[int, Approval] = {}
    for row in opinions:
        same = decision is not None and row.decision.inputs_digest == decision.inputs_digest
        if same and row.person_id not in found:
            found[row.person_id] = row
    return [row for row in found.values() if row.opinion == Opinion.NOT_FIT]


def roles_needed(decision: Decision) -> list[str]:
    """The roles that must approve by this decision alone. Never none."""
    return [one.role for one in plan_of(decision)]


def seats_of(release: Release, approvals: Sequence[Approval], *, now: datetime | None = None) -> list[SeatState]:
    """The seats in the order of the roles. `approvals` are newest first."""
    if release.decision is None:
        return []
    seating, now = seating_of(release), now or timezone.now()
    given = [row for row in approvals if row.counts and row.person_id not in seating.recused]
    found: list[SeatState] = []
    for demand in plan_of(release.decision, seating.materiality):
        against = seating.not_fit[0] if demand.opinion and seating.not_fit else None
        found += _fill(demand, release.decision, [row for row in given if row.role == demand.role], now, against)
    return _waiting(found)


def _fill(
    demand: Demand, decision: Decision, given: Sequence[Approval], now: datetime, against: Approval | None
) -> list[SeatState]:
    """Seats of one role: first those whose approval counts, then those that were filled once, then open ones."""
    seated: dict[int, SeatState] = {}
    for row in given:
        if demand.quorum and row.sitting_id is None:
            continue
        # Giver and deputy are one where seats are counted.
        who = row.delegation.giver_id if row.delegation is not None else row.person_id
        if who not in seated or not seated[who].is_filled:
            state = _state(demand, decision, row, now)
            if who not in seated or state.is_filled:
                seated[who] = state
    ranked = sorted(seated.values(), key=lambda one: not one.is_filled)[: demand.count]
    ranked += [SeatState(demand.role, None, demand=demand)] * (demand.count - len(ranked))
    return [_numbered(one, place, against) for place, one in enumerate(ranked, 1)]


def _numbered(one: SeatState, place: int, against: Approval | None) -> SeatState:
    return SeatState(
        one.role, one.approval, one.changed, one.stale, place, one.demand, expired=one.expired, not_fit=against
    )


def _state(demand: Demand, decision: Decision, row: Approval, now: datetime) -> SeatState:
    if row.valid_until is not None and row.valid_until <= now:
        return SeatState(demand.role, row, stale=True, demand=demand, expired=True)
    if same_question(row.decision, decision):
        return SeatState(demand.role, row, demand=demand)
    if not demand.reads_all and reads_the_same(row.decision, decision, demand.policies):
        return SeatState(demand.role, row, demand=demand)
    found = changes(row.decision, decision)
    if not demand.reads_all:
        found = relevant(found, decision, demand.policies) or found
    return SeatState(demand.role, row, tuple(found), stale=True, demand=demand)


def _waiting(found: list[SeatState]) -> list[SeatState]:
    empty = {one.role for one in found if not one.is_filled}
    return [
        SeatState(
            one.role,
            one.approval,
            one.changed,
            one.stale,
            one.number,
            one.demand,
            () if one.is_filled else tuple(sorted(one.demand.after & empty)),
            one.expired,
            one.not_fit,
        )
        for one in found
    ]


__all__ = [
    "DEFAULT_ROLES",
    "FieldChange",
    "SeatState",
    "Seating",
    "attach_bundles",
    "attach_seating",
    "bundles",
    "changes",
    "changes_since",
    "flat_facts",
    "load",
    "marked",
    "plan_of",
    "roles_needed",
    "same_question",
    "seating_of",
    "seats_of",
    "standing",
    "valid_days",
    "verdicts_of",
]
