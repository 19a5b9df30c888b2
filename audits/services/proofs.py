"""Ledger entries about a release with their inclusion proofs under one checkpoint, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from portal.ledger import merkle
from portal.ledger.keys import verifier
from portal.ledger.models import Checkpoint, LedgerEntry
from portal.ledger.services import ensure_sequenced, tile_reader

MOST = 1000
Subjects = Iterable[tuple[str, object]]


def entries_about(subjects: Subjects, *, up_to: int) -> list[LedgerEntry]:
    """Entries about these (type, id), in the order they were written, none newer than the entry id `up_to`."""
    wanted = Q(pk__in=[])
    by_type: dict[str, set[str]] = {}
    for kind, pk in subjects:
        by_type.setdefault(kind, set()).add(str(pk))
    for kind, ids in by_type.items():
        wanted |= Q(subject_type=kind, subject_id__in=ids)
    return list(LedgerEntry.objects.filter(wanted, pk__lte=up_to).order_by("pk")[:MOST])


def prove(entries: list[LedgerEntry]) -> dict[str, Any]:
    """Every entry with its leaf and proof, and the checkpoint that covers them all. Not inside a transaction."""
    for entry in entries:
        # One call numbers all that are waiting, so the place is read again before each.
        entry.refresh_from_db(fields=["idx"])
        if entry.idx is None:
            ensure_sequenced(entry)
    newest = max(entries, key=lambda entry: entry.idx or 0)
    checkpoint: Checkpoint = ensure_sequenced(newest)
    read = tile_reader()
    return {
        "origin": checkpoint.origin,
        "key": str(verifier()),
        "checkpoint": {
            "size": checkpoint.size,
            "root": bytes(checkpoint.root).hex(),
            "note": checkpoint.note,
        },
        "entries": [_proof(entry, checkpoint.size, read) for entry in sorted(entries, key=lambda row: row.idx or 0)],
    }


def _proof(entry: LedgerEntry, size: int, read: merkle.ReadTile) -> dict[str, Any]:
    assert entry.idx is not None
    return {
        "index": entry.idx,
        "event": entry.event,
        "subject": {"type": entry.subject_type, "id": entry.subject_id},
        "leaf": bytes(entry.leaf).decode(),
        "leaf_hash": bytes(entry.leaf_hash).hex(),
        "proof": [node.hex() for node in merkle.inclusion_proof(read, entry.idx, size)],
    }
