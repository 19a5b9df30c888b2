"""Judge stored facts quickly: many documents, only verdicts. What a back-test, a slider and a shadow run need."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.gates.document import Policy
from governance.gates.evaluate import ordered_sections, plan, records_of, said_by, worst
from governance.gates.facts import parse_facts
from governance.gates.judge import Judge
from governance.gates.schema import SCHEMAS, schema_of
from governance.gates.sets import PolicySet
from governance.gates.shapes import Message


@dataclass(frozen=True)
class Verdicts:
    """The verdict of the whole, of each policy, and of each rule by (policy, rule). Off policies are left out."""

    verdict: str
    policies: Mapping[str, str]
    rules: Mapping[tuple[str, str], str]
    enforcement: Mapping[str, str]


def evaluate_stored(
    policies: Sequence[Policy],
    facts_text: str | bytes,
    digest: str = "",
    *,
    sets: Sequence[PolicySet] = (),
    params: Mapping[str, Mapping[str, Any]] | None = None,
    external: Mapping[str, Mapping[str, Any]] | None = None,
) -> Verdicts:
    """The same verdicts as `evaluate` gives, without messages and the facts shown.

    external: by policy, what its server said then.
    digest: the stored SHA-256 (hex) of the document. Where the text has it, it is what was read strictly when it was
    stored and is not read strictly again; any other text is. Raises FactsError for a text that is not valid facts,
    GateError as `evaluate`.
    """
    facts, strict = _read(facts_text, digest)
    plans, _ = plan(policies, facts, sets, params or {})
    needed = ordered_sections(plans, facts)
    if not strict:
        names = frozenset[str]().union(*(one.policy.names for one in plans))
        _doubles(needed, SCHEMAS[schema_of(facts)], names)
    judge = Judge(plans, needed, words=False)
    records = records_of(plans, external, getattr(facts, "digest", digest))
    rules: dict[tuple[str, str], str] = {}
    whole: dict[str, str] = {}
    for one in plans:
        name = one.policy.name
        found = {(name, rule.id): said.verdict for rule, said in said_by(judge, one, records)}
        rules |= found
        whole[name] = worst(list(found.values()))
    modes = {one.policy.name: one.mode for one in plans}
    counted = [verdict for name, verdict in whole.items() if modes[name] == "block"]
    return Verdicts(worst(counted), whole, rules, modes)


class _Stored(dict[str, Any]):
    """A document that was read strictly once; size: bytes of its text."""

    __slots__ = ("size",)
    size: int


def _read(text: str | bytes, digest: str) -> tuple[Mapping[str, Any], bool]:
    """The document, and whether it was read strictly."""
    raw = text.encode() if isinstance(text, str) else text
    if not digest or hashlib.sha256(raw).hexdigest() != digest:
        return parse_facts(text), True
    found = _Stored(json.loads(raw))
    found.size = len(raw)
    return found, False


def _doubles(value: dict[str, Any], message: Message, names: frozenset[str]) -> None:
    """Canonical JSON writes 1.0 as 1; as an integer it would be divided as one. names: fields that matter."""
    doubles, below = _shape(message, names)
    for name in doubles:
        if type(value.get(name)) is int:
            value[name] = float(value[name])
    for name, inner in below:
        found = value.get(name)
        if isinstance(found, dict):
            _doubles(found, inner, names)
        elif found:
            for row in found:
                _doubles(row, inner, names)


_Shape = tuple[tuple[str, ...], tuple[tuple[str, Message], ...]]
# By the identity of a message: those of the schemas never end.
_SHAPES: dict[tuple[int, frozenset[str]], _Shape] = {}


def _shape(message: Message, names: frozenset[str]) -> _Shape:
    """(names of double fields, fields below which there may be some)."""
    found = _SHAPES.get((id(message), names))
    if found is None:
        doubles = tuple(one.name for one in message.fields if one.kind == "double" and one.name in names)
        below = [(one.name, one.message) for one in message.fields if one.message is not None]
        found = doubles, tuple((name, inner) for name, inner in below if any(_shape(inner, names)))
        if len(_SHAPES) > 10_000:
            _SHAPES.clear()
        _SHAPES[id(message), names] = found
    return found
