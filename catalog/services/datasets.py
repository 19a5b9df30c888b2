"""Register datasets and their snapshots."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from catalog.models import Dataset, DatasetSnapshot
from catalog.services.rows import insert
from portal.access import Permission, require
from portal.accounts.models import Team, User
from portal.errors import InvalidInput
from portal.ledger.services import record


@transaction.atomic
def register_dataset(*, actor: User, team: Team, is_demo: bool = False, **fields: Any) -> Dataset:
    """Make a dataset known. Fields: name, title, description."""
    require(actor, Permission.CATALOG_DATASET_CREATE, team)
    row = Dataset(team=team, is_demo=is_demo, **fields)
    insert(row)
    record(actor=actor, event="catalog:dataset:registered", subject=row, body={"name": row.name, "team": team.slug})
    return row


@transaction.atomic
def add_snapshot(dataset: Dataset, *, actor: User, **fields: Any) -> DatasetSnapshot:
    """Fix one state of a dataset. Fields: label, sha256, rows, schema, residency, retention_until, licence,
    source, legal_basis, purposes, contains_personal_data."""
    require(actor, Permission.CATALOG_DATASET_CREATE, dataset.team_id)
    schema = fields.get("schema")
    if not isinstance(schema, list) or not all(
        isinstance(column, dict) and set(column) == {"name", "type"} for column in schema
    ):
        raise InvalidInput(
            "The schema is a list of columns, each with name and type.",
            code="schema-invalid",
            field="schema",
            how='Send [{"name": "age", "type": "int64"}, …].',
        )
    row = DatasetSnapshot(dataset=dataset, created_by=actor, **fields)
    insert(row)
    record(
        actor=actor,
        event="catalog:snapshot:added",
        subject=row,
        body={"dataset": dataset.name, "label": row.label, "sha256": row.sha256, "rows": row.rows},
    )
    return row
