"""Verify the whole ledger as a stream: entries, tree, checkpoints, personal values, governed rows, guards.

It reads one snapshot of the database, in batches, so that memory does not grow with the log and writing goes on
meanwhile. It changes nothing. What a superuser changed, deleted or inserted is named by table and row.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from django.db import connection, transaction

from portal.database import missing_guards
from portal.ledger import verify_checkpoints, verify_entries, verify_rows, verify_tree
from portal.ledger.findings import Finding, Findings, Report, Verification
from portal.ledger.selectors import assurance


def _silent(percent: int, step: str) -> None:
    return None


def verify(report: Report | None = None, *, since: int = 0, own: Sequence[str] = ()) -> Verification:
    """Check everything and say what contradicts what.

    report: called with (percent, step) as it goes on. since: the entries before that number are not read again
    (tiles, checkpoints and rows always are). own: notes of checkpoints that the caller kept elsewhere.
    Raises ImproperlyConfigured without the log's key, and django.db.Error when the database cannot be read.
    """
    report, found = report or _silent, Findings()
    key = verify_checkpoints.trusted()
    # Counted before the snapshot: what was published by now, the snapshot holds.
    published, latest = verify_checkpoints.published(found)
    with _snapshot():
        report(0, "Triggers of the database")
        for line in missing_guards():
            table, name = line.split(": ", 1)
            found.add("guard-missing", table, name, f"The trigger {name} of table {table} is missing or switched off.")
        read = verify_tree.bounded_reader()
        entries = verify_entries.check(found, report, since=since)
        size = verify_tree.check(found, report)
        rows = verify_rows.check(found, report)
        report(90, "Checkpoints")
        stored = verify_checkpoints.check_stored(found, read, size, key)
        kept = verify_checkpoints.check_outside(found, read, size, key, published, latest)
        has_own = verify_checkpoints.check_own(found, read, size, key, own)
        root = verify_tree.root_or_none(read, size)
    report(100, "Done")
    broken = any(kind.startswith("outside") for kind in found.by_kind)
    return Verification(
        findings=tuple(found.kept),
        count=found.by_kind.total(),
        by_kind=dict(found.by_kind),
        entries=entries.read,
        waiting=entries.waiting,
        size=size,
        root="" if root is None else root.hex(),
        rows=rows,
        checkpoints=stored,
        outside=kept,
        assurance="broken" if broken else assurance(has_own=has_own).level,
    )


@contextlib.contextmanager
def _snapshot() -> Iterator[None]:
    """One unchanging view of the database; inside a caller's transaction, that transaction's view."""
    is_inside = connection.in_atomic_block
    with transaction.atomic():
        if not is_inside:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


__all__ = ["Finding", "Verification", "verify"]
