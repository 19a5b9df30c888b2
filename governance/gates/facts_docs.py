"""The facts schema published: as JSON Schema (draft 2020-12) and as a reference page in Markdown."""

from __future__ import annotations

from typing import Any

from governance.gates.facts import MAX_ROWS, MAX_SAFE_INTEGER, MAX_TEXT
from governance.gates.schema import FACTS, FACTS_SCHEMA
from governance.gates.shapes import Field, Message

_SCALARS: dict[str, dict[str, Any]] = {
    "string": {"type": "string", "maxLength": MAX_TEXT},
    "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$"},
    "date": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"},
    "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "int": {"type": "integer", "minimum": -MAX_SAFE_INTEGER, "maximum": MAX_SAFE_INTEGER},
    "double": {"type": "number"},
    "bool": {"type": "boolean"},
}


def json_schema() -> dict[str, Any]:
    """The facts document as JSON Schema. Only `schema` is required: what is left out is unknown."""
    body = _message(FACTS)
    body["properties"]["schema"] = {"const": FACTS_SCHEMA, "description": "Version of this schema."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:gatehouse:schema:facts:1",
        "title": FACTS_SCHEMA,
        "description": "What is known about one subject at one moment. What is not known is left out.",
        **body,
        "required": ["schema"],
    }


def facts_reference_markdown() -> str:
    """The reference page: each fact, its type in an expression and its meaning."""
    lines = [
        "# Facts a policy can read",
        "",
        f"Schema `{FACTS_SCHEMA}`. A fact that is not known is left out of the document, and a rule that needs it",
        "is *unknown*, which blocks. An empty list says: looked at, and there is none.",
        "",
    ]
    plain = [field for field in FACTS.fields if field.message is None]
    lines += _table("facts", plain)
    for field in FACTS.fields:
        if field.message is not None:
            lines += [f"## facts.{field.name}", "", field.doc, ""]
            if field.message.key:
                lines += [
                    f"A list; one row for each {', '.join(f'`{name}`' for name in field.message.key)}.",
                    "",
                ]
            lines += _table(field.name, _flatten(field.message, ""))
    return "\n".join(lines).rstrip() + "\n"


def _message(message: Message) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: _field(field) for field in message.fields},
    }


def _field(field: Field) -> dict[str, Any]:
    shape = _message(field.message) if field.message is not None else dict(_SCALARS[field.kind])
    if field.repeated:
        shape = {"type": "array", "maxItems": MAX_ROWS, "items": shape}
    return {**shape, "description": field.doc}


def _flatten(message: Message, prefix: str) -> list[Field]:
    rows: list[Field] = []
    for field in message.fields:
        name = f"{prefix}{field.name}"
        if field.message is None:
            rows.append(Field(name, field.kind, field.doc, field.repeated))
        else:
            rows += _flatten(field.message, f"{name}[]." if field.repeated else f"{name}.")
    return rows


def _table(section: str, fields: list[Field]) -> list[str]:
    lines = ["| fact | type | meaning |", "|---|---|---|"]
    for field in fields:
        kind = field.kind if field.kind in ("int", "double", "bool") else f"string ({field.kind})"
        kind = "string" if field.kind == "string" else kind
        shown = f"list of {kind}" if field.repeated else kind
        lines.append(f"| `{field.name}` | {shown} | {field.doc.replace('|', '&#124;')} |")
    return [*lines, ""]
