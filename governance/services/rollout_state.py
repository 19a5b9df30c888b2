"""What a rollout is at: its lock, its step, its share, and the answer that a deployer gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from catalog.selectors import live_deployment
from catalog.services.endpoints import lock_endpoint
from governance.canary import Answer, Reason
from governance.choices import UNDER_WAY
from governance.models import Release, Rollout, RolloutState, RolloutStep
from governance.services import lifecycle
from governance.services.rollout_plans import approved_share
from governance.services.rollout_reading import Judgement
from portal.accounts.models import User
from portal.errors import Conflict
from portal.jobs.choices import OPEN
from portal.jobs.models import Job
from portal.jobs.services import enqueue
from portal.ledger.services import record

CALL = "governance:rollout:call"


@dataclass(frozen=True)
class Told:
    """The answer to a deployer: yes, wait or roll back, for which step, and why."""

    answer: Answer
    rollout: Rollout
    step: RolloutStep | None
    reasons: list[Reason] = field(default_factory=list)
    judgement: Judgement | None = None

    def document(self) -> dict[str, Any]:
        now = current_step(self.rollout)
        return {
            "answer": str(self.answer),
            "release": self.rollout.release.public_id,
            "state": self.rollout.state,
            "release_state": self.rollout.release.state,
            "asked_share": self.step.share if self.step else None,
            "share": share_of(self.rollout),
            "step": now.number if now else 0,
            "approved_share": approved_share(self.rollout),
            "plan": self.rollout.digest,
            "reasons": [one.document() for one in self.reasons],
            "metrics": [one.document() for one in self.judgement.readings] if self.judgement else [],
        }


def locked(release: Release) -> Rollout:
    """The rollout with its release, all locked. Raises Conflict where the release has no plan."""
    lock_endpoint(release.endpoint_id)
    release = lifecycle.lock_release(release.pk)
    rollout = Rollout.objects.select_for_update(of=("self",)).filter(release=release).first()
    if rollout is None:
        raise Conflict(f"{release} has no rollout plan.", code="no-plan", how="It goes live when it is approved.")
    rollout.release = release
    return rollout


def current_step(rollout: Rollout) -> RolloutStep | None:
    """The step that is allowed now; None before the first."""
    return rollout.steps.filter(number=rollout.position).first() if rollout.position else None


def share_of(rollout: Rollout) -> int:
    """Percent of real traffic that the release may get at this moment: what the desired state says."""
    if rollout.state == RolloutState.DONE:
        return 100
    step = current_step(rollout)
    if step is None or rollout.is_over:
        return 0
    return min(step.share, approved_share(rollout))


def order(rollout: Rollout, step: RolloutStep, here: RolloutStep | None) -> list[Reason]:
    if step.number > rollout.position + 1:
        following = rollout.steps.get(number=rollout.position + 1)
        return [Reason("steps-in-order", f"The next step is {following}.", {"next_share": following.share})]
    if here is not None and here.reached_at is None:
        return [Reason("not-reported", f"Report first that {here} is reached.", {"share": here.share})]
    return []


def leave(rollout: Rollout, step: RolloutStep) -> list[Reason]:
    """What people must have said before real traffic, and what must be there to share it with."""
    if step.share == 0:
        return []
    reach = approved_share(rollout)
    data = {"approved_share": reach, "asked_share": step.share}
    if rollout.release.state not in UNDER_WAY:
        return [Reason("not-approved", "Only shadow traffic until the release is approved.", data)]
    if step.share > reach:
        return [Reason("needs-approval", f"People approved up to {reach} % only.", data)]
    if step.share < 100 and live_deployment(rollout.release.endpoint) is None:
        return [Reason("no-predecessor", "Nothing answers at the endpoint to share the traffic with.", data)]
    return []


def allow(rollout: Rollout, step: RolloutStep, *, actor: User | None, now: datetime) -> None:
    """The step is the desired state from now on; the deployer's webhook, if there is one, is called.

    actor None is the portal itself, which goes on where the plan names a webhook.
    """
    step.allowed_at = now
    step.save(update_fields=["allowed_at"])
    body = {"release": rollout.release.public_id, "share": step.share}
    record(actor=actor, event="governance:rollout_step:allowed", subject=step, body=body, now=now)
    rollout.position, rollout.state = step.number, RolloutState.RUNNING
    rollout.save(update_fields=["position", "state"])
    record(actor=actor, event="governance:rollout:moved", subject=rollout, body=body, now=now)
    call_deployer(rollout)


def call_deployer(rollout: Rollout) -> None:
    """Queue a call of the plan's webhook, unless one waits: it says what is desired when it is made."""
    key = {"kind": CALL, "subject_type": Rollout.ledger_type, "subject_id": str(rollout.pk)}
    if rollout.webhook_url and not Job.objects.filter(**key, state__in=OPEN).exists():
        team = rollout.release.version.model.team
        enqueue(CALL, payload={"rollout": rollout.pk}, actor=None, subject=rollout, team=team)
