"""The facts schemas: everything a policy can read, one table a version. `FACTS` is the newest.

From a table come the protobuf descriptors that expressions are checked against, the published JSON Schema, the
reference page and the strict reader. A document names the schema that it is read by, and a decision the schema of
its document, so a released table is frozen: a further field is a further version, which holds all of the former.
Policies compile against the newest; a document of an older one leaves out what it did not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.gates.errors import FactsError
from governance.gates.schema_1 import FACTS_1
from governance.gates.schema_1 import NAME as NAME_1
from governance.gates.schema_2 import FACTS_2
from governance.gates.schema_2 import NAME as NAME_2
from governance.gates.shapes import Message

# Oldest first. Never remove one: stored decisions are repeated with theirs.
SCHEMAS: dict[str, Message] = {NAME_1: FACTS_1, NAME_2: FACTS_2}
FACTS_SCHEMA = NAME_2
FACTS = FACTS_2


def schema_of(document: Mapping[str, Any]) -> str:
    """The name of the schema that the document is read by; the newest where it names none (tests, eval).

    Raises FactsError for a name that this engine does not know, such as a newer one.
    """
    named = document.get("schema", FACTS_SCHEMA)
    if isinstance(named, str) and named in SCHEMAS:
        return named
    shown = "nothing" if named is None else repr(named)[:60]
    known = " and ".join(SCHEMAS)
    raise FactsError("schema", f"This engine reads {known}, not {shown}.", f'Write "schema": "{FACTS_SCHEMA}".')


def narrowed(document: Mapping[str, Any], schema: str) -> dict[str, Any]:
    """The document as that older schema holds it: without the facts that came later."""
    return {**_narrowed(document, SCHEMAS[schema]), "schema": schema}


def _narrowed(value: Mapping[str, Any], message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, item in value.items():
        field = message.field(name)
        if field is None:
            continue
        if field.message is None:
            found[name] = item
        elif field.repeated:
            found[name] = [_narrowed(row, field.message) for row in item]
        else:
            found[name] = _narrowed(item, field.message)
    return found
