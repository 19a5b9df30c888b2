"""Read a facts document strictly, and give it its digest.

A policy may rely on every type: what the schema calls a double is a float when an expression sees it, a key
that is not in the schema is refused, and a fact that is not known is left out rather than null.
Canonical form and digest: RFC 8785 and SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import date, datetime
from typing import Any, NoReturn

import rfc8785

from governance.gates import canonical
from governance.gates.errors import FactsError
from governance.gates.schema import FACTS_SCHEMA, SCHEMAS, schema_of
from governance.gates.shapes import Field, Message

MAX_BYTES = 1024 * 1024
MAX_ROWS = 2000
MAX_TEXT = 20_000
# RFC 8785 inherits I-JSON (RFC 7493): integers beyond this are not exact for every reader.
MAX_SAFE_INTEGER = 2**53 - 1

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Facts(dict[str, Any]):
    """A document that was read: plain data of the exact types, and `digest` (hex). Not to be changed."""

    __slots__ = ("digest", "size")
    digest: str
    # Bytes of its canonical form.
    size: int

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("a facts document is fixed once read; read a changed one anew")

    __setitem__ = __delitem__ = update = pop = popitem = clear = setdefault = _refuse  # type: ignore[assignment]
    __ior__ = _refuse  # type: ignore[assignment]


def read_facts(doc: Any, *, partial: bool = False) -> Facts:
    """The document with exact types, by the schema that it names. `partial` (tests, eval): it may name none.

    Raises FactsError with the path of the first thing that is wrong.
    """
    if isinstance(doc, Facts):
        return doc
    if not isinstance(doc, dict):
        raise FactsError("", f"A facts document is an object, not {_kind(doc)}.", 'Write {"schema": …}.')
    if not partial and "schema" not in doc:
        raise FactsError("schema", "The document names no schema.", f'Write "schema": "{FACTS_SCHEMA}".')
    facts = Facts(_read_message(doc, SCHEMAS[schema_of(doc)], ""))
    canonical = canonical_bytes(facts)
    if len(canonical) > MAX_BYTES:
        raise FactsError("", f"The document has {len(canonical)} bytes; the limit is {MAX_BYTES}.", "Send less.")
    facts.size = len(canonical)
    facts.digest = hashlib.sha256(canonical).hexdigest()
    return facts


def parse_facts(text: str | bytes, *, partial: bool = False) -> Facts:
    """The same from JSON text, refusing duplicate keys, NaN and infinities. Raises FactsError."""
    if len(text) > 4 * MAX_BYTES:
        raise FactsError("", f"The file has {len(text)} bytes.", f"The document may have {MAX_BYTES} bytes.")
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        doc = json.loads(decoded, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise FactsError("", f"Byte {error.start} is not UTF-8.", "Save the file as UTF-8.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise FactsError("", f"Not JSON: {error.msg} at {where}.", "Send one JSON object.") from error
    except RecursionError as error:
        raise FactsError("", "The document is nested too deeply.", "Follow the facts schema.") from error
    except ValueError as error:  # an integer with thousands of digits
        if isinstance(error, FactsError):
            raise
        raise FactsError("", f"Not JSON: {error}", "Send one JSON object.") from error
    return read_facts(doc, partial=partial)


def facts_digest(doc: dict[str, Any]) -> str:
    """SHA-256 (hex) of the document's canonical bytes. Raises FactsError where it is not valid."""
    return read_facts(doc, partial=True).digest


def canonical_bytes(value: Any) -> bytes:
    """RFC 8785 form of plain data as UTF-8. Raises FactsError for what has none."""
    try:
        return canonical.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise FactsError("", f"No canonical form: {error}", "Send plain JSON.") from error


