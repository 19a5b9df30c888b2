"""Which field of a changed row differs. The digest alone does not say, but a plausible older value proves itself:
put back in place, it gives the recorded digest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import models

from portal.ledger.canonical import CanonicalError, canonical_bytes, sha256_hex
from portal.ledger.models import LedgerEntry
from portal.ledger.states import StateSchema

MAX_TRIES = 2000


def likely_differences(row: models.Model, schema: StateSchema, entry: LedgerEntry) -> list[str]:
    """The field that was changed, with both values, when putting one known value back gives the digest.

    Tried are the choices of a field, true, false and nothing, and every value that entries about the row name.
    Empty when none fits (several fields changed, or a value that no entry holds).
    """
    document = schema.document(row)
    pairs = document["fields"]
    said = list(_said_values(entry))
    tries = 0
    for place, (name, value) in enumerate(pairs):
        for candidate in [*_possible(schema, place), *said]:
            tries += 1
            if tries > MAX_TRIES:
                return []
            if candidate == value and type(candidate) is type(value):
                continue
            pairs[place] = [name, candidate]
            if _digest(document) == entry.state_digest:
                return [f"{name} is {value!r}, recorded was {candidate!r}"]
        pairs[place] = [name, value]
    return []


def _digest(document: dict[str, Any]) -> str:
    try:
        return sha256_hex(canonical_bytes(document))
    except CanonicalError:
        return ""


def _possible(schema: StateSchema, place: int) -> Iterator[Any]:
    field = schema.model_fields[place]
    yield None
    if isinstance(field, str):
        return
    if isinstance(field, models.BooleanField):
        yield from (True, False)
    if isinstance(field, models.CharField | models.TextField):
        yield ""
    for choice, _ in field.flatchoices:
        yield choice


def _said_values(entry: LedgerEntry) -> Iterator[Any]:
    """Every plain value in the bodies of the entries about the same subject, newest first, 50 entries at most."""
    rows = LedgerEntry.objects.filter(subject_type=entry.subject_type, subject_id=entry.subject_id)
    seen: set[tuple[type, Any]] = set()
    for row in rows.order_by("-id")[:50]:
        for value in _scalars(row.body):
            if (type(value), value) not in seen:
                seen.add((type(value), value))
                yield value


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _scalars(one)
    elif isinstance(value, list):
        for one in value:
            yield from _scalars(one)
    else:
        yield value
