"""Facts in an order of their own, so that the order in which they were sent can decide nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from governance.gates.schema import FACTS
from governance.gates.shapes import Message


def ordered(facts: Mapping[str, Any], message: Message = FACTS) -> dict[str, Any]:
    """The same document with every list sorted: rows by their key, else by all they hold."""
    found = dict(facts)
    for name, section in _lists_and_groups(message):
        value = found.get(name)
        if value is None:
            continue
        if section is None:
            found[name] = sorted(value)
        elif isinstance(value, list):
            found[name] = _sorted_rows(value, section)
        else:
            found[name] = ordered(value, section)
    return found


def longest_list(facts: Mapping[str, Any], message: Message = FACTS) -> int:
    """Rows of the longest list in the document."""
    longest = 0
    for name, section in _lists_and_groups(message):
        value = facts.get(name)
        if isinstance(value, list):
            longest = max(longest, len(value))
            if section is not None and _lists_and_groups(section):
                longest = max([longest, *(longest_list(row, section) for row in value)])
        elif value is not None and section is not None:
            longest = max(longest, longest_list(value, section))
    return longest


# By the identity of a message, whose hash would be that of all its fields; the messages of the schemas never end.
_NESTED: dict[int, tuple[tuple[str, Message | None], ...]] = {}
_KEYS: dict[int, Callable[[dict[str, Any]], Any] | None] = {}


def _lists_and_groups(message: Message) -> tuple[tuple[str, Message | None], ...]:
    """The fields that hold something to sort, with the message of each; None for a list of single values."""
    found = _NESTED.get(id(message))
    if found is None:
        found = _NESTED[id(message)] = tuple(
            (field.name, field.message)
            for field in message.fields
            if (field.repeated if field.message is None else _sorts(field.repeated, field.message))
        )
    return found


def _sorts(repeated: bool, message: Message) -> bool:
    return repeated or bool(_lists_and_groups(message))


def _sorted_rows(rows: list[dict[str, Any]], section: Message) -> list[dict[str, Any]]:
    if _lists_and_groups(section):
        rows = [ordered(row, section) for row in rows]
    whole = _whole_key(section)
    if whole is not None:
        try:
            return sorted(rows, key=whole)
        except KeyError:
            # A row without its whole key: all that the rows hold decides.
            pass
    return sorted(rows, key=lambda row: _place(row, section))


def _whole_key(section: Message) -> Callable[[dict[str, Any]], Any] | None:
    """The key of a row at once, where all its parts are texts."""
    if id(section) not in _KEYS:
        texts = ("string", "timestamp", "date", "digest")
        parts = [section.field(name) for name in section.key]
        fit = parts and all(part is not None and part.kind in texts and not part.repeated for part in parts)
        _KEYS[id(section)] = itemgetter(*section.key) if fit else None
    return _KEYS[id(section)]


def _place(row: Mapping[str, Any], section: Message) -> tuple[str, ...]:
    known = tuple(str(row.get(name, "")) for name in section.key)
    if all(name in row for name in section.key):
        # A whole key is unique: the reader saw to it.
        return known
    # All that the row holds decides. A double read from canonical JSON may still be an integer here.
    doubles = {one.name: float(row[one.name]) for one in section.fields if one.kind == "double" and one.name in row}
    return (*known, json.dumps({**row, **doubles}, sort_keys=True))
