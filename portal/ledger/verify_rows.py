"""Verify every governed row against the last entry about it: changed, missing, or never recorded."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet

from portal.ledger import states
from portal.ledger.canonical import CanonicalError
from portal.ledger.differences import likely_differences
from portal.ledger.encoding import StateError
from portal.ledger.findings import Findings, Report, chunks
from portal.ledger.models import LedgerEntry

SIZE = 500


def check(found: Findings, report: Report) -> int:
    """Check all governed tables; returns how many rows were read."""
    read = 0
    governed = list(states.governed_models())
    for number, model in enumerate(governed):
        report(55 + 35 * number // len(governed), f"Rows of {model._meta.verbose_name_plural}")
        for batch in chunks(model._base_manager.all(), "pk", SIZE):
            _rows(found, model, batch)
            read += len(batch)
        _gone(found, model)
    return read


def _last_entries(kind: str) -> QuerySet[LedgerEntry]:
    """The last entry about each subject of this type that says something of its state."""
    rows = LedgerEntry.objects.filter(subject_type=kind, state_schema__isnull=False)
    return rows.order_by("subject_id", "-id").distinct("subject_id").defer("leaf")


def _rows(found: Findings, model: type[models.Model], batch: list[models.Model]) -> None:
    kind, table = states.ledger_type(model), model._meta.db_table
    wanted = [str(row.pk) for row in batch]
    entries = {entry.subject_id: entry for entry in _last_entries(kind).filter(subject_id__in=wanted)}
    for row in batch:
        entry = entries.get(str(row.pk))
        if entry is None:
            text = f"{kind} {row.pk} was never recorded: the row of table {table} has no entry."
            found.add("row-unrecorded", table, row.pk, text)
        elif problem := _problem(row, entry):
            found.add("row-changed", table, row.pk, f"{kind} {row.pk} {problem}")


def _said(entry: LedgerEntry) -> str:
    return f"{entry} ({entry.event})"


def _problem(row: models.Model, entry: LedgerEntry) -> str:
    """What is wrong with the row, or nothing."""
    if entry.state_digest is None:
        return f"is there, though {_said(entry)} says that it was removed."
    schema = states.schema_named(str(entry.state_schema))
    if schema is None or schema.model.lower() != row._meta.label_lower:
        return f"cannot be checked: {_said(entry)} uses the state schema {entry.state_schema}, unknown to this code."
    try:
        if schema.digest(row) == entry.state_digest:
            return ""
    except (StateError, CanonicalError) as error:
        return f"cannot be digested: {error}."
    differences = likely_differences(row, schema, entry)
    where = "; ".join(differences) or f"one or more of {', '.join(schema.fields)}"
    return f"was changed after {_said(entry)}: {where}."


def _gone(found: Findings, model: type[models.Model]) -> None:
    """Rows that the ledger says exist, and that do not."""
    kind, table, last = states.ledger_type(model), model._meta.db_table, ""
    while True:
        batch = list(_last_entries(kind).filter(subject_id__gt=last)[:SIZE])
        if not batch:
            return
        last = batch[-1].subject_id
        expected = [entry for entry in batch if entry.state_digest is not None]
        keys = {entry.subject_id: _key(model, entry.subject_id) for entry in expected}
        there = set(
            model._base_manager.filter(pk__in=[key for key in keys.values() if key is not None]).values_list(
                "pk", flat=True
            )
        )
        for entry in expected:
            if keys[entry.subject_id] not in there:
                text = f"{kind} {entry.subject_id} is missing from table {table}; {_said(entry)} says that it exists."
                found.add("row-missing", table, entry.subject_id, text)


def _key(model: type[models.Model], text: str) -> Any:
    assert model._meta.pk is not None
    try:
        return model._meta.pk.to_python(text)
    except ValidationError:
        return None
