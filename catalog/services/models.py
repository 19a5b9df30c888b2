"""Register models."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction

from catalog.models import RegisteredModel
from portal.access import Permission, require
from portal.accounts.models import Team, User
from portal.errors import Conflict, InvalidInput
from portal.ledger.services import record


def validated(row: models.Model, *, exclude: tuple[str, ...] = ()) -> None:
    """Check a new row's fields. Raises InvalidInput naming the first wrong field, Conflict for a taken name."""
    try:
        row.clean_fields(exclude=exclude)
        row.validate_unique()
        row.validate_constraints(exclude=set(exclude) - {"team"})
    except ValidationError as error:
        name, texts = next(iter(error.message_dict.items()))
        codes = {item.code for items in error.error_dict.values() for item in items}
        if codes & {"unique", "unique_together"} or any(
            "already exists" in text or "violated" in text for text in texts
        ):
            raise Conflict(
                f"This {row._meta.verbose_name} exists already.",
                code="name-taken",
                field="version" if hasattr(row, "version") else "name",
                how="Choose another name, or use the one that exists.",
            ) from error
        raise InvalidInput(
            f"{name}: {' '.join(texts)}", code="invalid-field", field=name, how="Correct this field and send it again."
        ) from error


@transaction.atomic
def register_model(
    *, actor: User, team: Team, owner: User | None = None, is_demo: bool = False, **fields: Any
) -> RegisteredModel:
    """Make a model known. Fields: name, title, description, risk_tier, intended_use, affects_legal_or_safety."""
    require(actor, Permission.CATALOG_MODEL_CREATE, team)
    row = RegisteredModel(team=team, owner=owner or actor, is_demo=is_demo, **fields)
    validated(row)
    row.save()
    record(
        actor=actor,
        event="catalog:model:registered",
        subject=row,
        body={"name": row.name, "risk_tier": row.risk_tier, "team": team.slug},
    )
    return row
