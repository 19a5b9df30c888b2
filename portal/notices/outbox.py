"""From the ledger to deliveries: each entry once, in order, in one transaction with the cursor."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.accounts.choices import Kind
from portal.accounts.models import User
from portal.ledger.encoding import instant
from portal.ledger.models import LedgerEntry
from portal.notices import registry
from portal.notices.choices import OPEN, Channel, State
from portal.notices.models import Cursor, Delivery, Notice, Webhook
from portal.notices.registry import Draft

log = structlog.get_logger(__name__)
BATCH = 500
KEPT = timedelta(days=90)


@transaction.atomic
def gather(limit: int = BATCH) -> int:
    """Turn the next entries of the ledger into notices; how many entries were read.

    The entry is the outbox: it was written with the act. The cursor moves in the transaction that makes the
    deliveries, so a worker that dies here has done nothing, and two workers do nothing twice.
    """
    Cursor.objects.get_or_create(pk=1)
    cursor = Cursor.objects.select_for_update().get(pk=1)
    rows = LedgerEntry.objects.filter(idx__gt=cursor.position).order_by("idx")
    found = list(rows.values_list("idx", "event")[:limit])
    if not found:
        return 0
    wanted = [idx for idx, event in found if registry.translators_of(event)]
    for entry in LedgerEntry.objects.filter(idx__in=wanted).order_by("idx"):
        for draft in _drafts(entry):
            _tell(draft, entry)
    cursor.position = found[-1][0] or 0
    cursor.save(update_fields=["position"])
    return len(found)


def _drafts(entry: LedgerEntry) -> Iterable[Draft]:
    found: dict[str, Draft] = {}
    for translator in registry.translators_of(entry.event):
        try:
            with transaction.atomic():
                for draft in translator(entry):
                    found.setdefault(draft.type, draft)
        except Exception:
            # One entry that cannot be told must not keep back everything after it.
            log.exception("notice_not_made", entry=entry.idx, notice_event=entry.event)
    return found.values()


def _tell(draft: Draft, entry: LedgerEntry) -> None:
    notice = make_notice(draft, at=entry.at, entry_idx=entry.idx)
    deliveries = [
        Delivery(notice=notice, channel=Channel.WEBHOOK, webhook=hook)
        for hook in Webhook.objects.filter(enabled=True).order_by("pk")
        if wants(hook, draft)
    ]
    if settings.MAIL_ENABLED and draft.people:
        told = User.objects.filter(pk__in=draft.people, is_active=True, kind=Kind.PERSON).exclude(email="")
        told = told.exclude(pk=entry.actor_id or 0).select_related("notice_preference").order_by("pk")
        deliveries += [
            Delivery(notice=notice, channel=Channel.MAIL, person=user) for user in told if wants_mail(user, draft.type)
        ]
    Delivery.objects.bulk_create(deliveries)


def make_notice(draft: Draft, *, at: datetime, entry_idx: int | None = None) -> Notice:
    """The notice with its bytes for webhooks: {type, timestamp, data}, as Standard Webhooks says."""
    data: dict[str, Any] = {"title": draft.title, "url": f"{settings.PUBLIC_URL}{draft.path}", **draft.data}
    if entry_idx is not None:
        data["entry"] = entry_idx
    body = json.dumps({"type": draft.type, "timestamp": instant(at), "data": data}, sort_keys=True, ensure_ascii=False)
    return Notice.objects.create(
        type=draft.type,
        entry_idx=entry_idx,
        team_id=draft.team,
        title=" ".join(draft.title.split())[:200],
        text=draft.text[:500],
        path=draft.path,
        body=body,
    )


def wants(hook: Webhook, draft: Draft) -> bool:
    """Whether the webhook asks for this type, and its team may hear of it: what has no team is for everybody."""
    if hook.events and draft.type not in hook.events:
        return False
    return hook.team_id is None or draft.team is None or draft.team == hook.team_id


def wants_mail(user: User, type: str) -> bool:
    preference = getattr(user, "notice_preference", None)
    return preference is None or (preference.mail and type not in preference.muted)


def prune(now: datetime | None = None) -> int:
    """Forget notices of three months ago of which nothing waits and nothing is dead; how many."""
    old = Notice.objects.filter(made_at__lt=(now or timezone.now()) - KEPT)
    kept = Delivery.objects.filter(state__in=[*OPEN, State.DEAD]).values("notice")
    return old.exclude(pk__in=kept).delete()[1].get("notices.Notice", 0)
