"""Writes plain data as YAML that the policy reader takes back unchanged, but for doubles with very many digits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import yaml

from governance.gates.errors import GateError
from governance.gates.yaml_source import MAX_DIGITS

LINE = 110
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*( [A-Za-z0-9_.-]+)*", re.ASCII)
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_NOT_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def block(value: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a mapping, each key beginning a line of its own; below it what is short stands in one line.

    Raises GateError for a number that the reader would not take.
    """
    for key, item in value.items():
        yield from _named(f"{_key(key)}:", item)


def _lines(value: Any) -> Iterator[str]:
    short = _short(value)
    if short is not None:
        yield short
    elif isinstance(value, Mapping):
        yield from block(value)
    else:
        for item in value:
            first, *rest = _lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)


def _named(name: str, item: Any) -> Iterator[str]:
    short = _short(item)
    if short is not None:
        yield f"{name} {short}"
        return
    yield name
    yield from (f"  {line}" for line in _lines(item))


def _short(value: Any) -> str | None:
    """The value in one line; None where it is too long for one, or holds a list of rows."""
    if isinstance(value, Mapping):
        parts = [(_key(key), _short(item)) for key, item in value.items()]
        if any(part is None for _, part in parts):
            return None
        text = "{" + ", ".join(f"{key}: {part}" for key, part in parts) + "}"
        return text if len(text) <= LINE else None
    if isinstance(value, list):
        if any(isinstance(item, Mapping) for item in value):
            return None
        found = [_short(item) for item in value]
        if any(part is None for part in found):
            return None
        text = f"[{', '.join(str(part) for part in found)}]"
        return text if len(text) <= LINE or not any(isinstance(item, str | list) for item in value) else None
    return _scalar(value)


def _key(name: str) -> str:
    return name if _KEY.fullmatch(name) else _quoted(name)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _double(value)
    if len(value) <= 60 and _WORD.fullmatch(value) and value.lower() not in _NOT_WORDS:
        return str(value)
    return _quoted(value)


def _double(value: float) -> str:
    """Written out in full, since exponents are no numbers to every reader; rounded where that is too long."""
    text = format(Decimal(repr(value)), "f")
    if len(text) > MAX_DIGITS:
        text = format(value, f".{MAX_DIGITS - len('-0.')}f").rstrip("0")
    text = text if "." in text else f"{text}.0"
    text = f"{text}0" if text.endswith(".") else text
    if len(text) > MAX_DIGITS:
        raise GateError(f"The number {value} is too long to be written out.", how="Leave it out.")
    return text


def _quoted(text: str) -> str:
    dumped: str = yaml.dump(text, Dumper=yaml.SafeDumper, default_style='"', allow_unicode=True, width=10**9)
    return dumped.rstrip("\n")
