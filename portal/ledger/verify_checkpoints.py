"""Verify checkpoints: those of the database, those kept in files outside it, and those a person brings along."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from portal.ledger import merkle, notes, outside
from portal.ledger.findings import Findings, chunks
from portal.ledger.keys import verifier
from portal.ledger.models import Checkpoint
from portal.ledger.verify_tree import root_or_none

TABLE = "ledger_checkpoint"
SIZE = 1000


def trusted() -> notes.Verifier:
    """The log's key. Raises ImproperlyConfigured."""
    return verifier()


def check_stored(found: Findings, read: merkle.ReadTile, size: int, key: notes.Verifier) -> int:
    """Check the notes of the database; returns how many there are."""
    count = 0
    for batch in chunks(Checkpoint.objects.filter(origin=key.name), "size", SIZE):
        for one in batch:
            body = _open(found, "checkpoint", one.note, key, TABLE, str(one.size), f"The checkpoint of {one.size}")
            if body is not None and (body.size, body.root) != (one.size, bytes(one.root)):
                text = f"The checkpoint of {one.size} entries: its columns differ from its signed note."
                found.add("checkpoint-column", TABLE, one.size, text)
            if body is not None:
                _fits(found, "checkpoint", body, read, size, TABLE, str(one.size), f"The checkpoint of {one.size}")
        count += len(batch)
    return count


def published(found: Findings) -> tuple[int, str | None]:
    """What is kept in files by now: (notes in the history, newest note). A file that cannot be read is a finding."""
    try:
        return outside.published()
    except (OSError, UnicodeDecodeError) as error:
        text = f"The checkpoints outside the database cannot be read: {error}."
        found.add("outside-unreadable", "checkpoints", "latest", text)
        return 0, None


def check_outside(
    found: Findings, read: merkle.ReadTile, size: int, key: notes.Verifier, published: int, latest: str | None
) -> int:
    """Check the notes kept in files that were published before the snapshot; returns how many there are."""
    table, largest, count = "checkpoints", -1, 0
    for file, line, note in itertools.islice(outside.history(), published):
        count, place = count + 1, f"{file}:{line}"
        body = _open(found, "outside", note, key, table, place, f"The checkpoint in {place}")
        if body is not None:
            largest = max(largest, body.size)
            _fits(found, "outside", body, read, size, table, place, f"The checkpoint in {place}")
    if latest is None:
        if count:
            text = "The file of the newest checkpoint is gone, but its history is there."
            found.add("outside-missing", table, "latest", text)
        return count
    body = _open(found, "outside", latest, key, table, "latest", "The newest checkpoint outside")
    if body is not None:
        _fits(found, "outside", body, read, size, table, "latest", "The newest checkpoint outside")
        if body.size < largest:
            text = f"The newest checkpoint outside is of {body.size} entries; one of {largest} was published before."
            found.add("outside-old", table, "latest", text)
    return max(count, 1)


def check_own(found: Findings, read: merkle.ReadTile, size: int, key: notes.Verifier, own: Sequence[str]) -> bool:
    """Check notes that were kept elsewhere; whether there is one and all of them agree with the log."""
    before = found.by_kind.total()
    for number, note in enumerate(own, start=1):
        body = _open(found, "own", note, key, "own checkpoint", str(number), "The checkpoint that you supplied")
        if body is not None:
            said = "The checkpoint that you supplied"
            _fits(found, "own", body, read, size, "own checkpoint", str(number), said)
    return bool(own) and found.by_kind.total() == before


def _open(
    found: Findings, kind: str, note: str, key: notes.Verifier, table: str, place: str, said: str
) -> notes.CheckpointBody | None:
    try:
        return notes.open_checkpoint(note, key)
    except notes.NoteError as error:
        found.add(f"{kind}-signature", table, place, f"{said} is not validly signed by the log's key: {error}.")
        return None


def _fits(
    found: Findings,
    kind: str,
    body: notes.CheckpointBody,
    read: merkle.ReadTile,
    size: int,
    table: str,
    place: str,
    said: str,
) -> None:
    """The log must contain what the checkpoint saw: as many entries at least, and the same root at its size."""
    if body.size > size:
        text = f"{said} saw {body.size} entries, the log has {size}: {body.size - size} at its end are gone."
        found.add(f"{kind}-ahead", table, place, text)
    elif root_or_none(read, body.size) != body.root:
        text = f"{said} saw another log: the first {body.size} entries are not those that it signed for."
        found.add(f"{kind}-differs", table, place, text)
