"""Acts of the ledger: record an entry, number entries and grow the tree, sign a checkpoint, erase a value."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, models, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from portal.ledger import merkle, notes, states, teams
from portal.ledger.canonical import CanonicalError, canonical_bytes
from portal.ledger.encoding import instant
from portal.ledger.events import dispatch_after_commit
from portal.ledger.keys import load_key
from portal.ledger.models import MAX_LEAF_BYTES, Checkpoint, LedgerEntry, PersonalField, Tile
from portal.ledger.outside import high_water_mark, publish
from portal.ledger.personal import Commitment, commit

if TYPE_CHECKING:
    from portal.accounts.models import User

ENTRY_SCHEMA = "gatehouse.entry/1"
SEQUENCER_LOCK = 0x6761746568  # one number for the whole database; "gateh" in ASCII
BATCH = 4096
ERASED_EVENT = "ledger:personal:erased"
ENTRY_TYPE = "ledger.entry"

_EVENT = re.compile(r"^[a-z][a-z0-9_-]*:[a-z][a-z0-9_-]*:[a-z][a-z0-9_-]*\Z")


class EntryTooLarge(ValueError):
    """The entry's canonical form exceeds 65,535 bytes; keep the bulk elsewhere and record its digest."""


class LedgerDamaged(RuntimeError):
    """The stored log contradicts itself or what was published; nothing is numbered or signed until it is
    examined with `ledger verify`."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """What an entry is about when it is no row: a build, a backup, a setting. `type` as in "portal.backup".

    `team`: the id of the team whose readers may open the entry, where the subject belongs to one.
    """

    type: str
    id: str
    team: int | None = None


def record(
    *,
    actor: User | None,
    event: str,
    subject: models.Model | Subject,
    body: Mapping[str, Any],
    personal: Mapping[str, Any] | None = None,
    gone: bool = False,
    now: dt.datetime | None = None,
) -> LedgerEntry:
    """Append an entry to the caller's transaction. Call it last, after the subject's lock and change.

    `event` is "app:subject:action"; actor None means the portal itself. `body` is JSON without personal data.
    Each value of `personal` (free text, names) enters the body as {"commit": hex} and is kept apart, where it
    can be erased. A subject with a state schema is bound by its digest; `gone=True` says that the act removed
    the row (delete it afterwards, or keep its primary key). `now` (aware) is the time stated by the entry.

    Raises TransactionManagementError outside a transaction; ValueError for an event or name of the wrong form,
    an unsaved subject, or a naive `now`; CanonicalError for a body without canonical form; EntryTooLarge.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("record() belongs to the transaction of the change it records")
    if not _EVENT.match(event):
        raise ValueError(f"an event is named app:subject:action in lower case, not {event!r}")
    target = _subject(subject)
    commitments = [commit(name, value) for name, value in (personal or {}).items()]
    state = _state(subject, gone)
    at = now or timezone.now()
    document = {
        "schema": ENTRY_SCHEMA,
        "event": event,
        "subject": {"type": target.type, "id": target.id},
        "actor": None if actor is None else f"user:{actor.uuid}",
        "at": instant(at),
        "nonce": secrets.token_hex(16),
        "body": _with_commitments(body, commitments),
        "state": state,
    }
    leaf = canonical_bytes(document)
    if len(leaf) > MAX_LEAF_BYTES:
        raise EntryTooLarge(f"{event}: the entry has {len(leaf)} bytes of at most {MAX_LEAF_BYTES}")
    entry = LedgerEntry(
        event=event,
        subject_type=target.type,
        subject_id=target.id,
        actor=actor,
        at=at,
        team_id=target.team,
        leaf=leaf,
        leaf_hash=merkle.leaf_hash(leaf),
        state_schema=None if state is None else state["schema"],
        state_digest=None if state is None else state["digest"],
    )
    entry.save(force_insert=True)
    if commitments:
        PersonalField.objects.bulk_create(
            PersonalField(entry=entry, name=one.name, salt=one.salt, value=one.value) for one in commitments
        )
    dispatch_after_commit(entry)
    return entry


