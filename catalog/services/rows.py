"""New rows: checked field by field, inserted once, refused in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from portal.errors import Conflict, InvalidInput

LABELS = {
    "registeredmodel": "model",
    "modelversion": "version",
    "trainingrun": "training run",
    "datasetsnapshot": "snapshot",
}


def validated(row: models.Model, *, exclude: tuple[str, ...] = ()) -> None:
    """Check a new row's fields. Raises InvalidInput naming the first wrong field, Conflict for a taken name."""
    try:
        row.clean_fields(exclude=exclude)
    except ValidationError as error:
        name, texts = next(iter(error.message_dict.items()))
        raise InvalidInput(
            f"{name}: {' '.join(texts)}", code="invalid-field", field=name, how="Correct this field and send it again."
        ) from error
    for field in row._meta.concrete_fields:
        _storable(field.name, getattr(row, field.attname))
    for constraint in row._meta.constraints:
        try:
            constraint.validate(type(row), row, exclude=set(exclude))
        except ValidationError as error:
            if isinstance(constraint, models.UniqueConstraint):
                raise taken(row, constraint) from error
            text = f"The values contradict each other ({constraint.name.replace('_', ' ')})."
            raise InvalidInput(text, code="invalid-values", how="Correct them and send it again.") from error


def _storable(name: str, value: Any) -> None:
    """PostgreSQL keeps neither NUL nor half a surrogate pair."""
    if not isinstance(value, str | list | dict):
        return
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            f"{name} cannot be stored: {error}", code="invalid-text", field=name, how="Send plain text or plain JSON."
        ) from error
    if "\x00" in text or (not isinstance(value, str) and "\\u0000" in text):
        raise InvalidInput(
            f"{name} holds a NUL character.", code="invalid-text", field=name, how="Take it out and send it again."
        )


def _names(constraint: models.UniqueConstraint) -> Sequence[str]:
    if constraint.fields:
        return list(constraint.fields)
    found: list[str] = []
    for expression in constraint.expressions:
        sources = [expression] if isinstance(expression, models.F) else getattr(expression, "source_expressions", [])
        found += [str(getattr(source, "name", "")) for source in sources]
    return found


def taken(row: models.Model, constraint: models.UniqueConstraint | None = None) -> Conflict:
    """The answer to a name that exists."""
    names = _names(constraint) if constraint else []
    label = LABELS.get(row._meta.model_name or "", str(row._meta.verbose_name))
    return Conflict(
        f"This {label} exists already.",
        code="name-taken",
        field=names[-1] if names else None,
        how="Choose another name, or use the one that exists.",
    )


def insert(row: models.Model, *, exclude: tuple[str, ...] = ()) -> None:
    """Check a row and insert it. Raises as `validated`; Conflict also when another request was first."""
    validated(row, exclude=exclude)
    unique = [item for item in row._meta.constraints if isinstance(item, models.UniqueConstraint)]
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        broken = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        for constraint in unique:
            if constraint.name == broken:
                raise taken(row, constraint) from error
        raise