def _read_message(value: Any, message: Message, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FactsError(path, f"Must be an object, not {_kind(value)}.", "See the facts reference.")
    fields = message.by_name
    result: dict[str, Any] = {}
    for name, item in value.items():
        field = fields.get(name)
        where = f"{path}.{name}" if path else str(name)
        if field is None:
            raise FactsError(where[:200], "The schema has no such fact.", _near(str(name), list(fields)))
        if field.repeated:
            result[name] = _read_list(item, field, where)
        elif field.message is not None:
            result[name] = _read_message(item, field.message, where)
        else:
            result[name] = _read_scalar(item, field.kind, where)
    return result


def _read_list(value: Any, field: Field, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise FactsError(path, f"Must be a list, not {_kind(value)}.", "Leave it out where it is not known.")
    if len(value) > MAX_ROWS:
        raise FactsError(path, f"Has {len(value)} rows; the limit is {MAX_ROWS}.", "Send the rows that count.")
    if field.message is None:
        return [_read_scalar(item, field.kind, f"{path}[{i}]") for i, item in enumerate(value)]
    rows = [_read_message(item, field.message, f"{path}[{i}]") for i, item in enumerate(value)]
    seen: set[tuple[Any, ...]] = set()
    for i, row in enumerate(rows):
        if all(name in row for name in field.message.key):
            key = tuple(row[name] for name in field.message.key)
            if key in seen:
                shown = ", ".join(str(part) for part in key)
                raise FactsError(f"{path}[{i}]", f"A second row for {shown}.", "One row each; the newest counts.")
            seen.add(key)
    return rows


def _read_scalar(value: Any, kind: str, path: str) -> Any:
    if value is None:
        raise FactsError(path, "Is null.", "Leave out what is not known.")
    if kind == "bool":
        if type(value) is not bool:
            raise FactsError(path, f"Must be true or false, not {_kind(value)}.", "Write it without quotes.")
        return value
    if kind == "int":
        if type(value) is not int:
            raise FactsError(path, f"Must be a whole number, not {_kind(value)}.", "Write it without quotes or point.")
        if abs(value) > MAX_SAFE_INTEGER:
            raise FactsError(path, "Is beyond ±(2**53 - 1).", "Send a number that is exact everywhere.")
        return value
    if kind == "double":
        return _read_double(value, path)
    return _read_text(value, kind, path)


def _read_double(value: Any, path: str) -> float:
    if type(value) not in (int, float):
        raise FactsError(path, f"Must be a number, not {_kind(value)}.", "Write it without quotes.")
    if type(value) is int and abs(value) > MAX_SAFE_INTEGER:
        raise FactsError(path, "Is beyond ±(2**53 - 1).", "Send a number that is exact everywhere.")
    if not math.isfinite(value):
        raise FactsError(path, "Is not a finite number.", "Leave out what is not known.")
    # A double written as 1 would otherwise be divided as an integer. Minus zero has no canonical form of its own.
    return float(value) + 0.0


def _read_text(value: Any, kind: str, path: str) -> str:
    if not isinstance(value, str):
        raise FactsError(path, f"Must be text, not {_kind(value)}.", "Write it in quotes.")
    if len(value) > MAX_TEXT:
        raise FactsError(path, f"Has {len(value)} characters; the limit is {MAX_TEXT}.", "Send its digest.")
    if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value if char > "\ud7ff"):
        raise FactsError(path, "Holds a character that cannot be stored (NUL or half a surrogate).", "Remove it.")
    if kind == "digest" and not _DIGEST.fullmatch(value):
        raise FactsError(path, "Is not a SHA-256 digest.", "Write 64 lower-case hex digits.")
    if kind == "timestamp" and not _is_time(value):
        raise FactsError(path, "Is not a UTC time.", "Write it as 2026-11-24T05:00:00Z.")
    if kind == "date" and not _is_date(value):
        raise FactsError(path, "Is not a date.", "Write it as 2026-11-24.")
    # A text of a class of its own, such as a member of an enumeration, is none to the engine.
    return str.__str__(value)


def _is_time(value: str) -> bool:
    if not _TIMESTAMP.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_date(value: str) -> bool:
    if not _DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise FactsError(twice[:80], "The key appears twice in one object.", "Keep one of them.")
    return result


def _no_constant(text: str) -> NoReturn:
    raise FactsError("", f"{text} is not a JSON number.", "Leave out what is not known.")


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "true or false", int: "a whole number", float: "a number"}
    return {**names, str: "text", list: "a list", dict: "an object"}.get(type(value), type(value).__name__)


def _near(name: str, known: list[str]) -> str:
    # difflib is too slow for a hostile key of a megabyte.
    close = sorted(known, key=lambda item: _distance(name[:60], item))[:3]
    return f"Did you mean {', '.join(close)}?"


def _distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, start=1):
        last, row[0] = row[0], i
        for j, right in enumerate(b, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (left != right))
    return row[-1]
