"""How a rollout ends: all traffic and burn-in, live, rolled back by itself, or with its release."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from governance.canary import Answer
from governance.choices import ENDED_STATES, UNDER_WAY, ReleaseState
from governance.models import Release, Rollout, RolloutState, RolloutStep
from governance.services import fallbacks, lifecycle
from governance.services.incidents import open_draft
from governance.services.rollout_reading import Judgement, read_step
from governance.services.rollout_state import Told, allow, call_deployer, current_step, leave, locked, order
from portal.accounts.models import User
from portal.errors import DomainError
from portal.ledger.services import record

log = structlog.get_logger(__name__)
S = ReleaseState


def burn_in(rollout: Rollout, *, actor: User | None, now: datetime) -> None:
    """All traffic: the version answers at the endpoint, and is watched until it counts as live."""
    release = rollout.release
    lifecycle.move(release, S.BURN_IN, actor=actor, now=now, event="governance:release:burn-in")
    lifecycle.take_over(release, actor=actor, now=now)
    rollout.state = RolloutState.BURN_IN
    rollout.save(update_fields=["state"])
    body = {"release": release.public_id, "minutes": rollout.burn_in_minutes}
    record(actor=actor, event="governance:rollout:burn-in", subject=rollout, body=body, now=now)


def finish(rollout: Rollout, *, actor: User | None, now: datetime) -> None:
    rollout.state, rollout.ended_at = RolloutState.DONE, now
    rollout.save(update_fields=["state", "ended_at"])
    record(
        actor=actor,
        event="governance:rollout:done",
        subject=rollout,
        body={"release": rollout.release.public_id},
        now=now,
    )
    lifecycle.go_live(rollout.release, actor=actor, now=now)


def breach(rollout: Rollout, step: RolloutStep | None, judgement: Judgement, now: datetime) -> Told:
    """Roll back by itself: the rollout ends, a draft of an incident is opened, the release goes to its fallback."""
    reasons = [one.document() for one in judgement.reasons]
    rollout.state, rollout.ended_at, rollout.reasons = RolloutState.ROLLED_BACK, now, reasons
    rollout.save(update_fields=["state", "ended_at", "reasons"])
    release = rollout.release
    codes = [one["code"] for one in reasons]
    body = {"release": release.public_id, "codes": codes, "step": rollout.position}
    record(actor=None, event="governance:rollout:breached", subject=rollout, body=body, now=now)
    said = " ".join(one["message"] for one in reasons)
    summary = {
        "reasons": reasons,
        "metrics": [one.document() for one in judgement.readings],
        "step": rollout.position,
        "share": current.share if (current := current_step(rollout)) else 0,
        "plan": rollout.digest,
    }
    open_draft(release, actor=None, cause=codes[0], title=said, summary=summary, now=now)
    call_deployer(rollout)
    if release.state in UNDER_WAY:
        rollout.release = fallbacks.roll_back(release, actor=None, reason=said)
    return Told(Answer.ROLL_BACK, rollout, step, judgement.reasons, judgement)


@transaction.atomic
def look(release: Release) -> Told | None:
    """Judge the rollout unasked: roll back on a breach, go live after the burn-in. None: there is nothing to judge."""
    rollout = locked(release)
    now = timezone.now()
    if rollout.is_over:
        return None
    release = rollout.release
    if release.state in (*ENDED_STATES, S.SUSPENDED, S.ROLLING_BACK) or release.state == S.LIVE:
        _end_with_release(rollout, now=now)
        return None
    step = current_step(rollout)
    if release.state == S.HELD:
        return None
    if step is None:
        return _go_on(rollout, None, now)
    judgement = read_step(rollout, step, now=now)
    if judgement.answer == Answer.ROLL_BACK:
        return breach(rollout, step, judgement, now)
    if judgement.answer == Answer.YES and rollout.state == RolloutState.BURN_IN:
        finish(rollout, actor=None, now=now)
    elif judgement.answer == Answer.YES and (told := _go_on(rollout, judgement, now)) is not None:
        return told
    if step.reached_at is None:
        call_deployer(rollout)
    return Told(judgement.answer, rollout, step, judgement.reasons, judgement)


def _go_on(rollout: Rollout, judgement: Judgement | None, now: datetime) -> Told | None:
    """Where the plan names a webhook, the portal itself allows the next step once nothing is against it."""
    step = rollout.steps.filter(number=rollout.position + 1).first()
    if not rollout.webhook_url or step is None:
        return None
    if order(rollout, step, current_step(rollout)) or leave(rollout, step):
        return None
    allow(rollout, step, actor=None, now=now)
    return Told(Answer.YES, rollout, step, [], judgement)


def _end_with_release(rollout: Rollout, *, now: datetime) -> None:
    rollout.state, rollout.ended_at = RolloutState.ENDED, now
    rollout.save(update_fields=["state", "ended_at"])
    body = {"release": rollout.release.public_id, "release_state": rollout.release.state}
    record(actor=None, event="governance:rollout:ended", subject=rollout, body=body, now=now)


def sweep() -> int:
    """Look at every rollout that runs; how many were judged."""
    running = Rollout.objects.exclude(
        state__in=[RolloutState.DONE, RolloutState.ROLLED_BACK, RolloutState.ENDED]
    ).select_related("release")
    judged = 0
    for rollout in running.order_by("pk")[:200]:
        try:
            judged += look(rollout.release) is not None
        except DomainError as error:
            # One that cannot be moved must not keep the others from being looked at.
            log.warning("rollout_not_judged", rollout=rollout.pk, code=error.code)
    return judged
