"""The life of a release: its one writer of state, what approval leads to, hold, suspend, resume, expire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from catalog.services.endpoints import close_deployment, lock_endpoint, open_deployment
from governance import policies, seats
from governance.choices import (
    ASKED_STATES,
    BLOCKING,
    ENDED_STATES,
    TRANSITIONS,
    UNDER_WAY,
    ConditionState,
    EmergencyState,
    Overdue,
    ReleaseState,
    SecondRelease,
)
from governance.models import Emergency, Release, ReleaseRules
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.services import record

S = ReleaseState
# Takes an approved release on by steps of its own and says True, or says False and it goes live at once.
Starter = Callable[..., bool]
_starters: list[Starter] = []
HOLDABLE = (S.IN_REVIEW, S.APPROVED, *UNDER_WAY, S.LIVE)
SUSPENDABLE = (*UNDER_WAY, S.LIVE)
# What a release replaces when it takes over an endpoint: what answers there, or would if it were not stopped.
STANDING = Q(state__in=[S.LIVE, S.SUSPENDED]) | Q(state=S.HELD, held_from=S.LIVE)


def on_approved(starter: Starter) -> Starter:
    """Register who may take an approved release on by steps: starter(release, *, actor, now) -> bool."""
    if starter not in _starters:
        _starters.append(starter)
    return starter


def lock_release(pk: int) -> Release:
    """The release's row, locked until the transaction ends. Take the endpoint's lock first."""
    rows = Release.objects.select_for_update(of=("self",)).select_related(
        "endpoint__team", "version__model__team", "version__training_run", "decision", "requested_by"
    )
    return rows.get(pk=pk)


def rules_of(endpoint_id: int) -> ReleaseRules:
    """What the endpoint says about releases to it; the defaults, unsaved, where it says nothing."""
    return ReleaseRules.objects.filter(endpoint=endpoint_id).first() or ReleaseRules(endpoint_id=endpoint_id)


def move(
    release: Release,
    state: ReleaseState,
    *,
    actor: User | None,
    event: str,
    now: datetime | None = None,
    **extra: Any,
) -> None:
    """Change the state and record it: the last act of a transaction that holds the release's lock."""
    if state != release.state and state not in TRANSITIONS[release.state]:
        raise Conflict(
            f"{release} is {str(release.get_state_display()).lower()}; it cannot become {state.label.lower()}.",
            code="wrong-state",
            how="Open the release again: somebody acted first.",
        )
    now = now or timezone.now()
    personal = extra.pop("personal", None)
    release.state = state
    if state not in (S.HELD, S.SUSPENDED):
        release.held_from, release.stop_reason, release.stopped_at = "", "", None
    if state == S.LIVE and release.live_at is None:
        release.live_at = now
    release.ended_at = (release.ended_at or now) if state in ENDED_STATES else None
    release.save(update_fields=["state", "decision", "live_at", "ended_at", "held_from", "stop_reason", "stopped_at"])
    body = {"state": str(state), "decision": release.decision.digest if release.decision else None, **extra}
    record(actor=actor, event=event, subject=release, body=body, personal=personal, now=now)


def has_quorum(release: Release) -> bool:
    """Whether every seat is filled by an approval that still counts, and no gate refuses."""
    if release.decision is None or release.decision.verdict in BLOCKING:
        return False
    return all(seat.is_filled for seat in seats.seats_of(release, seats.load(release)))


def waits_for(release: Release) -> Release | None:
    """The release of the same endpoint that must be over before this one may go live, or None."""
    others = Release.objects.filter(endpoint=release.endpoint_id).exclude(pk=release.pk).order_by("pk")
    first = others.filter(state__in=UNDER_WAY).first()
    if first is None and rules_of(release.endpoint_id).second_release == SecondRelease.QUEUE:
        first = others.filter(state__in=ASKED_STATES, pk__lt=release.pk).first()
    return first


def approved(release: Release, *, actor: User | None, now: datetime) -> None:
    """Every seat is filled: approved, and on its way, unless another release of the endpoint comes first."""
    move(release, S.APPROVED, actor=actor, now=now, event="governance:release:approved")
    go_on(release, actor=actor, now=now)


def go_on(release: Release, *, actor: User | None, now: datetime) -> bool:
    """Take an approved release on, by its plan or at once; whether it moved. The caller holds both locks."""
    if release.state != S.APPROVED or waits_for(release) is not None or not has_quorum(release):
        return False
    if any(starter(release, actor=actor, now=now) for starter in _starters):
        return True
    go_live(release, actor=actor, now=now)
    return True


def go_live(release: Release, *, actor: User | None, now: datetime | None = None, **body: Any) -> None:
    """The version answers at the endpoint, and what stood there is over. The caller holds both locks."""
    now = now or timezone.now()
    take_over(release, actor=actor, now=now)
    move(release, S.LIVE, actor=actor, now=now, event="governance:release:live", **body)


def take_over(release: Release, *, actor: User | None, now: datetime) -> None:
    """Open the version's deployment, unless it answers already, and end the releases that stood at the endpoint."""
    if not answers(release):
        open_deployment(release.endpoint, release.version, actor=actor, release_ref=release.public_id, now=now)
    for former in Release.objects.filter(STANDING, endpoint=release.endpoint_id).exclude(pk=release.pk).order_by("pk"):
        move(
            lock_release(former.pk),
            S.SUPERSEDED,
            actor=actor,
            now=now,
            event="governance:release:superseded",
            by=release.public_id,
        )


def answers(release: Release) -> bool:
    """Whether the release's version answers at its endpoint now."""
    open_now = release.endpoint.deployments.filter(during__upper_inf=True)
    return open_now.filter(version=release.version_id).exists()


def _locked(release: Release) -> Release:
    lock_endpoint(release.endpoint_id)
    return lock_release(release.pk)


