"""Incident drafts: opened by a breach with the numbers of that moment, closed by a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from governance.models import IncidentDraft, Release
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput
from portal.ledger.services import record


def open_draft(
    release: Release, *, actor: User | None, cause: str, title: str, summary: Mapping[str, Any], now: datetime
) -> IncidentDraft:
    """Open a draft in the caller's transaction. actor None: the portal itself."""
    row = IncidentDraft.objects.create(
        release=release, cause=cause, title=title[:200], summary=dict(summary), opened_at=now
    )
    body = {"release": release.public_id, "cause": cause}
    record(actor=actor, event="governance:incident_draft:opened", subject=row, body=body, now=now)
    return row


@transaction.atomic
def close_draft(draft: IncidentDraft, *, actor: User, outcome: str) -> IncidentDraft:
    """Say what it was; the second line only. Raises Conflict when it is closed already, InvalidInput without words."""
    row = (
        IncidentDraft.objects.select_for_update(of=("self",)).select_related("release__version__model").get(pk=draft.pk)
    )
    require(actor, Permission.GOVERNANCE_RELEASE_DECIDE, row.release.version.model.team_id)
    if row.closed_at is not None:
        raise Conflict(f"{row.public_id} is closed already.", code="closed", how="Read what was written.")
    if not outcome.strip():
        raise InvalidInput("An outcome is needed.", code="outcome-missing", field="outcome", how="Say what it was.")
    row.outcome, row.closed_by, row.closed_at = outcome.strip(), actor, timezone.now()
    row.save(update_fields=["outcome", "closed_by", "closed_at"])
    body = {"release": row.release.public_id}
    record(
        actor=actor,
        event="governance:incident_draft:closed",
        subject=row,
        body=body,
        personal={"outcome": row.outcome},
        now=row.closed_at,
    )
    return row
