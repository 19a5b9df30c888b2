"""Register models."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from catalog.models import RegisteredModel
from catalog.services.rows import insert
from portal.access import Permission, require
from portal.accounts.models import Team, User
from portal.ledger.services import record


@transaction.atomic
def register_model(
    *, actor: User, team: Team, owner: User | None = None, is_demo: bool = False, **fields: Any
) -> RegisteredModel:
    """Make a model known. Fields: name, title, description, risk_tier, intended_use, affects_legal_or_safety."""
    require(actor, Permission.CATALOG_MODEL_CREATE, team)
    row = RegisteredModel(team=team, owner=owner or actor, is_demo=is_demo, **fields)
    insert(row)
    record(
        actor=actor,
        event="catalog:model:registered",
        subject=row,
        body={"name": row.name, "risk_tier": row.risk_tier, "team": team.slug},
    )
    return row
