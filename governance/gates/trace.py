"""Why a rule said what it said: the value of each part of its expression, computed on demand.

Each part that stands for itself is evaluated as an expression of its own. Below a loop its variable is bound to one
row after another: the first rows, and those that decide. Never part of a decision.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from governance.gates import engine
from governance.gates.checked import Checked, Sub, children, decode, kind_of, loop_parts
from governance.gates.document import Policy, Rule
from governance.gates.errors import GateError
from governance.gates.evaluate import ordered_sections, plan
from governance.gates.extents import Extents
from governance.gates.facts import Facts
from governance.gates.judge import Judge

MAX_STEPS = 600
FIRST_ROWS = 20
DECIDING_ROWS = 10
MAX_SCANNED = 500
MAX_ITEMS = 20


@dataclass(frozen=True)
class Step:
    """One part of the expression. start, end: offsets in its text. value: JSON-able, or why there is none.

    depth: how deep it stands. row: what the loop's variable stands for, as `b: attribute=sex, group=F`; empty
    outside of loops.
    """

    start: int
    end: int
    text: str
    value: Any
    known: bool
    depth: int
    row: str = ""


def trace(
    policy: Policy,
    rule_id: str,
    facts: Facts,
    params: Mapping[str, Any] | None = None,
    *,
    part: str = "require",
) -> list[Step]:
    """The steps of a rule's `require` (or the `when` of its otherwise), the whole expression first.

    Raises GateError for a rule or part that the policy does not have, or a wrong parameter.
    """
    text = _text(policy, rule_id, part)
    bare = replace(policy, applies_to={}, enforcement="block", from_date=None)
    plans, _ = plan([bare], facts, (), {policy.name: params} if params else {})
    # Judging computes the variables.
    Judge(plans, ordered_sections(plans, facts), words=False)
    data = {"facts": plans[0].facts, "params": dict(plans[0].params), "variables": plans[0].variables}
    try:
        return _Tracer(text, data).steps()
    except RuntimeError as error:
        raise GateError(f"The expression cannot be traced: {str(error)[:200]}") from error


def _text(policy: Policy, rule_id: str, part: str) -> str:
    rule: Rule | None = next((one for one in policy.rules if one.id == rule_id), None)
    if rule is None:
        how = f"It has: {', '.join(one.id for one in policy.rules)}."
        raise GateError(f"{policy.name} has no rule {rule_id!r}.", how=how)
    if part == "require":
        return rule.require
    if part != "otherwise" or rule.otherwise is None:
        raise GateError(f"The rule {rule_id!r} has no {part!r}.", how="Trace its require.")
    return rule.otherwise.when


class _Tracer:
    def __init__(self, text: str, data: Mapping[str, Any]) -> None:
        self.text = text
        self.data = data
        serialized = engine.compiled(text).serialize()
        self.sub = Sub(serialized)
        self.checked: Checked = decode(serialized)
        self.extents = Extents(self.checked, text)
        self.compiled: dict[int, Any] = {}
        self.left = MAX_STEPS

    def steps(self) -> list[Step]:
        return list(self._steps(self.checked.root, {}, engine.activation(self.data), 0, ""))

    def _value(self, node: Any, given: Any) -> engine.Value:
        if node.id not in self.compiled:
            self.compiled[node.id] = engine.deserialized(self.sub.rooted(node))
        return engine.run(self.compiled[node.id], given)

    def _steps(self, node: Any, bound: Mapping[str, Any], given: Any, depth: int, row: str) -> Iterator[Step]:
        if self.left <= 0:
            return
        below = depth
        if self._tells(node):
            self.left -= 1
            value = self._value(node, given)
            start, end = self.extents.of(node)
            shown = _plain(value.value) if value.known else value.error
            yield Step(start, end, self.text[start:end], shown, value.known, depth, row)
            below = depth + 1
        if kind_of(node) == "comprehension_expr":
            yield from self._loop(node.comprehension_expr, bound, given, below, row)
        else:
            for child in _parts(node):
                yield from self._steps(child, bound, given, below, row)

    def _tells(self, node: Any) -> bool:
        """Whether the node's value says something: not a literal, not one of the roots, not a loop's scaffolding."""
        kind = kind_of(node)
        if kind == "const_expr":
            return False
        return self.checked.name_of(node) not in ("facts", "params", "variables") or kind != "ident_expr"

    def _loop(self, loop: Any, bound: Mapping[str, Any], given: Any, depth: int, row: str) -> Iterator[Step]:
        yield from self._steps(loop.iter_range, bound, given, depth, row)
        rows = self._value(loop.iter_range, given)
        parts = loop_parts(loop)
        if not isinstance(rows.value, list) or not parts:
            return
        for item in self._rows_to_show(loop, parts[0], rows.value, bound):
            inner = {**bound, loop.iter_var: item}
            here = engine.activation({**self.data, **inner})
            label = f"{loop.iter_var}: {_label(item)}"
            for part in parts:
                yield from self._steps(part, inner, here, depth, f"{row} / {label}" if row else label)

    def _rows_to_show(self, loop: Any, part: Any, rows: list[Any], bound: Mapping[str, Any]) -> list[Any]:
        """The first rows, and after them those that decide: false of `all`, true of the others, and without answer."""
        decides = loop.loop_step.call_expr.function != "_&&_"
        found = rows[:FIRST_ROWS]
        more = 0
        for item in rows[FIRST_ROWS:MAX_SCANNED]:
            if more == DECIDING_ROWS:
                break
            value = self._value(part, engine.activation({**self.data, **bound, loop.iter_var: item}))
            if not isinstance(value.value, bool) or value.value is decides:
                found, more = [*found, item], more + 1
        return found


def _parts(node: Any) -> Iterator[Any]:
    """The nodes below that stand for themselves: of `facts.card.complete` not `facts.card`."""
    for child in children(node):
        if kind_of(node) == "select_expr" and kind_of(child) in ("select_expr", "ident_expr"):
            yield from ()
        else:
            yield child


def _label(item: Any) -> str:
    """A row by its first texts and numbers, which are its key in most lists; a plain value as it is."""
    if not isinstance(item, Mapping):
        return str(_plain(item))[:80]
    keys = ("id", "name", "attribute", "group", "kind", "suite", "split", "segment", "snapshot", "role")
    named = [f"{key}={item[key]}" for key in keys if key in item]
    return ", ".join(named)[:120] or "a row"


def _plain(value: Any) -> Any:
    """JSON-able: long lists are cut, times are ISO texts."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in sorted(value.items(), key=lambda pair: str(pair[0]))}
    if isinstance(value, list):
        more = len(value) - MAX_ITEMS
        return [_plain(item) for item in value[:MAX_ITEMS]] + ([f"… and {more} more"] if more > 0 else [])
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, str):
        return value if len(value) <= 500 else f"{value[:500]}…"
    return value if isinstance(value, bool | int | float) or value is None else type(value).__name__
