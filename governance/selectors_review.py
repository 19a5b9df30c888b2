"""All that a reviewer needs about one release, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils import timezone

from catalog.models import BiasMeasure, Evidence
from governance import policies, seats
from governance.choices import BLOCKING, ReleaseState, Verdict
from governance.models import Approval, Condition, Decision, Recusal, Release
from governance.seats import FieldChange, SeatState
from governance.services.releases import fact_job
from portal.accounts.choices import SECOND_LINE, Kind, Role
from portal.accounts.models import Membership, User
from portal.jobs.models import Job

MAX_EVIDENCE = 100
DECIDABLE = (ReleaseState.IN_REVIEW, ReleaseState.LIVE)


@dataclass(frozen=True)
class RuleView:
    """What one rule said, as the stored decision holds it."""

    policy: str
    id: str
    title: str
    verdict: str
    message: str
    role: str
    enforcement: str
    controls: Sequence[str]
    facts: Sequence[Mapping[str, Any]]
    missing: Sequence[str]


@dataclass(frozen=True)
class Seat:
    """A seat that must be filled. state: open, filled, stale, waits, not_fit, or mine: the reader could decide.

    number: which of several of the role; waits_for: labels of the roles that come first; quorum: of a committee, else
    0; opinion: whether it says fit or not fit; why: what asks it where no policy does; expired: its time ran out.
    """

    role: str
    label: str
    state: str
    approval: Approval | None
    changed: Sequence[FieldChange]
    holders: Sequence[str]
    number: int = 1
    waits_for: Sequence[str] = ()
    quorum: int = 0
    opinion: bool = False
    why: str = ""
    expired: bool = False
    not_fit: Approval | None = None
    recused: Sequence[Recusal] = ()

    @property
    def line(self) -> str:
        """The line of defence that the seat stands in."""
        return "second line" if self.role in SECOND_LINE else "first line"


@dataclass(frozen=True)
class Options:
    """Whether the reader may decide, in which roles; else why not, and who may."""

    may: bool
    roles: Sequence[str]
    why_not: str
    who_may: Sequence[str]


@dataclass(frozen=True)
class Review:
    """A release as its page and its report show it. Approvals are newest first; rules are in the policies' order."""

    release: Release
    decision: Decision | None
    seats: Sequence[Seat] = ()
    approvals: Sequence[Approval] = ()
    rules: Sequence[RuleView] = ()
    asks: Sequence[RuleView] = ()
    cannot_conclude: Sequence[RuleView] = ()
    fails: Sequence[RuleView] = ()
    passes: Sequence[RuleView] = ()
    advisory: Sequence[RuleView] = ()
    conditions: Sequence[Condition] = ()
    evidence: Sequence[Evidence] = ()
    next_roles: Sequence[str] = ()
    consequences: Mapping[str, str] = field(default_factory=dict)
    job: Job | None = None

    @property
    def open_conditions(self) -> list[Condition]:
        return [row for row in self.conditions if row.state == "open"]

    @property
    def is_stale(self) -> bool:
        """Whether somebody's approval was for other facts than those that hold now."""
        return any(seat.changed for seat in self.seats)


def live_measures(facts: Mapping[str, Any]) -> list[BiasMeasure]:
    """What the facts compare with: the live version's measures, whole, from the evidence that they name; one query."""
    named = {str(row.get("evidence_live") or "").removeprefix("EV-") for row in facts.get("bias_changes") or ()}
    numbers = [int(number) for number in named if number.isdecimal()]
    if not numbers:
        return []
    return list(BiasMeasure.objects.filter(evidence__in=numbers).select_related("evidence"))


def approvals_of(release: Release) -> list[Approval]:
    """The release's approvals, newest first; read once for one loaded row."""
    if not hasattr(release, "loaded_approvals"):
        release.loaded_approvals = seats.load(release)  # type: ignore[attr-defined]
    return release.loaded_approvals  # type: ignore[attr-defined,no-any-return]


