"""Reads of rollouts: the plan, where it is, and what the numbers of its step say at this moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from governance.canary import Answer
from governance.models import IncidentDraft, Release, Rollout
from governance.services.rollout_reading import Judgement, read_step
from governance.services.rollout_state import Told, current_step
from portal.accounts.models import User
from portal.ledger.encoding import instant


def judgement_now(rollout: Rollout, now: datetime | None = None) -> Judgement | None:
    """What the running step's numbers say; None before the first step and when the rollout is over."""
    step = current_step(rollout)
    if step is None or rollout.is_over:
        return None
    return read_step(rollout, step, now=now or timezone.now())


def rollout_view(rollout: Rollout) -> dict[str, Any]:
    """The rollout as the API gives it. It changes nothing: whoever asks for a step gets its own answer."""
    judgement = judgement_now(rollout)
    step = current_step(rollout)
    answer, reasons = (judgement.answer, judgement.reasons) if judgement else (Answer.WAIT, [])
    found = Told(answer, rollout, step, reasons, judgement).document()
    if rollout.is_over:
        found |= {"answer": "roll_back" if rollout.reasons else "yes", "reasons": rollout.reasons}
    found["limits"] = rollout.limits
    found["steps"] = [
        {
            "number": row.number,
            "share": row.share,
            "least_minutes": row.least_minutes,
            "least_requests": row.least_requests,
            "allowed_at": instant(row.allowed_at) if row.allowed_at else None,
            "reached_at": instant(row.reached_at) if row.reached_at else None,
        }
        for row in rollout.steps.order_by("number")
    ]
    return found


def incident_drafts_for(actor: User, release: Release) -> list[IncidentDraft]:
    """The drafts that breaches of this release opened, newest first."""
    rows: Any = IncidentDraft.objects.visible_to(actor)
    return list(rows.filter(release=release).select_related("closed_by").order_by("-pk"))
