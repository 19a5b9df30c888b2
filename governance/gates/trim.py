"""A facts document cut down to what is read in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from governance.gates.schema import FACTS
from governance.gates.shapes import Message


def only(facts: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """The facts at the paths, such as `model.risk_tier` and `bias[].ratio`. Rows keep the keys that name them."""
    wanted: dict[str, Any] = {}
    for path in paths:
        place = wanted
        for name in path.replace("[]", "").split("."):
            place = place.setdefault(name, {})
    return _message(facts, wanted, FACTS)


def _message(value: Mapping[str, Any], wanted: Mapping[str, Any], message: Message | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, item in value.items():
        if name in wanted:
            field = message.field(name) if message is not None else None
            found[name] = _part(item, wanted[name], field.message if field is not None else None)
    return found


def _part(value: Any, wanted: Mapping[str, Any], message: Message | None) -> Any:
    key = message.key if message is not None else ()
    if isinstance(value, Mapping):
        return _message(value, wanted, message) if wanted else dict(value)
    if isinstance(value, list) and any(isinstance(row, Mapping) for row in value):
        # Rows that nothing tells apart stay whole where only their number counts.
        names = {name: wanted.get(name, {}) for name in (*key, *wanted)}
        return [_message(row, names, message) if names and isinstance(row, Mapping) else row for row in value]
    return value
