"""The life of a release as its page draws it: where it is, what comes next, who must act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from governance.choices import (
    ENDED_STATES,
    UNDER_WAY,
    EmergencyState,
    FallbackKind,
    ReleaseState,
)
from governance.models import Emergency, Release
from governance.pages.banner import role_words
from governance.selectors import Review
from governance.services.emergency import allowed_roles
from governance.services.fallbacks import BACKABLE
from governance.services.lifecycle import HOLDABLE, SUSPENDABLE, waits_for
from portal.access import Permission, can
from portal.accounts.models import User

S = ReleaseState
P = Permission
PATH = (S.DRAFT, S.CHECKING, S.IN_REVIEW, S.APPROVED, S.ROLLING_OUT, S.BURN_IN, S.LIVE)
# Where on the path a state stands that is no step of it.
BESIDE = {
    S.BLOCKED: S.IN_REVIEW,
    S.CHANGES_ASKED: S.IN_REVIEW,
    S.REJECTED: S.IN_REVIEW,
    S.SUSPENDED: S.LIVE,
    S.ROLLING_BACK: S.LIVE,
    S.ROLLED_BACK: S.LIVE,
    S.SUPERSEDED: S.LIVE,
}
WAITS = {
    S.DRAFT: ("the gates run", "who drafted it, by asking for it"),
    S.CHECKING: ("the gates answer", "nobody; a fact is still being computed"),
    S.BLOCKED: ("the gates run again", "the requester, by supplying the fact that the rule names"),
    S.CHANGES_ASKED: ("the gates run again", "the requester, by supplying what the reviewer asks for"),
    S.APPROVED: ("it goes on", "nobody"),
    S.ROLLING_OUT: ("the next step of its plan", "the deployer, by asking whether it may go on"),
    S.BURN_IN: ("live", "nobody; it is watched"),
    S.LIVE: ("another release follows it", "nobody"),
    S.HELD: ("it goes on where it was", "the second line, by resuming or rolling back"),
    S.SUSPENDED: ("it answers again, or is rolled back", "the second line"),
    S.ROLLING_BACK: ("rolled back", "nobody"),
}


@dataclass(frozen=True)
class Step:
    """One step of the path. look: done, now, off (it stopped here) or an empty string."""

    label: str
    look: str
    icon: str
    note: str


@dataclass(frozen=True)
class Act:
    label: str
    icon: str
    url: str


def lifeline(release: Release, review: Review, actor: User) -> dict[str, Any]:
    """What `governance/parts/lifeline.html` draws."""
    following, who = _next(release, review)
    return {
        "steps": _steps(release),
        "following": following,
        "who": who,
        "fallback": fallback_words(release),
        "stop_reason": release.stop_reason,
        "stopped_at": release.stopped_at,
        "emergency": getattr(release, "emergency", None),
        "acts": acts(release, actor),
        "is_over": release.state in ENDED_STATES,
    }


def place_of(release: Release) -> ReleaseState:
    """The step of the path at which the release is, or was when it left the path."""
    state = S(release.held_from or release.state)
    if state in (S.WITHDRAWN, S.EXPIRED):
        return S.IN_REVIEW if release.decision_id else S.CHECKING
    return BESIDE.get(state, state)


def _steps(release: Release) -> list[Step]:
    here, state = place_of(release), S(release.state)
    planned = hasattr(release, "rollout") or here in UNDER_WAY
    shown = [one for one in PATH if (one != S.DRAFT or here == S.DRAFT) and (one not in UNDER_WAY or planned)]
    found, at = [], shown.index(here)
    for place, one in enumerate(shown):
        if place != at:
            done = place < at
            found.append(Step(str(one.label), "done" if done else "", "check" if done else "minus", ""))
        elif state == one:
            is_done = one == S.LIVE
            found.append(
                Step(str(one.label), "done" if is_done else "now", "check" if is_done else "circle-dot", "Now")
            )
        else:
            found.append(Step(str(one.label), "off", "octagon-x", str(state.label)))
    return found


def _next(release: Release, review: Review) -> tuple[str, str]:
    state = S(release.state)
    if state in ENDED_STATES:
        return "nothing; it is over", "nobody"
    if state == S.IN_REVIEW:
        waiting = [seat.role for seat in review.seats if seat.state != "filled"]
        return "approved, and live unless a plan says otherwise", role_words(waiting) if waiting else "nobody"
    if state == S.APPROVED and (other := waits_for(release)) is not None:
        return f"it goes on once {other} is over", f"whoever decides on {other}"
    following, who = WAITS[state]
    emergency = getattr(release, "emergency", None)
    if emergency is not None and emergency.state != EmergencyState.REVIEWED:
        return "the review of its emergency", "the second line, but not who declared it"
    return following, who


def _may_review(emergency: Emergency | None, actor: User) -> bool:
    if emergency is None or emergency.state == EmergencyState.REVIEWED:
        return False
    return emergency.declared_by_id != actor.pk


def fallback_words(release: Release) -> str:
    """Where it goes back to, in words."""
    if release.fallback == FallbackKind.VERSION:
        return (
            f"{release.fallback_version}, if it is still approved and passes its gates; else the endpoint is suspended"
        )
    if release.fallback == FallbackKind.MANUAL:
        return f"a manual process: {release.fallback_text}"
    return "the endpoint is suspended"


def acts(release: Release, actor: User) -> Sequence[Act]:
    """What this reader could do to the release beside deciding."""
    team, state = release.version.model.team_id, S(release.state)
    origin = release.held_from or release.state

    def act(label: str, icon: str, name: str) -> Act:
        return Act(label, icon, reverse(name, kwargs={"number": release.pk}))

    found = []
    if state == S.DRAFT and release.requested_by_id == actor.pk:
        found.append(act("Ask for it", "rocket", "release-submit"))
    if can(actor, P.GOVERNANCE_RELEASE_HOLD, team):
        found += [act("Resume", "play", "release-resume")] if state in (S.HELD, S.SUSPENDED) else []
        found += [act("Hold", "pause", "release-hold")] if state in HOLDABLE else []
        may_suspend = state in SUSPENDABLE or (state == S.HELD and origin in SUSPENDABLE)
        found += [act("Suspend", "ban", "release-suspend")] if may_suspend else []
    at_fallback = state == S.SUSPENDED and release.fallback == FallbackKind.SUSPEND
    if can(actor, P.GOVERNANCE_RELEASE_ROLL_BACK, team) and origin in BACKABLE and not at_fallback:
        found.append(act("Roll back", "undo-2", "release-roll-back"))
    if (
        state == S.IN_REVIEW
        and can(actor, P.GOVERNANCE_RELEASE_EMERGENCY, team)
        and allowed_roles(release, actor=actor)
    ):
        found.append(act("Emergency", "shield-alert", "release-emergency"))
    emergency = getattr(release, "emergency", None)
    if _may_review(emergency, actor) and can(actor, P.GOVERNANCE_RELEASE_DECIDE, team):
        found.append(act("Review the emergency", "user-check", "release-emergency-review"))
    if can(actor, P.GOVERNANCE_RELEASE_HOLD, team) and state not in (*ENDED_STATES, S.DRAFT):
        found.append(act("Set a condition", "list-checks", "condition-new"))
    if can(actor, P.GOVERNANCE_FINDING_RAISE, team):
        found.append(act("Raise a finding", "search", "finding-new"))
    return found
