"""The log as a file: CSV for a spreadsheet, JSON lines with the logged text for a program that recomputes it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import QuerySet

from portal.ledger.encoding import instant
from portal.ledger.findings import chunks
from portal.ledger.models import LedgerEntry

SIZE = 1000
COLUMNS = ("idx", "at", "event", "subject_type", "subject_id", "actor", "leaf_hash", "state_schema", "state_digest")


def _values(entry: LedgerEntry) -> list[Any]:
    actor = entry.actor.username if entry.actor else "portal"
    number = "" if entry.idx is None else entry.idx
    values = [number, instant(entry.at), entry.event, entry.subject_type, entry.subject_id, actor]
    return [*values, bytes(entry.leaf_hash).hex(), entry.state_schema or "", entry.state_digest or ""]


def _harmless(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def as_csv(rows: QuerySet[LedgerEntry]) -> Iterator[str]:
    """The entries as CSV, oldest first, one piece a batch."""
    head = io.StringIO()
    csv.writer(head).writerow(COLUMNS)
    yield head.getvalue()
    for batch in chunks(rows, "id", SIZE):
        piece = io.StringIO()
        csv.writer(piece).writerows([_harmless(value) for value in _values(entry)] for entry in batch)
        yield piece.getvalue()


def as_json_lines(rows: QuerySet[LedgerEntry]) -> Iterator[str]:
    """The entries as JSON lines, oldest first: number, leaf hash, and `leaf`, the logged text as it was hashed."""
    for batch in chunks(rows, "id", SIZE):
        lines = (
            {"idx": entry.idx, "leaf_hash": bytes(entry.leaf_hash).hex(), "leaf": bytes(entry.leaf).decode()}
            for entry in batch
        )
        yield "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)


FORMATS: dict[str, tuple[str, Callable[[QuerySet[LedgerEntry]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "jsonl": ("application/x-ndjson; charset=utf-8", as_json_lines),
}