def _check_second_line(release: Release, actor: User | None, reason: str) -> None:
    if actor is not None:
        require(actor, Permission.GOVERNANCE_RELEASE_HOLD, release.version.model.team_id)
    if not reason.strip():
        raise InvalidInput("A reason is needed.", code="reason-missing", field="reason", how="Say why in a sentence.")


def _stop(release: Release, state: ReleaseState, *, actor: User | None, reason: str, now: datetime, event: str) -> None:
    release.held_from = release.held_from or release.state
    release.stop_reason, release.stopped_at = reason.strip()[:4000], now
    move(release, state, actor=actor, now=now, event=event, personal={"reason": release.stop_reason})


@transaction.atomic
def hold(release: Release, *, actor: User | None, reason: str) -> Release:
    """Nothing moves on until the second line resumes it; what answers goes on answering, marked as held.

    actor None is the portal itself, when something is overdue. Raises Conflict where there is nothing to hold.
    """
    _check_second_line(release, actor, reason)
    release = _locked(release)
    if release.state not in HOLDABLE:
        raise _nothing(release, "held")
    now = timezone.now()
    _stop(release, S.HELD, actor=actor, reason=reason, now=now, event="governance:release:held")
    return release


@transaction.atomic
def suspend(release: Release, *, actor: User | None, reason: str) -> Release:
    """Close the deployment: the version answers nobody until the second line resumes it. Refusals as `hold`."""
    _check_second_line(release, actor, reason)
    release = _locked(release)
    if release.state not in SUSPENDABLE and not (release.state == S.HELD and release.held_from in SUSPENDABLE):
        raise _nothing(release, "suspended")
    now = timezone.now()
    if answers(release):
        close_deployment(release.endpoint, actor=actor, release_ref=release.public_id, now=now)
    _stop(release, S.SUSPENDED, actor=actor, reason=reason, now=now, event="governance:release:suspended")
    return release


def _nothing(release: Release, what: str) -> Conflict:
    return Conflict(
        f"{release} is {str(release.get_state_display()).lower()} and cannot be {what}.",
        code="wrong-state",
        how="Open the release again; its page says what can be done now.",
    )


@transaction.atomic
def resume(release: Release, *, actor: User, reason: str) -> Release:
    """Let a held or suspended release go on where it was; the second line only, with no part in the release.

    Raises Conflict while something overdue holds it, while an emergency waits for its review, and where a
    suspended release has no full, fresh quorum.
    """
    _check_second_line(release, actor, reason)
    release = _locked(release)
    if release.state not in (S.HELD, S.SUSPENDED):
        raise _nothing(release, "resumed")
    if why := policies.conflict_of(actor, release):
        raise PermissionRefused(why, code="separation-of-duties", how="Ask a person who had no part in it.")
    _check_nothing_holds(release)
    now, personal = timezone.now(), {"reason": reason.strip()}
    event = "governance:release:resumed"
    if release.state == S.SUSPENDED:
        _check_may_answer_again(release)
        take_over(release, actor=actor, now=now)
        move(release, S.LIVE, actor=actor, now=now, event=event, personal=personal)
        return release
    back = S(release.held_from)
    if back in (S.IN_REVIEW, S.APPROVED):
        move(release, S.IN_REVIEW, actor=actor, now=now, event=event, personal=personal)
        if has_quorum(release):
            approved(release, actor=actor, now=now)
        return release
    move(release, back, actor=actor, now=now, event=event, personal=personal)
    return release


def _check_nothing_holds(release: Release) -> None:
    overdue = {"state": ConditionState.OPEN, "overdue_at__isnull": False}
    stops = (Overdue.HOLD, Overdue.ROLL_BACK)
    held = release.conditions.filter(**overdue, on_overdue__in=stops).exists()
    if held or release.version.findings.filter(**overdue, on_overdue__in=stops).exists():
        raise Conflict(
            "What holds it is still open and overdue.",
            code="still-overdue",
            how="Close the overdue condition or finding with proof first.",
        )
    if Emergency.objects.filter(release=release).exclude(state=EmergencyState.REVIEWED).exists():
        raise Conflict(
            "It went live as an emergency that nobody has reviewed.",
            code="emergency-not-reviewed",
            how="Review the emergency first.",
        )


def _check_may_answer_again(release: Release) -> None:
    others = Release.objects.filter(endpoint=release.endpoint_id).exclude(pk=release.pk)
    if others.filter(Q(state__in=[S.LIVE, *UNDER_WAY]) | Q(state=S.HELD, held_from=S.LIVE)).exists():
        raise Conflict("Another release answers there now.", code="endpoint-taken", how="Ask for a new release.")
    if release.held_from == S.ROLLING_OUT or not has_quorum(release):
        raise Conflict(
            "It has no full, fresh set of approvals, so it cannot answer again.",
            code="no-quorum",
            how="Roll it back, or ask for a new release of the version.",
        )


@transaction.atomic
def expire(release: Release) -> Release:
    """End what was not decided, or not taken live, in time. A release that moved on meanwhile stays as it is."""
    release = _locked(release)
    if release.state in expirable_states() and is_late(release, timezone.now()):
        move(release, S.EXPIRED, actor=None, event="governance:release:expired")
    return release


def expirable_states() -> tuple[ReleaseState, ...]:
    return tuple(S(state) for state, following in TRANSITIONS.items() if S.EXPIRED in following)


def is_late(release: Release, now: datetime) -> bool:
    """Whether its time to be approved and go live is over."""
    if release.valid_until is not None and release.valid_until <= now:
        return True
    undecided = release.state != S.APPROVED and release.due_at is not None and release.due_at <= now
    return undecided and rules_of(release.endpoint_id).expire_when_due
