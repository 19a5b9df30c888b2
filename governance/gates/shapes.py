"""The words a facts schema is written in: a field, a message, and short names for the usual ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal["string", "int", "double", "bool", "timestamp", "date", "digest", "message"]


@dataclass(frozen=True, slots=True)
class Field:
    """One fact. `repeated` makes it a list; `message` is the shape when kind is "message"."""

    name: str
    kind: Kind
    doc: str
    repeated: bool = False
    message: Message | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A group of facts. `key` names the fields that tell one row of a list from another."""

    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    by_name: Mapping[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {one.name: one for one in self.fields})

    def field(self, name: str) -> Field | None:
        """The field of this name, or None."""
        return self.by_name.get(name)


def text(name: str, doc: str, repeated: bool = False) -> Field:
    return Field(name, "string", doc, repeated)


def number(name: str, doc: str) -> Field:
    return Field(name, "double", doc)


def count(name: str, doc: str) -> Field:
    return Field(name, "int", doc)


def flag(name: str, doc: str) -> Field:
    return Field(name, "bool", doc)


def time(name: str, doc: str) -> Field:
    return Field(name, "timestamp", doc)


def date(name: str, doc: str) -> Field:
    return Field(name, "date", doc)


def group(name: str, message: str, doc: str, *fields: Field) -> Field:
    return Field(name, "message", doc, message=Message(message, fields))


def rows(name: str, message: str, doc: str, key: tuple[str, ...], *fields: Field) -> Field:
    return Field(name, "message", doc, repeated=True, message=Message(message, fields, key))


def extended(message: Message, more: Mapping[str, Sequence[Field]]) -> Message:
    """The message with further fields at the end of the sections named ("" is the message itself).

    A field of a name that is there takes its place. Raises KeyError for a section that is not there.
    """
    fields = {one.name: one for one in message.fields}
    for name, added in more.items():
        if name:
            section = fields[name].message
            if section is None:
                raise KeyError(name)
            fields[name] = replace(fields[name], message=extended(section, {"": added}))
        else:
            fields |= {one.name: one for one in added}
    return Message(message.name, tuple(fields.values()), message.key)
