"""Verify each entry by itself: its text, its hash, its columns, its place, and the personal values apart from it."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import F

from portal.ledger import merkle
from portal.ledger.canonical import CanonicalError, canonical_bytes, parse_strict
from portal.ledger.encoding import instant
from portal.ledger.findings import Findings, Report, chunks
from portal.ledger.models import LedgerEntry, PersonalField, Tile
from portal.ledger.personal import opens
from portal.ledger.services import ENTRY_SCHEMA, ENTRY_TYPE, ERASED_EVENT

TABLE = "ledger_ledgerentry"
PERSONAL = "ledger_personalfield"
SIZE = 2000
_MEMBERS = {"schema", "event", "subject", "actor", "at", "nonce", "body", "state"}


@dataclasses.dataclass(frozen=True)
class Counted:
    """How many entries were read, and how many of all have no number yet."""

    read: int
    waiting: int


def check(found: Findings, report: Report, *, since: int = 0) -> Counted:
    """Read the entries from number `since` on, and those that have no number yet."""
    read, expected = 0, since
    last = LedgerEntry.objects.filter(idx__isnull=False).order_by("-idx").values_list("idx", flat=True).first()
    total = max(1, (last or 0) + 1 - since)
    for number in LedgerEntry.objects.filter(idx__lt=0).values_list("idx", flat=True)[:100]:
        found.add("entry-number", TABLE, number, f"An entry carries the impossible number {number}.")
    rows = LedgerEntry.objects.annotate(actor_uuid=F("actor__uuid"))
    for batch in chunks(rows.filter(idx__gte=since), "idx", SIZE):
        for entry in batch:
            assert entry.idx is not None
            _gap(found, expected, entry.idx)
            expected = entry.idx + 1
        _against_tiles(found, batch)
        _batch(found, batch)
        read += len(batch)
        report(min(49, 50 * read // total), f"Entries: {read:,} of {total:,}")
    waiting = 0
    for batch in chunks(rows.filter(idx__isnull=True), "id", SIZE):
        _batch(found, batch)
        waiting += len(batch)
    return Counted(read + waiting, waiting)


def _gap(found: Findings, expected: int, idx: int) -> None:
    if idx == expected:
        return
    which = f"Entry {expected}" if idx == expected + 1 else f"Entries {expected} to {idx - 1}"
    verb = "is" if idx == expected + 1 else "are"
    found.add("entry-missing", TABLE, expected, f"{which} {verb} missing: the number was given and the row is gone.")


def _against_tiles(found: Findings, batch: Sequence[LedgerEntry]) -> None:
    """The tree commits to each entry at its number: compare the hash of the row with the hash in the tile."""
    first, last = (int(one.idx or 0) // merkle.TILE_WIDTH for one in (batch[0], batch[-1]))
    stored = dict(Tile.objects.filter(level=0, index__range=(first, last)).values_list("index", "hashes"))
    for entry in batch:
        index, place = divmod(int(entry.idx or 0), merkle.TILE_WIDTH)
        start = place * merkle.HASH_SIZE
        held = bytes(stored.get(index, b""))[start : start + merkle.HASH_SIZE]
        if not held:
            text = f"Entry {entry.idx} is not in the tree: tile 0/{index} does not reach it."
            found.add("entry-not-in-tree", TABLE, entry.idx, text)
        elif held != bytes(entry.leaf_hash):
            text = f"Entry {entry.idx} is not the one that the tree holds at its number (hash differs)."
            found.add("entry-replaced", TABLE, entry.idx, text)


def _batch(found: Findings, batch: Sequence[LedgerEntry]) -> None:
    personal: dict[int, list[PersonalField]] = defaultdict(list)
    for field in PersonalField.objects.filter(entry_id__in=[entry.pk for entry in batch]):
        personal[field.entry_id].append(field)
    erased = _recorded_erasures(one.entry_id for fields in personal.values() for one in fields if one.erased_at)
    for entry in batch:
        document = _document(found, entry)
        if document is None:
            continue
        for column in _differing(entry, document):
            text = f"{_name(entry)}: column {column} differs from the logged text."
            found.add("entry-column", TABLE, _id(entry), text)
        _personal(found, entry, document, personal.get(entry.pk, []), erased)


def _id(entry: LedgerEntry) -> str:
    return str(entry.idx) if entry.idx is not None else f"id {entry.pk}"


def _name(entry: LedgerEntry) -> str:
    number = f"Entry {entry.idx}" if entry.idx is not None else f"Entry with id {entry.pk} (no number yet)"
    return f"{number} ({entry.event}, {entry.subject_type} {entry.subject_id})"


def _document(found: Findings, entry: LedgerEntry) -> dict[str, Any] | None:
    leaf = bytes(entry.leaf)
    if merkle.leaf_hash(leaf) != bytes(entry.leaf_hash):
        found.add("entry-changed", TABLE, _id(entry), f"{_name(entry)}: the logged text is not what its hash says.")
    try:
        document = parse_strict(leaf)
        good = isinstance(document, dict) and set(document) == _MEMBERS and document["schema"] == ENTRY_SCHEMA
        good = good and isinstance(document["body"], dict) and canonical_bytes(document) == leaf
    except CanonicalError:
        good = False
    if not good:
        text = f"{_name(entry)}: the logged text is not an entry in canonical form."
        found.add("entry-unreadable", TABLE, _id(entry), text)
        return None
    return dict(document)


def _differing(entry: LedgerEntry, document: dict[str, Any]) -> list[str]:
    """The columns that say something else than the text they repeat."""
    state = document["state"] or {"schema": None, "digest": None}
    uuid = getattr(entry, "actor_uuid", None)
    pairs = {
        "event": (entry.event, document["event"]),
        "subject_type": (entry.subject_type, document["subject"]["type"]),
        "subject_id": (entry.subject_id, document["subject"]["id"]),
        "actor": (None if uuid is None else f"user:{uuid}", document["actor"]),
        "at": (instant(entry.at), document["at"]),
        "state_schema": (entry.state_schema, state["schema"]),
        "state_digest": (entry.state_digest, state["digest"]),
    }
    return [name for name, (column, logged) in pairs.items() if column != logged]


def _recorded_erasures(entry_ids: Iterable[int]) -> set[tuple[str, str]]:
    """(entry id, field name) of the erasures that have an entry of their own."""
    ids = [str(one) for one in set(entry_ids)]
    if not ids:
        return set()
    rows = LedgerEntry.objects.filter(subject_type=ENTRY_TYPE, subject_id__in=ids, event=ERASED_EVENT)
    return {(row.subject_id, str(row.body.get("field"))) for row in rows}


def _personal(
    found: Findings,
    entry: LedgerEntry,
    document: dict[str, Any],
    fields: list[PersonalField],
    erased: set[tuple[str, str]],
) -> None:
    commits = {
        name: str(value["commit"])
        for name, value in document["body"].items()
        if isinstance(value, dict) and set(value) == {"commit"}
    }
    known = {field.name: field for field in fields}
    for name in commits.keys() - known.keys():
        text = f"{_name(entry)}: the personal value {name} is gone without an erasure."
        found.add("personal-missing", PERSONAL, _id(entry), text)
    for name, field in known.items():
        if name not in commits:
            text = f"{_name(entry)} does not commit to a personal value {name}, but one is kept for it."
            found.add("personal-extra", PERSONAL, field.pk, text)
        elif field.salt is None or field.value is None:
            if (str(entry.pk), name) not in erased:
                text = f"{_name(entry)}: the personal value {name} was erased without an entry that says so."
                found.add("personal-missing", PERSONAL, field.pk, text)
        elif not opens(commits[name], name=name, salt=bytes(field.salt), value=field.value):
            text = f"{_name(entry)}: the personal value {name} is not the one that was committed to."
            found.add("personal-changed", PERSONAL, field.pk, text)
