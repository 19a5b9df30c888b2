"""Drive a rollout: may it go to this share, and it has arrived there."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from governance.canary import Answer, Reason
from governance.choices import ENDED_STATES, ReleaseState
from governance.models import Release, Rollout, RolloutState, RolloutStep
from governance.services import lifecycle
from governance.services.rollout_ends import breach, burn_in, finish
from governance.services.rollout_reading import Judgement, read_step
from governance.services.rollout_state import Told, allow, current_step, leave, locked, order, share_of
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput
from portal.ledger.services import record

S = ReleaseState
# How far the clocks of a deployer and of the portal may differ.
SKEW = timedelta(minutes=5)


@lifecycle.on_approved
def start(release: Release, *, actor: User | None, now: datetime) -> bool:
    """A release with a plan goes on by its steps. One whose shadow traffic went wrong goes nowhere."""
    rollout = Rollout.objects.filter(release=release).first()
    if rollout is None:
        return False
    if not rollout.is_over:
        body = {"plan": rollout.digest, "approval_share": rollout.approval_share}
        lifecycle.move(release, S.ROLLING_OUT, actor=actor, now=now, event="governance:release:rolling-out", **body)
    return True


@transaction.atomic
def ask(release: Release, *, actor: User, share: int, digest: str) -> Told:
    """ "May I go to this share?" A yes is recorded and is the desired state from then on; asked again, it is the same.

    digest: of the version that the deployer holds. Raises Conflict for another digest, InvalidInput for a share that
    the plan does not have.
    """
    rollout, step, now = _asked(release, actor, share, digest)
    if (told := _stopped(rollout, step)) is not None:
        return told
    here = current_step(rollout)
    judgement = read_step(rollout, here, now=now) if here is not None else None
    if judgement is not None and judgement.answer == Answer.ROLL_BACK:
        return breach(rollout, step, judgement, now)
    if step.number <= rollout.position:
        return _standing(rollout, step, judgement, actor=actor, now=now)
    reasons = order(rollout, step, here)
    if not reasons and judgement is not None:
        reasons = list(judgement.reasons)
    reasons += leave(rollout, step)
    if reasons:
        return Told(Answer.WAIT, rollout, step, reasons, judgement)
    allow(rollout, step, actor=actor, now=now)
    return Told(Answer.YES, rollout, step, [], judgement)


@transaction.atomic
def reached(release: Release, *, actor: User, share: int, digest: str, at: datetime | None = None) -> Told:
    """ "I am at this share." The step's time runs from when the report came in, whatever the deployer's clock says.

    Told twice it changes nothing; a late report of a step that is past changes nothing. Raises Conflict for a step
    that was not allowed, InvalidInput for a time in the future.
    """
    rollout, step, now = _asked(release, actor, share, digest)
    if at is not None and at > now + SKEW:
        how = "Check the deployer's clock."
        raise InvalidInput("The report lies in the future.", code="future", field="at", how=how)
    if (told := _stopped(rollout, step)) is not None:
        return told
    if step.number > rollout.position:
        raise Conflict(
            f"Nobody allowed {step} yet; the rollout is at {share_of(rollout)} %.",
            code="step-not-allowed",
            field="share",
            how="Go back to that share and ask.",
            details={"share": share_of(rollout)},
        )
    if step.number < rollout.position:
        late = Reason("late", f"The rollout is at {share_of(rollout)} % already.", {"share": share_of(rollout)})
        return Told(Answer.WAIT, rollout, step, [late])
    if step.reached_at is None:
        step.reached_at = now
        step.save(update_fields=["reached_at"])
        body = {"release": rollout.release.public_id, "share": step.share}
        record(actor=actor, event="governance:rollout_step:reached", subject=step, body=body, now=now)
        if step.share == 100:
            burn_in(rollout, actor=actor, now=now)
    return Told(Answer.YES, rollout, step)


def _asked(release: Release, actor: User, share: int, digest: str) -> tuple[Rollout, RolloutStep, datetime]:
    require(actor, Permission.GOVERNANCE_RELEASE_REQUEST, release.version.model.team_id)
    rollout = locked(release)
    if digest.removeprefix("sha256:") != rollout.release.version.digest:
        raise Conflict(
            f"That is not the digest of {rollout.release.version}.",
            code="other-digest",
            field="digest",
            how="Stop: what is being rolled out is not what this release is about.",
            details={"digest": rollout.release.version.digest},
        )
    step = rollout.steps.filter(share=share).first()
    if step is None:
        known = ", ".join(str(one) for one in rollout.steps.order_by("number").values_list("share", flat=True))
        raise InvalidInput(
            f"The plan has no step {share} %.", code="no-such-step", field="share", how=f"It has {known}."
        )
    return rollout, step, timezone.now()


def _stopped(rollout: Rollout, step: RolloutStep) -> Told | None:
    """The answer where the rollout does not go on whatever the numbers say."""
    release = rollout.release
    if rollout.state == RolloutState.ROLLED_BACK or release.state in (S.ROLLED_BACK, S.ROLLING_BACK):
        why = [Reason(one["code"], one["message"], {"earlier": True}) for one in rollout.reasons]
        return Told(Answer.ROLL_BACK, rollout, step, why or [Reason("rolled-back", "The release was rolled back.")])
    if rollout.state == RolloutState.DONE or release.state == S.LIVE:
        return Told(Answer.YES, rollout, step, [Reason("done", "The release is live.")])
    if release.state in ENDED_STATES or rollout.is_over or release.state == S.SUSPENDED:
        said = f"{release} is {str(release.get_state_display()).lower()}."
        return Told(Answer.ROLL_BACK, rollout, step, [Reason("release-over", said, {"release_state": release.state})])
    if release.state == S.HELD:
        return Told(Answer.WAIT, rollout, step, [Reason("held", f"{release} is held; stay where you are.")])
    return None


def _standing(rollout: Rollout, step: RolloutStep, judgement: Judgement | None, *, actor: User, now: datetime) -> Told:
    """Asked again for the step that stands (yes), or for one that is past (nothing to go to)."""
    if step.number < rollout.position:
        late = Reason("late", f"The rollout is at {share_of(rollout)} % already.", {"share": share_of(rollout)})
        return Told(Answer.WAIT, rollout, step, [late], judgement)
    if rollout.state == RolloutState.BURN_IN and judgement is not None and judgement.answer == Answer.YES:
        finish(rollout, actor=actor, now=now)
    return Told(Answer.YES, rollout, step, list(judgement.reasons) if judgement else [], judgement)