def review_of(release: Release, *, actor: User) -> Review:
    """The release for this reader: at most seven queries on a row from `release_numbered`."""
    decision = release.decision
    approvals = approvals_of(release)
    job = fact_job(release.version) if release.state == ReleaseState.CHECKING else None
    if decision is None:
        return Review(release, None, approvals=approvals, evidence=_evidence(release), job=job)
    states = seats.seats_of(release, approvals)
    options = decide_options(release, actor)
    rules = [_rule(one) for one in decision.result.get("rules", [])]
    counted = [rule for rule in rules if rule.enforcement == "block"]
    return Review(
        release=release,
        decision=decision,
        seats=[_seat(state, release, options, _holders(release, actor)) for state in states],
        approvals=approvals,
        rules=rules,
        asks=_with(counted, Verdict.ASK),
        cannot_conclude=_with(counted, Verdict.UNKNOWN),
        fails=_with(counted, Verdict.FAIL),
        passes=_with(counted, Verdict.PASS),
        advisory=[rule for rule in rules if rule.enforcement != "block"],
        conditions=_conditions(release),
        evidence=_evidence(release),
        next_roles=[state.role for state in states if not state.is_filled],
        consequences=_consequences(release, states),
        job=job,
    )


def decide_options(release: Release, actor: User) -> Options:
    """What the reader could decide here now, with the reason in words where it is nothing."""
    states = seats.seats_of(release, approvals_of(release))
    waiting = list(dict.fromkeys(state.role for state in states if not state.is_filled))
    why = _why_not(release, actor, states, waiting)
    if not why:
        able = [state.role for state in states if state.is_open and not state.demand.quorum]
        roles = policies.roles_to_decide(actor, release, able)
        if roles:
            return Options(True, [str(role) for role in roles], "", ())
        why = _why_none(release, actor, states, waiting)
    who = _holders(release, actor) if waiting and _is_decidable(release) else {}
    names = [name for role in waiting for name in who.get(role, ())]
    return Options(False, (), why, list(dict.fromkeys(names)))


def _is_decidable(release: Release) -> bool:
    verdict = release.decision.verdict if release.decision else ""
    return release.state in DECIDABLE and verdict not in BLOCKING


def _why_not(release: Release, actor: User, states: Sequence[SeatState], waiting: Sequence[str]) -> str:
    if release.state not in DECIDABLE:
        return f"The release is not in review: {str(release.get_state_display()).lower()}."
    if not _is_decidable(release):
        return "A gate refuses what is live now; an approval cannot change that."
    if not waiting:
        return "Every seat is filled; nothing is left to decide."
    if why := policies.conflict_of(actor, release):
        return why
    current = [state.approval for state in states if state.approval is not None and state.is_filled]
    if held := policies.other_seat_of(actor, current):
        return f"You have decided already, as {held.lower()}; one person fills one seat."
    against = next((row for row in seats.seating_of(release).not_fit if row.person_id != actor.pk), None)
    if against is not None:
        return f"{against.person} found this version not fit for this use; that cannot be outvoted or waived."
    return ""


def _why_none(release: Release, actor: User, states: Sequence[SeatState], waiting: Sequence[str]) -> str:
    """Why none of the seats is the reader's: the one that is nearly theirs says it best."""
    held = policies.roles_of(actor, release.version.model.team_id, waiting)
    for state in states:
        if state.role in held and not state.is_filled:
            if why := policies.author_conflict(actor, release, state.role):
                return why
            if state.waits_for:
                return f"Your seat waits for {_labels(state.waits_for)}, who decide first."
            if state.demand.quorum:
                return "A committee fills your seat: its members vote in a sitting."
    return f"It waits for {_labels(waiting)}, and you do not hold {'that role' if len(waiting) == 1 else 'one'} here."


