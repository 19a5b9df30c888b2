"""What happens by itself when a day is over: conditions, findings, emergencies and releases that are late."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from catalog.services.endpoints import lock_endpoint
from governance.choices import ConditionState, EmergencyState, Overdue, ReleaseState
from governance.models import Condition, Emergency, Finding, Release
from governance.services.emergency import overdue_emergency
from governance.services.fallbacks import BACKABLE, roll_back
from governance.services.lifecycle import HOLDABLE, expirable_states, expire, hold, lock_release
from portal.ledger.services import record

S = ReleaseState
BATCH = 200


def sweep() -> int:
    """Act on everything that is late; how many."""
    return flag_overdue() + _emergencies() + _expiring()


def _emergencies() -> int:
    late = Emergency.objects.filter(state=EmergencyState.WAITING, review_due_at__lte=timezone.now())
    rows = list(late.select_related("release").order_by("pk")[:BATCH])
    for row in rows:
        overdue_emergency(row)
    return len(rows)


def _expiring() -> int:
    now = timezone.now()
    due = Q(due_at__lte=now, endpoint__release_rules__expire_when_due=True) & ~Q(state=S.APPROVED)
    rows = Release.objects.filter(Q(valid_until__lte=now) | due, state__in=expirable_states())
    found = list(rows.order_by("pk")[:BATCH])
    for row in found:
        expire(row)
    return len(found)


def flag_overdue() -> int:
    """Record, once each, that an open condition or finding is past its day, and do what it says; how many."""
    today = timezone.now().date()
    late = {"state": ConditionState.OPEN, "overdue_at": None, "due_on__lt": today}
    conditions = Condition.objects.filter(**late).order_by("pk")[:BATCH]
    findings = Finding.objects.filter(**late).order_by("pk")[:BATCH]
    rows: list[Condition | Finding] = [*conditions, *findings]
    return sum(flag(row) for row in rows)


@transaction.atomic
def flag(late: Condition | Finding) -> bool:
    """Mark one promise as not kept in time and do what it says; whether this call did."""
    at = _releases(late)
    for endpoint in sorted({row.endpoint_id for row in at}):
        lock_endpoint(endpoint)
    rows = type(late).objects.select_for_update(of=("self",), skip_locked=True).select_related("owner")
    row = rows.filter(pk=late.pk, state=ConditionState.OPEN, overdue_at=None).first()
    if row is None:
        return False
    row.overdue_at = timezone.now()
    row.save(update_fields=["overdue_at"])
    body = {
        "release": row.release.public_id if row.release else None,
        "owner": str(row.owner.uuid),
        "due_on": row.due_on.isoformat(),
        "then": str(row.on_overdue),
    }
    record(actor=None, event=f"governance:{row._meta.model_name}:overdue", subject=row, body=body)
    for release in at:
        _follow(release.pk, row)
    return True


def _releases(row: Condition | Finding) -> list[Release]:
    """Where it bites: the release that it was set on; for a finding, wherever its version is on its way or live."""
    if isinstance(row, Condition):
        return [row.release]
    return list(Release.objects.filter(version=row.version_id, state__in=[*HOLDABLE, S.HELD, S.SUSPENDED]))


def _follow(pk: int, row: Condition | Finding) -> None:
    release = lock_release(pk)
    reason = f"Not done by {row.due_on.isoformat()}: {row.text}"
    answers = release.state in BACKABLE or (release.state == S.HELD and release.held_from in BACKABLE)
    if row.on_overdue == Overdue.ROLL_BACK and answers and release.state != S.SUSPENDED:
        roll_back(release, actor=None, reason=reason)
    elif row.on_overdue != Overdue.FLAG and release.state in HOLDABLE:
        hold(release, actor=None, reason=reason)
