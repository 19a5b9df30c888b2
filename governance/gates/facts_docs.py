"""The facts schema published: as JSON Schema (draft 2020-12) and as a reference page in Markdown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from governance.gates.attested import ATTESTED
from governance.gates.facts import MAX_ROWS, MAX_SAFE_INTEGER, MAX_TEXT
from governance.gates.schema import FACTS, FACTS_SCHEMA, SCHEMAS
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


def json_schema(name: str = FACTS_SCHEMA) -> dict[str, Any]:
    """A facts document of that schema as JSON Schema. Only `schema` is required: what is left out is unknown.

    Raises KeyError for a name that is not in SCHEMAS.
    """
    body = _message(SCHEMAS[name])
    body["properties"]["schema"] = {"const": name, "description": "Version of this schema."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:gatehouse:schema:facts:{name.rpartition('/')[2]}",
        "title": name,
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
        "A document is read by the schema that it names, and a decision is repeated with that of its document. A fact",
        "marked *since 2* came with `gatehouse.facts/2`: documents of an older schema leave it out.",
        "",
    ]
    plain = [field for field in FACTS.fields if field.message is None]
    lines += _table("", plain)
    for field in FACTS.fields:
        if field.message is not None:
            lines += [f"## facts.{field.name}", "", field.doc, ""]
            if field.message.key:
                lines += [
                    f"A list; one row for each {', '.join(f'`{name}`' for name in field.message.key)}.",
                    "",
                ]
            lines += _table(field.name, _flatten(field.message, ""))
    return "\n".join([*lines, *_attested()]).rstrip() + "\n"


def _attested() -> list[str]:
    """Which sections people and tools state, as nothing here computes them."""
    lines = [
        "## What is attested",
        "",
        "Nothing here computes these, so people and tools state them, on the page *Facts* of a version or with",
        "`POST …/attestations` of a model, version or endpoint: `{section, value, source, attested_at, valid_until}`.",
        "The value is one section, or one row of it where it is a list. The newest counts, also after its last day:",
        "then its facts are not known. What is said of a version goes before what is said of its model, and what is",
        "said of an endpoint before both. A promise is for owners, a judgement for reviewers. The approval of a card",
        "ends when the card is saved anew; classes of data are only ever added.",
        "",
        "| section | about | said by | facts |",
        "|---|---|---|---|",
    ]
    for one in ATTESTED.values():
        fields = ", ".join(f"`{name}`" for name in one.fields)
        lines.append(f"| `{one.section}`: {one.title.lower()} | {', '.join(one.about)} | {one.by} | {fields} |")
    return [*lines, ""]


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
            rows.append(replace(field, name=name))
        else:
            rows += _flatten(field.message, f"{name}[]." if field.repeated else f"{name}.")
    return rows


def _table(section: str, fields: list[Field]) -> list[str]:
    lines = ["| fact | type | meaning |", "|---|---|---|"]
    for field in fields:
        kind = field.kind if field.kind in ("int", "double", "bool") else f"string ({field.kind})"
        kind = "string" if field.kind == "string" else kind
        shown = f"list of {kind}" if field.repeated else kind
        path = (f"{section}.{field.name}" if section else field.name).replace("[]", "")
        since = next(number for number, paths in _PATHS.items() if path in paths)
        mark = f" *since {since}*" if since != "1" else ""
        lines.append(f"| `{field.name}`{mark} | {shown} | {field.doc.replace('|', '&#124;')} |")
    return [*lines, ""]


# Version number: the paths of its facts, oldest version first.
_PATHS = {
    name.rpartition("/")[2]: {field.name.replace("[]", "") for field in _flatten(schema, "")}
    for name, schema in SCHEMAS.items()
}