def _subject(subject: models.Model | Subject) -> Subject:
    if isinstance(subject, Subject):
        return subject
    if subject.pk is None:
        raise ValueError(f"{subject._meta.label} has no primary key; save it before recording it")
    return Subject(states.ledger_type(subject), str(subject.pk), teams.team_of(subject))


def _state(subject: models.Model | Subject, gone: bool) -> dict[str, Any] | None:
    if isinstance(subject, Subject):
        return None
    if gone:
        schema = states.current_schema(type(subject))
        return None if schema is None else {"schema": schema.name, "digest": None}
    bound = states.state_digest(subject)
    return None if bound is None else {"schema": bound[0], "digest": bound[1]}


def _with_commitments(body: Mapping[str, Any], commitments: list[Commitment]) -> dict[str, Any]:
    whole = dict(body)
    for one in commitments:
        if one.name in whole:
            raise ValueError(f"{one.name!r} is given both in the body and as a personal value")
        whole[one.name] = {"commit": one.digest}
    return whole


def tile_reader(cache: dict[merkle.TileKey, bytes] | None = None) -> merkle.ReadTile:
    """A `read(level, index)` over the stored tiles; a tile that is not there reads as empty. What it reads
    it keeps in `cache` for its own life."""
    kept: dict[merkle.TileKey, bytes] = {} if cache is None else cache

    def read(level: int, index: int) -> bytes:
        key = (level, index)
        if key not in kept:
            row = Tile.objects.filter(level=level, index=index).values_list("hashes", flat=True).first()
            kept[key] = b"" if row is None else bytes(row)
        return kept[key]

    return read


def tree_size() -> int:
    """How many entries the tree holds. Raises LedgerDamaged when numbers and tiles disagree."""
    last = LedgerEntry.objects.filter(idx__isnull=False).order_by("-idx").values_list("idx", flat=True).first()
    size = 0 if last is None else last + 1
    tile = Tile.objects.filter(level=0).order_by("-index").first()
    stored = 0 if tile is None else tile.index * merkle.TILE_WIDTH + len(tile.hashes) // merkle.HASH_SIZE
    if size != stored:
        raise LedgerDamaged(f"the entries end at {size} and the tree at {stored}; run ledger verify")
    return size


def sequence(*, limit: int = BATCH) -> int:
    """Number up to `limit` committed entries that have no number yet and add them to the tree; how many.

    Runs in a transaction of its own, alone among sequencers. An entry whose transaction is still open is
    simply not seen and comes with a later batch, so nothing is lost and nobody is waited for; entries of one
    subject keep their order because each was written under the subject's lock.
    Raises LedgerDamaged rather than number entries on a tree that does not fit them.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        # Each statement must see what was committed before the lock was had, whatever the session's default.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEQUENCER_LOCK])
        size = tree_size()
        cursor.execute(_NUMBER, [limit, size])
        numbered = sorted(cursor.fetchall())
        if not numbered:
            return 0
        hashes = [bytes(leaf_hash) for _, leaf_hash in numbered]
        _grow(size, hashes)
        return len(hashes)


_NUMBER = """
WITH waiting AS (
    SELECT id FROM ledger_ledgerentry WHERE idx IS NULL ORDER BY id LIMIT %s
), numbered AS (
    SELECT id, %s + row_number() OVER (ORDER BY id) - 1 AS idx FROM waiting
)
UPDATE ledger_ledgerentry AS entry SET idx = numbered.idx FROM numbered WHERE entry.id = numbered.id
RETURNING entry.idx, entry.leaf_hash
"""


def _grow(size: int, hashes: list[bytes]) -> None:
    edge = dict.fromkeys(merkle.edge_tiles(size), b"")
    wanted = models.Q(pk__in=[])
    for level, index in edge:
        wanted |= models.Q(level=level, index=index)
    for tile in Tile.objects.filter(wanted):
        edge[tile.level, tile.index] = bytes(tile.hashes)
    for (level, index), held in edge.items():
        if len(held) != merkle.tile_width(level, index, size) * merkle.HASH_SIZE:
            raise LedgerDamaged(f"tile {level}/{index} does not fit a tree of {size}; run ledger verify")
    changed = merkle.append(size, lambda level, index: edge[level, index], hashes)
    Tile.objects.bulk_create(
        [Tile(level=level, index=index, hashes=held) for (level, index), held in sorted(changed.items())],
        update_conflicts=True,
        unique_fields=["level", "index"],
        update_fields=["hashes"],
    )


def sign_checkpoint(*, signer: notes.Signer | None = None, now: dt.datetime | None = None) -> Checkpoint | None:
    """Sign the tree as it stands and publish the note once that is committed; None for an empty log.

    Does nothing but return the latest checkpoint when the tree has not grown since. The signer is the
    installation's key unless given. Raises LedgerDamaged when the tree is smaller than, or does not contain,
    the last checkpoint kept in the database or outside it: one origin never signs two trees.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEQUENCER_LOCK])
        size = tree_size()
        latest = Checkpoint.objects.filter(origin=settings.LEDGER_ORIGIN).order_by("-size").first()
        if latest is not None and latest.size == size:
            checkpoint = latest
        elif size == 0 and latest is None and high_water_mark() is None:
            return None
        else:
            signer = signer or notes.Signer(settings.LEDGER_ORIGIN, load_key())
            checkpoint = _sign(size, latest, signer, now or timezone.now())
    publish(checkpoint)
    return checkpoint


