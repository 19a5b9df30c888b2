"""Deliveries on their way: claimed under a lease, sent, tried again for a day, then given up until somebody replays."""

from __future__ import annotations

import secrets as random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import close_old_connections, connection, transaction
from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from portal.notices import mail, outgoing, secrets
from portal.notices.choices import Channel, State
from portal.notices.models import Delivery, Webhook
from portal.notices.outgoing import Answer
from portal.notices.services import switch_off

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=90)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(hours=3)
GIVE_UP_AFTER = timedelta(days=1)
DISABLE_AFTER = timedelta(days=5)
BATCH, THREADS, AT_ONCE = 40, 8, 4
KEPT_TRIES = 20
GONE = 410


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt. final: trying again cannot help; drop: nobody wants it any more."""

    answer: Answer
    final: bool = False
    drop: bool = False


def wait_after(attempts: int) -> timedelta:
    """10 s, 20 s, 40 s … 3 h, each a fifth more or less, so that a recovered receiver is not hit by all at once."""
    wait = min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT)
    return wait * (0.8 + random.randbelow(4001) / 10_000)


def due(now: datetime) -> QuerySet[Delivery]:
    """What is to be sent now: its time has come, or the worker that had it is gone."""
    lost = Q(state=State.SENDING, lease_until__lt=now)
    return Delivery.objects.filter(Q(state=State.QUEUED, due_at__lte=now) | lost)


@transaction.atomic
def claim(limit: int = BATCH) -> list[Delivery]:
    """Take due deliveries for this worker, few of one receiver: one that hangs must not hold up the others."""
    now = timezone.now()
    receiver = [F("webhook"), F("person")]
    place = Window(RowNumber(), partition_by=receiver, order_by=[F("due_at").asc(), F("pk").asc()])
    ranked = due(now).annotate(place=place).filter(place__lte=AT_ONCE).order_by("due_at", "pk")
    ids = list(ranked.values_list("pk", flat=True)[:limit])
    rows = due(now).filter(pk__in=ids).select_for_update(skip_locked=True, of=("self",)).order_by("due_at", "pk")
    found = list(rows.select_related("notice", "webhook", "person"))
    for row in found:
        row.state, row.lease_until, row.attempts = State.SENDING, now + LEASE, row.attempts + 1
    Delivery.objects.bulk_update(found, ["state", "lease_until", "attempts"])
    return found


def run_due(limit: int = BATCH) -> int:
    """Claim what is due, send it, write down what came of it; how many were tried.

    The threads only talk to the network; rows are read and written here.
    """
    found = claim(limit)
    tasks = [(row, _task(row)) for row in found]
    with ThreadPoolExecutor(THREADS) as pool:
        sent = [(row, pool.submit(task)) for row, task in tasks]
        for row, future in sent:
            try:
                outcome = future.result()
            except Exception as error:  # a fault of ours is no reason to lose the delivery
                log.exception("delivery_error", delivery=str(row.pk))
                outcome = Outcome(Answer(0, f"Unexpected error: {type(error).__name__}.", 0))
            finish(row, outcome)
    return len(found)


def _task(delivery: Delivery) -> Callable[[], Outcome]:
    """The attempt as a function that needs no database."""
    if delivery.channel == Channel.MAIL:
        person = delivery.person
        if person is None or not person.is_active or not person.email or not settings.MAIL_ENABLED:
            return lambda: Outcome(Answer(0, "The person has no open account with an address any more.", 0), drop=True)
        message = mail.compose(delivery)

        def by_mail() -> Outcome:
            answer, final = mail.send(message)
            return Outcome(answer, final)

        return by_mail
    hook = delivery.webhook
    assert hook is not None
    if not hook.enabled:
        return lambda: Outcome(Answer(0, "The webhook is switched off.", 0), final=True)
    now, body = timezone.now(), delivery.notice.body.encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Gatehouse-Webhook/1",
        "webhook-id": delivery.notice.message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": secrets.signatures(hook, delivery.notice.message_id, now=now, body=body),
    }
    return lambda: Outcome(outgoing.post(hook.url, body, headers))


@transaction.atomic
def finish(delivery: Delivery, outcome: Outcome) -> None:
    """Write down one attempt. A worker whose lease was taken over changes nothing."""
    row = Delivery.objects.select_for_update(of=("self",)).get(pk=delivery.pk)
    if row.state != State.SENDING or row.attempts != delivery.attempts:
        return
    now, answer = timezone.now(), outcome.answer
    row.status, row.lease_until = answer.status or None, None
    one = {"at": now.isoformat(timespec="seconds"), "status": answer.status, "ms": answer.ms, "said": answer.said}
    row.tries = [*row.tries, one][-KEPT_TRIES:]
    if answer.ok:
        row.state, row.finished_at = State.SENT, now
    elif outcome.drop:
        row.state, row.finished_at = State.DROPPED, now
    elif outcome.final or now >= row.queued_at + GIVE_UP_AFTER:
        row.state, row.finished_at = State.DEAD, now
    else:
        asked = timedelta(seconds=min(answer.retry_after or 0, 3600))
        row.state, row.due_at = State.QUEUED, now + max(wait_after(row.attempts), asked)
    row.save(update_fields=["state", "status", "lease_until", "tries", "finished_at", "due_at"])
    if row.webhook_id is not None:
        _judge(row.webhook_id, answer, now)


def _judge(webhook_id: int, answer: Answer, now: datetime) -> None:
    """Remember since when the receiver fails; switch it off when it is gone, or has failed for days."""
    if answer.ok:
        Webhook.objects.filter(pk=webhook_id).exclude(failing_since=None).update(failing_since=None)
        return
    hook = Webhook.objects.select_for_update().get(pk=webhook_id)
    if hook.failing_since is None:
        hook.failing_since = now
        hook.save(update_fields=["failing_since"])
    if not hook.enabled:
        return
    if answer.status == GONE:
        switch_off(hook, actor=None, why="The receiver answered 410: it is gone for good.")
    elif now - hook.failing_since >= DISABLE_AFTER:
        switch_off(hook, actor=None, why=f"Nothing was delivered for {DISABLE_AFTER.days} days.")


_sender = threading.Lock()


def wake() -> bool:
    """Send what is due in a thread of this process, so that a receiver that hangs keeps back no other work.

    False when such a thread runs already. One that dies with its process leaves leases, which run out.
    """
    if not due(timezone.now()).exists() or not _sender.acquire(blocking=False):
        return False
    threading.Thread(target=_run, name="notices", daemon=True).start()
    return True


def _run() -> None:
    try:
        close_old_connections()
        while run_due():
            pass
    except Exception:
        log.exception("notices_not_sent")
    finally:
        connection.close()
        _sender.release()
