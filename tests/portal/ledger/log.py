"""What tests of the ledger share: made entries, and edits as the database's superuser with the guards off."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import connection, transaction

from portal.ledger.models import LedgerEntry
from portal.ledger.services import Subject, record, sequence, sign_checkpoint
from portal.ledger.verify import Verification, verify
from tests import databases


def entry(body: dict[str, Any] | None = None, subject: str = "1", **options: Any) -> LedgerEntry:
    """An entry about no row."""
    with transaction.atomic():
        target = Subject("test.thing", subject)
        return record(actor=None, event="test:thing:happened", subject=target, body=body or {}, **options)


def fill(count: int) -> None:
    """That many entries, numbered and under a checkpoint."""
    for number in range(count):
        entry({"number": number})
    seal()


def seal() -> None:
    """Number what waits and sign."""
    while sequence():
        pass
    sign_checkpoint()


def as_superuser(sql: str, *values: Any) -> None:
    """Run SQL as somebody who owns the database: no trigger and no grant holds it back."""
    name = connection.settings_dict["NAME"]
    with psycopg.connect(databases.url_for(name, role="superuser"), autocommit=True) as direct:
        direct.execute("SET session_replication_role = replica")
        direct.execute(sql, values)


def kinds(outcome: Verification | None = None) -> set[str]:
    return set((outcome or verify()).by_kind)
