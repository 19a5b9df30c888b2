"""The words a facts schema is written in: a field, a message, and short names for the usual ones."""

from __future__ import annotations

from dataclasses import dataclass
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

    def field(self, name: str) -> Field | None:
        """The field of this name, or None."""
        return next((field for field in self.fields if field.name == name), None)


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