def _seat(state: SeatState, release: Release, options: Options, holders: Mapping[str, Sequence[str]]) -> Seat:
    name = "filled" if state.is_filled else "stale" if state.stale else "waits" if state.waits_for else "open"
    if state.not_fit is not None and state.demand.opinion:
        name = "not_fit"
    elif release.state == ReleaseState.IN_REVIEW and state.is_open and state.role in options.roles:
        name = "mine"
    return Seat(
        state.role,
        str(Role(state.role).label),
        name,
        state.approval,
        state.changed,
        holders.get(state.role, ()),
        state.number,
        [str(Role(role).label) for role in state.waits_for],
        state.demand.quorum,
        state.demand.opinion,
        state.demand.why,
        state.expired,
        state.not_fit,
        [row for row in seats.seating_of(release).recusals if row.role == state.role],
    )


def _holders(release: Release, actor: User) -> dict[str, list[str]]:
    """Names of who may fill each seat: holders and deputies, without whose duties stay apart; one query."""
    if hasattr(release, "loaded_holders"):
        return release.loaded_holders  # type: ignore[no-any-return]
    plan = seats.plan_of(release.decision, seats.seating_of(release).materiality) if release.decision else []
    roles = [one.role for one in plan]
    team = release.version.model.team_id
    rows = Membership.objects.filter(
        Q(team=team) | Q(team=None), role__in=roles, ended_at=None, user__is_active=True, user__kind=Kind.PERSON
    )
    found: dict[str, list[str]] = {}
    for row in rows.select_related("user").order_by("user__name", "user_id"):
        found.setdefault(row.role, [])
        apart = policies.conflict_of(row.user, release) or policies.author_conflict(row.user, release, row.role)
        if not apart and str(row.user) not in found[row.role]:
            found[row.role].append(str(row.user))
    now = timezone.now()
    for one in policies.delegations_open(actor):
        if not one.holds_at(now) or one.role not in roles:
            continue
        if one.covers(release) and not policies.conflict_of(one.deputy, release):
            found.setdefault(one.role, []).append(f"{one.deputy} (for {one.giver})")
    release.loaded_holders = found  # type: ignore[attr-defined]
    return found


def _evidence(release: Release) -> list[Evidence]:
    return list(Evidence.objects.filter(version=release.version_id).order_by("-pk")[:MAX_EVIDENCE])


def _conditions(release: Release) -> list[Condition]:
    if not getattr(release, "has_conditions", True):
        return []
    rows = Condition.objects.filter(release=release).select_related("owner", "approval__person", "set_by", "closed_by")
    return list(rows.order_by("state", "due_on", "pk"))


def _consequences(release: Release, states: Sequence[SeatState]) -> dict[str, str]:
    """What follows if the reader approves, rejects, or does nothing."""
    if release.state != ReleaseState.IN_REVIEW:
        return {}
    live = getattr(release, "live_version", None)
    stays = f"{live} goes on answering at {release.endpoint.name}" if live else f"{release.endpoint.name} stays empty"
    last = sum(not state.is_filled for state in states) == 1
    goes = f"{release.version} answers at {release.endpoint.name} at once" + (f" in place of {live}." if live else ".")
    return {
        "approve": goes if last else f"The other seats must still decide; until then {stays}.",
        "reject": f"The release ends and {stays}.",
        "nothing": f"The release waits and {stays}.",
    }


def _rule(rule: Mapping[str, Any]) -> RuleView:
    return RuleView(
        policy=rule["policy"],
        id=rule["id"],
        title=rule.get("title", rule["id"]),
        verdict=rule["verdict"],
        message=rule.get("message", ""),
        role=rule.get("role", ""),
        enforcement=rule.get("enforcement", "block"),
        controls=rule.get("controls", ()),
        facts=rule.get("facts", ()),
        missing=rule.get("missing", ()),
    )


def _with(rules: Iterable[RuleView], verdict: str) -> list[RuleView]:
    return [rule for rule in rules if rule.verdict == verdict]


def _labels(roles: Sequence[str]) -> str:
    words = [f"the {str(Role(role).label).lower()}" for role in roles]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
