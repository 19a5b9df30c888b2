"""Acts on webhooks: who manages people manages them. Each leaves an entry; none ever holds a secret."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from portal.access import Permission, require
from portal.accounts.models import Team, User
from portal.errors import Conflict, InvalidInput
from portal.ledger.services import Subject, record
from portal.notices import outgoing, registry
from portal.notices.choices import OPEN, Channel, State
from portal.notices.models import Delivery, Notice, Preference, Webhook
from portal.notices.outbox import make_notice
from portal.notices.registry import Draft
from portal.notices.secrets import secret_of

OVERLAP = timedelta(hours=24)
MANY = 10_000
P = Permission.PORTAL_NOTICE_MANAGE


def _check(name: str, url: str, events: Iterable[str]) -> None:
    if not name.strip():
        raise InvalidInput("A webhook needs a name.", code="name-missing", field="name", how="Say what listens there.")
    if len(url) > 500:
        raise InvalidInput("The address is too long.", code="url-refused", field="url", how="At most 500 characters.")
    try:
        parts = outgoing.parse(url)
        # A host that is written as a number is refused at once; a name is looked up at each call.
        if not any(char.isalpha() for char in parts.hostname or "") or ":" in (parts.hostname or ""):
            outgoing.resolve(parts.hostname or "", parts.port or 443)
    except outgoing.Refused as error:
        raise InvalidInput(str(error), code="url-refused", field="url", how="Give a public address.") from error
    known = {kind.type for kind in registry.kinds()}
    if odd := sorted(set(events) - known):
        how = f"Among: {', '.join(sorted(known))}."
        raise InvalidInput(f"There is no notice {odd[0]!r}.", code="event-unknown", field="events", how=how)


@transaction.atomic
def create_webhook(
    *, actor: User, name: str, url: str, events: Iterable[str] = (), team: Team | None = None
) -> tuple[Webhook, str]:
    """Register an address; the webhook and its secret, which is shown this once. Raises InvalidInput."""
    require(actor, P)
    events = sorted(set(events))
    _check(name, url, events)
    row = Webhook.objects.create(name=name.strip()[:80], url=url, events=events, team=team, created_by=actor)
    _record(row, actor, "created", events=events)
    return row, secret_of(row)


@transaction.atomic
def change_webhook(row: Webhook, *, actor: User, name: str, url: str, events: Iterable[str]) -> Webhook:
    """Give it another name, address or choice of notices."""
    require(actor, P)
    events = sorted(set(events))
    _check(name, url, events)
    row = _lock(row)
    row.name, row.url, row.events = name.strip()[:80], url, events
    row.save(update_fields=["name", "url", "events"])
    _record(row, actor, "changed", events=events)
    return row


@transaction.atomic
def rotate_secret(row: Webhook, *, actor: User) -> tuple[Webhook, str]:
    """Begin a new secret; the one before signs beside it for a day, so that the receiver can change over."""
    require(actor, P)
    row = _lock(row)
    row.secret_number += 1
    row.old_secret_until = timezone.now() + OVERLAP
    row.save(update_fields=["secret_number", "old_secret_until"])
    _record(row, actor, "secret-rotated", number=row.secret_number)
    return row, secret_of(row)


@transaction.atomic
def switch_off(row: Webhook, *, actor: User | None, why: str) -> Webhook:
    """Send nothing more to it. What still waits is given up, and can be replayed. actor None is the portal itself."""
    if actor is not None:
        require(actor, P)
    row = _lock(row)
    if row.enabled:
        row.enabled, row.disabled_why = False, why[:200]
        row.save(update_fields=["enabled", "disabled_why"])
        waiting = Delivery.objects.filter(webhook=row, state__in=OPEN)
        waiting.update(state=State.DEAD, finished_at=timezone.now(), lease_until=None)
        _record(row, actor, "disabled", why="by hand" if actor else row.disabled_why)
    return row


@transaction.atomic
def switch_on(row: Webhook, *, actor: User) -> Webhook:
    """Send to it again, from the next notice on."""
    require(actor, P)
    row = _lock(row)
    if not row.enabled:
        row.enabled, row.disabled_why, row.failing_since = True, "", None
        row.save(update_fields=["enabled", "disabled_why", "failing_since"])
        _record(row, actor, "enabled")
    return row


@transaction.atomic
def send_test(row: Webhook, *, actor: User) -> Delivery:
    """Queue a notice that says nothing, to this webhook alone. Raises Conflict while it is switched off."""
    require(actor, P)
    row = _lock(row)
    _check_enabled(row)
    draft = Draft(registry.TEST, "A test of this webhook", data={"webhook": str(row.uuid)}, team=row.team_id)
    notice: Notice = make_notice(draft, at=timezone.now())
    made = Delivery.objects.create(notice=notice, channel=Channel.WEBHOOK, webhook=row)
    _record(row, actor, "tested", delivery=str(made.pk))
    return made


@transaction.atomic
def replay(delivery: Delivery, *, actor: User) -> Delivery:
    """Send one delivery again, as the same message. Raises Conflict while it is on its way, or off."""
    require(actor, P)
    row = Delivery.objects.select_for_update(of=("self",)).select_related("webhook", "notice").get(pk=delivery.pk)
    if row.state in OPEN:
        raise Conflict("It is on its way already.", code="delivery-open", how="Wait for its end.")
    if row.webhook is not None:
        _check_enabled(row.webhook)
    _again(Delivery.objects.filter(pk=row.pk))
    subject = row.webhook or Subject("portal.delivery", str(row.pk), row.notice.team_id)
    record(actor=actor, event="portal:delivery:replayed", subject=subject, body={"delivery": str(row.pk)})
    row.refresh_from_db()
    return row


@transaction.atomic
def replay_dead(row: Webhook, *, actor: User) -> int:
    """Send again all that was given up for this webhook, oldest first; how many."""
    require(actor, P)
    row = _lock(row)
    _check_enabled(row)
    dead = Delivery.objects.filter(webhook=row, state=State.DEAD).order_by("queued_at").values_list("pk", flat=True)
    ids = list[UUID](dead[:MANY])
    if ids:
        _again(Delivery.objects.filter(pk__in=ids))
        _record(row, actor, "replayed", deliveries=len(ids))
    return len(ids)


def save_preference(user: User, *, mail: bool, wanted: Iterable[str]) -> Preference:
    """What this person is told by e-mail: all types that exist now but those not wanted. New types are told."""
    wanted = set(wanted)
    muted = sorted(kind.type for kind in registry.kinds() if kind.type not in wanted)
    row, _ = Preference.objects.update_or_create(user=user, defaults={"mail": mail, "muted": muted})
    return row


def _again(rows) -> None:  # type: ignore[no-untyped-def]
    now = timezone.now()
    rows.update(state=State.QUEUED, attempts=0, queued_at=now, due_at=now, lease_until=None, finished_at=None)


def _check_enabled(row: Webhook) -> None:
    if not row.enabled:
        raise Conflict("The webhook is switched off.", code="webhook-off", how="Switch it on first.")


def _lock(row: Webhook) -> Webhook:
    return Webhook.objects.select_for_update(of=("self",)).select_related("team").get(pk=row.pk)


def _record(row: Webhook, actor: User | None, act: str, **body: object) -> None:
    record(actor=actor, event=f"portal:webhook:{act}", subject=row, body={"webhook": str(row.uuid), **body})
