"""Facts about what people promised and found: conditions and findings that are open."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import Count, Q

from catalog.models import Endpoint, ModelVersion
from governance.choices import ConditionState
from governance.models import Condition, Finding, Release


def conditions_of(version: ModelVersion, endpoint: Endpoint, release: Release | None, *, today: date) -> dict[str, Any]:
    """Open conditions of the model's releases at this endpoint.

    Those of the release itself count as open only once they are overdue: an approval that brings a condition does
    not change what it approved.
    """
    late = Q(due_on__lt=today)
    counted = late | ~Q(release=release) if release is not None else Q()
    rows = Condition.objects.filter(
        release__version__model=version.model_id, release__endpoint=endpoint, state=ConditionState.OPEN
    )
    found = rows.aggregate(
        open=Count("pk", filter=counted) if counted else Count("pk"), overdue=Count("pk", filter=late)
    )
    return {"open": found["open"], "overdue": found["overdue"]}


def findings_of(version: ModelVersion, *, today: date) -> list[dict[str, Any]]:
    """Open findings on the version, each a row."""
    rows = Finding.objects.filter(version=version, state=ConditionState.OPEN).order_by("pk")
    return [
        {
            "id": row.public_id,
            "severity": str(row.severity),
            "due": row.due_on.isoformat(),
            "overdue": row.due_on < today,
        }
        for row in rows
    ]
