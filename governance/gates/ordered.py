"""Facts in an order of their own, so that the order in which they were sent can decide nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from governance.gates.schema import FACTS
from governance.gates.shapes import Message


def ordered(facts: Mapping[str, Any], message: Message = FACTS) -> dict[str, Any]:
    """The same document with every list sorted: rows by their key, else by all they hold."""
    found: dict[str, Any] = {}
    for name, value in facts.items():
        field = message.field(name)
        if field is None or not isinstance(value, dict | list):
            found[name] = value
        elif field.message is None:
            found[name] = sorted(value)
        elif isinstance(value, list):
            rows = [ordered(row, field.message) for row in value]
            found[name] = sorted(rows, key=lambda row, key=field.message.key: _place(row, key))  # type: ignore[misc]
        else:
            found[name] = ordered(value, field.message)
    return found


def _place(row: Mapping[str, Any], key: tuple[str, ...]) -> tuple[str, ...]:
    known = tuple(str(row.get(name, "")) for name in key)
    # A whole key is unique (the reader saw to it); where it is not whole, all that the row holds decides.
    return known if all(name in row for name in key) else (*known, json.dumps(row, sort_keys=True))
