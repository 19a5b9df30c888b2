"""Which facts an expression reads: paths such as `model.risk_tier` or `bias[].ratio`, found in its text.

Used to show a rule's facts, to name what is missing, and to notice an empty list; never to decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from governance.gates.lint import blank_strings
from governance.gates.schema import FACTS
from governance.gates.shapes import Message

_CHAIN = re.compile(r"\b(facts|variables|[A-Za-z_]\w*)((?:\s*\.\s*[A-Za-z_]\w*)*)")
_MACROS = {"all", "exists", "exists_one", "filter", "map"}


@dataclass(frozen=True)
class Reads:
    """paths: scalars and list fields read. lists: list paths whose emptiness matters. variables: names used."""

    paths: frozenset[str]
    lists: frozenset[str]
    variables: frozenset[str]


def reads_of(text: str, *, base: Mapping[str, str] | None = None) -> Reads:
    """What the expression reads. `base` names the list that a list variable was filtered from."""
    code, base = blank_strings(text), dict(base or {})
    bound: dict[str, str] = {}
    for match in re.finditer(r"\b(facts|variables)((?:\s*\.\s*\w+)+)\s*\(\s*([A-Za-z_]\w*)\s*,", code):
        names = [part.strip() for part in match.group(2).split(".") if part.strip()]
        if names and names[-1] in _MACROS:
            inner = names[:-1]
            if match.group(1) == "facts":
                bound[match.group(3)] = "".join(_walk(FACTS, inner)[0])
            elif inner:
                bound[match.group(3)] = base.get(inner[0], "")
    paths, lists, variables = set[str](), set[str](), set[str]()
    for match in _CHAIN.finditer(code):
        root = match.group(1)
        names = [part.strip() for part in match.group(2).split(".") if part.strip()]
        if root == "facts" and names:
            path, _, repeated = _walk(FACTS, names)
            if path:
                paths.add(path)
                if repeated:
                    lists.add(path)
        elif root == "variables" and names:
            variables.add(names[0])
            if names[0] in base:
                lists.add(f"variables.{names[0]}")
        elif bound.get(root):
            message = _message_at(bound[root])
            if message is not None and names:
                path, _, _ = _walk(message, names)
                if path:
                    paths.add(f"{bound[root]}[].{path}")
    return Reads(frozenset(paths), frozenset(lists), frozenset(variables))


def list_of(text: str, base: Mapping[str, str]) -> str:
    """The list path that a list variable's expression begins with, or an empty string."""
    match = re.match(r"\s*(facts|variables)((?:\s*\.\s*\w+)+)", blank_strings(text))
    if match is None:
        return ""
    names = [part.strip() for part in match.group(2).split(".") if part.strip()]
    return base.get(names[0], "") if match.group(1) == "variables" else _walk(FACTS, names)[0]


def _walk(message: Message, names: list[str]) -> tuple[str, Message | None, bool]:
    """Follow names as far as the schema knows them: (path, message there, whether it is a list)."""
    found: list[str] = []
    current: Message | None = message
    repeated = False
    for name in names:
        field = current.field(name) if current is not None and not repeated else None
        if field is None:
            break
        found.append(name)
        current, repeated = field.message, field.repeated
    return ".".join(found), current, repeated


def _message_at(path: str) -> Message | None:
    current: Message | None = FACTS
    for name in path.split("."):
        field = current.field(name) if current is not None else None
        current = field.message if field is not None else None
    return current
