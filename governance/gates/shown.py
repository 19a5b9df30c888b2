"""The facts that a rule read, as a decision shows them: {path, value, evidence?}, in order of path and row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from governance.gates.reads import Reads
from governance.gates.schema import FACTS
from governance.gates.shapes import Message

MAX_SHOWN = 200


class Shown:
    """Of one document: a path that several rules read is looked up once."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = facts
        self._found: dict[str, list[dict[str, Any]]] = {}
        self._labels: dict[str, list[str]] = {}

    def of(self, reads: Reads) -> tuple[dict[str, Any], ...]:
        """The facts at the paths, in order of path and rows by their key; at most MAX_SHOWN."""
        return tuple(islice(chain.from_iterable(self._at(path) for path in sorted(reads.paths)), MAX_SHOWN))

    def _at(self, path: str) -> list[dict[str, Any]]:
        found = self._found.get(path)
        if found is None:
            # No rule shows more of one path than it shows at all.
            found = self._found[path] = list(islice(self._read(path), MAX_SHOWN))
        return found

    def _read(self, path: str) -> Iterator[dict[str, Any]]:
        head, marker, tail = path.partition("[].")
        if not marker or "." in tail or "[" in tail or "." in head:
            return _read(path, self.facts, FACTS, "")
        return self._plain_rows(head, tail)

    def _plain_rows(self, head: str, name: str) -> Iterator[dict[str, Any]]:
        """The usual case of `_read`, a single value of each row of a top-level list, with each row named once."""
        section = _section(FACTS, head)
        if name in section.key:
            return
        rows = self.facts.get(head) or []
        labels = self._labels.get(head)
        if labels is None:
            labels = self._labels[head] = [f"{head}[{_label(row, section)}]." for row in rows]
        for row, label in zip(rows, labels, strict=True):
            value = row.get(name)
            if value is not None:
                shown = {"path": label + name, "value": value}
                if "evidence" in row and name != "evidence":
                    shown["evidence"] = row["evidence"]
                yield shown


def at(facts: Mapping[str, Any], path: str) -> Any:
    """What stands at a path without lists; None where nothing does."""
    current: Any = facts
    for name in path.split("."):
        if not isinstance(current, Mapping) or name not in current:
            return None
        current = current[name]
    return current


def values(path: str, facts: Mapping[str, Any]) -> list[Any]:
    """What stands at the path, of every row where it names a list such as `datasets[].purposes`; None if absent."""
    head, marker, tail = path.partition("[].")
    value = at(facts, head)
    if not marker:
        return [value]
    return [found for row in value for found in values(tail, row)] if isinstance(value, list) else [None]


def _read(path: str, facts: Mapping[str, Any], message: Message, prefix: str) -> Iterator[dict[str, Any]]:
    """{path, value, evidence?} at the path; a row is named by its key, as in bias[attribute=sex, group=F].ratio."""
    head, marker, tail = path.partition("[].")
    value = at(facts, head)
    if not marker:
        if value is not None and not (isinstance(value, list) and _is_rows(value)):
            shown = {"path": prefix + head, "value": value}
            evidence = _evidence(facts, head)
            yield shown | ({"evidence": evidence} if evidence is not None else {})
        return
    section = _section(message, head)
    for row in value or []:
        if tail not in section.key:
            yield from _read(tail, row, section, f"{prefix}{head}[{_label(row, section)}].")


def _label(row: Mapping[str, Any], section: Message) -> str:
    return ", ".join([f"{name}={row.get(name, '?')}" for name in section.key])


def _evidence(facts: Mapping[str, Any], head: str) -> Any:
    """The evidence of the row, or of the nearest group, that the fact stands in."""
    *groups, name = head.split(".")
    if name == "evidence":
        return None
    for depth in range(len(groups), -1, -1):
        holder = at(facts, ".".join(groups[:depth])) if depth else facts
        if isinstance(holder, Mapping) and "evidence" in holder:
            return holder["evidence"]
    return None


def _section(message: Message, path: str) -> Message:
    for name in path.split("."):
        field = message.field(name)
        if field is None or field.message is None:
            raise AssertionError(f"{path} is no section of the facts")
        message = field.message
    return message


def _is_rows(value: list[Any]) -> bool:
    return any(isinstance(item, Mapping) for item in value)
