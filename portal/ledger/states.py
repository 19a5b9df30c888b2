"""Numbered state schemas: which fields of a governed row its digest covers, and how each is encoded.

A registered schema is kept in code for ever. A model that gains a column gets `release/2` beside `release/1`:
rows whose last entry names the old schema are still recomputed by it, so a migration never looks like an edit.
The encoding of a value is fixed by its field's class and gives the same for a row just built in Python as for
the row PostgreSQL hands back (scale of numerics, microseconds, canonical ranges, jsonb numbers).
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import apps
from django.db import models

from portal.ledger.canonical import canonical_bytes, sha256_hex
from portal.ledger.encoding import StateError, encode

_NAME = re.compile(r"^[a-z][a-z0-9_-]*/[1-9][0-9]*\Z")


@dataclasses.dataclass(frozen=True)
class StateSchema:
    """One numbered schema: `name` as in "release/1", the model's label, its fields in digest order."""

    name: str
    model: str
    fields: tuple[str, ...]

    @property
    def number(self) -> int:
        """The number after the slash."""
        return int(self.name.rsplit("/", 1)[1])

    @functools.cached_property
    def model_fields(self) -> tuple[models.Field[Any, Any] | str, ...]:
        """The model's stored fields; a property that gathers child rows as plain JSON stands as its name.

        Raises StateError when the model no longer has one of them.
        """
        model = apps.get_model(self.model)
        found: dict[str, Any] = {field.name: field for field in model._meta.concrete_fields}
        found |= {name: name for name in self.fields if isinstance(getattr(model, name, None), property)}
        missing = [name for name in self.fields if name not in found]
        if missing:
            raise StateError(f"state schema {self.name}: {self.model} has no stored field {', '.join(missing)}")
        return tuple(found[name] for name in self.fields)

    def document(self, instance: models.Model) -> dict[str, Any]:
        """What is digested: {"schema": name, "fields": [[field, encoded value], ...]}."""
        deferred = instance.get_deferred_fields()
        pairs: list[list[Any]] = []
        for field in self.model_fields:
            if isinstance(field, str):
                pairs.append([field, getattr(instance, field)])
                continue
            if field.attname in deferred:
                raise StateError(f"{self.model}.{field.name} was not loaded; the digest needs every field")
            pairs.append([field.name, encode(field, getattr(instance, field.attname))])
        return {"schema": self.name, "fields": pairs}

    def digest(self, instance: models.Model) -> str:
        """SHA-256 (hex) of the canonical form of `document`. Raises StateError, CanonicalError."""
        return sha256_hex(canonical_bytes(self.document(instance)))


_schemas: dict[str, StateSchema] = {}
_by_model: dict[str, list[StateSchema]] = {}


def register(name: str, *, model: str, fields: Sequence[str]) -> StateSchema:
    """Register a schema, normally from an app's `ledger_states.py`.

    Raises ValueError for a name not of the form "release/1", no or repeated fields, or a name already taken by
    another definition; registering the same definition again is allowed.
    """
    if not _NAME.match(name):
        raise ValueError(f"a state schema is named like 'release/1', not {name!r}")
    if not fields or len(set(fields)) != len(fields):
        raise ValueError(f"state schema {name}: fields must be given, each once")
    schema = StateSchema(name, model, tuple(fields))
    known = _schemas.setdefault(name, schema)
    if known != schema:
        raise ValueError(f"state schema {name} is frozen; a changed field list needs the next number")
    siblings = _by_model.setdefault(model.lower(), [])
    if schema not in siblings:
        siblings.append(schema)
        siblings.sort(key=lambda one: one.number)
    return schema


def unregister(name: str) -> None:
    """Forget a schema (for tests that register one of their own)."""
    schema = _schemas.pop(name, None)
    if schema is not None:
        _by_model[schema.model.lower()].remove(schema)


def schema_named(name: str) -> StateSchema | None:
    """The schema of that name, or None."""
    return _schemas.get(name)


def current_schema(model: type[models.Model]) -> StateSchema | None:
    """The schema new entries use: the model's `ledger_state` if it names one, else the highest number."""
    chosen = getattr(model, "ledger_state", None)
    if chosen is not None:
        if chosen not in _schemas:
            raise StateError(f"{model._meta.label} names the state schema {chosen!r}, which is not registered")
        return _schemas[chosen]
    siblings = _by_model.get(model._meta.label_lower)
    return siblings[-1] if siblings else None


def bound_fields(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """The stored fields that any of the model's schemas covers; all of them when it has no schema."""
    schemas = _by_model.get(model._meta.label_lower, [])
    names = {name for schema in schemas for name in schema.fields}
    stored = list(model._meta.concrete_fields)
    return [one for one in stored if not schemas or one.name in names or one.attname in names]


def state_digest(instance: models.Model) -> tuple[str, str] | None:
    """(schema name, digest in hex) of the instance as it is now; None when its model has no schema.

    Raises StateError when a field was not loaded, holds an expression, or has no stable encoding.
    """
    schema = current_schema(type(instance))
    return None if schema is None else (schema.name, schema.digest(instance))


def ledger_type(model: type[models.Model] | models.Model) -> str:
    """The subject type that entries about this model carry: its `ledger_type`, else "app.model"."""
    declared = getattr(model, "ledger_type", None)
    return str(declared) if declared else model._meta.label_lower


def governed_models() -> Iterable[type[models.Model]]:
    """Concrete models marked `governed = True`, in a stable order."""
    found = [model for model in apps.get_models() if is_marked(model, "governed")]
    return sorted(found, key=lambda model: model._meta.label_lower)


def is_marked(model: type[models.Model], mark: str) -> bool:
    """Whether the model has a table of its own and carries the class attribute `mark` as true."""
    meta = model._meta
    return bool(getattr(model, mark, False)) and meta.managed and not meta.proxy and not meta.abstract
