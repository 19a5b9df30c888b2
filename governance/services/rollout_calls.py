"""Call a deployer's webhook: what is desired now, signed, to a guarded address, without following redirects."""

from __future__ import annotations

from typing import Any

from governance.canary import Answer
from governance.models import Rollout
from governance.services.desired import signed
from governance.services.rollout_state import Told, current_step, share_of
from portal.jobs.registry import JobFailed
from portal.ledger.canonical import canonical_bytes
from portal.ledger.encoding import instant
from portal.notices import outgoing


def call_webhook(rollout: Rollout) -> dict[str, Any]:
    """Tell the deployer which share the release may have now. It answers 2xx and reports by the API when it is there.

    The body is a DSSE envelope as that of the desired state: the deployer checks it with the same key. Calling twice
    says the same twice. Raises JobFailed where the address answers otherwise; the sweep calls again.
    """
    step = current_step(rollout)
    answer = Answer.ROLL_BACK if rollout.reasons else Answer.YES
    told = Told(answer, rollout, step).document()
    document = {
        "schema": "gatehouse/rollout-call/1",
        "answer": told["answer"],
        "release": told["release"],
        "share": share_of(rollout),
        "step": told["step"],
        "plan": rollout.digest,
        "digest": rollout.release.version.digest,
        "endpoint": rollout.release.endpoint.name,
        "allowed_at": instant(step.allowed_at) if step is not None and step.allowed_at else None,
        "reasons": rollout.reasons,
    }
    envelope, _ = signed(document)
    answered = outgoing.post(rollout.webhook_url, canonical_bytes(envelope), {"Content-Type": "application/json"})
    if not answered.ok:
        raise JobFailed(f"The deployer's webhook answers {answered.status or 'nothing'}: {answered.said}")
    return {"status": answered.status, "share": document["share"], "ms": answered.ms}