def _sign(size: int, latest: Checkpoint | None, signer: notes.Signer, now: dt.datetime) -> Checkpoint:
    read = tile_reader()
    outside = high_water_mark()
    before = [(latest.size, bytes(latest.root))] if latest else []
    before += [(outside.size, outside.root)] if outside and outside.origin == signer.name else []
    for known_size, known_root in before:
        if known_size > size:
            raise LedgerDamaged(f"a checkpoint of {known_size} entries exists, the log has {size}; run ledger verify")
        if merkle.root(read, known_size) != known_root:
            raise LedgerDamaged(f"the log does not contain the checkpoint of {known_size} entries; run ledger verify")
    root = merkle.root(read, size)
    note = notes.sign(str(notes.CheckpointBody(signer.name, size, root)), signer)
    return Checkpoint.objects.create(origin=signer.name, size=size, root=root, note=note, made_at=now)


def ensure_sequenced(entry: LedgerEntry) -> Checkpoint:
    """Number the entry and put it under a checkpoint now, without waiting for the next beat.

    Refreshes `entry.idx`. Raises LedgerDamaged, and TransactionManagementError inside a transaction (its own
    entries could not be seen by others yet).
    """
    while entry.idx is None and sequence():
        entry.refresh_from_db(fields=["idx"])
    checkpoint = Checkpoint.objects.filter(origin=settings.LEDGER_ORIGIN).order_by("-size").first()
    if entry.idx is None:
        raise LedgerDamaged(f"{entry} cannot be numbered: its transaction is not committed")
    if checkpoint is None or checkpoint.size <= entry.idx:
        checkpoint = sign_checkpoint()
    assert checkpoint is not None
    return checkpoint


@transaction.atomic
def erase_personal(field: PersonalField, *, actor: User | None, ground: str, now: dt.datetime | None = None) -> None:
    """Delete a personal value and its salt, and record that: entry, field name and legal ground (a short code).

    The tree stays valid, because the entry holds the commitment alone. Erasing twice changes nothing.
    """
    held = PersonalField.objects.select_for_update(of=("self",)).select_related("entry").get(pk=field.pk)
    if held.erased_at is not None:
        return
    held.salt, held.value, held.erased_at = None, None, now or timezone.now()
    held.save(update_fields=["salt", "value", "erased_at"])
    record(
        actor=actor,
        event=ERASED_EVENT,
        subject=Subject(ENTRY_TYPE, str(held.entry_id), held.entry.team_id),
        body={"field": held.name, "ground": ground},
        now=now,
    )


__all__ = [
    "CanonicalError",
    "EntryTooLarge",
    "LedgerDamaged",
    "Subject",
    "ensure_sequenced",
    "erase_personal",
    "record",
    "sequence",
    "sign_checkpoint",
]
