"""What an expression may cost at most over a document of given sizes.

Counted in steps of some 50 ns: a node of the expression is one step, each row of a loop costs its body, a text costs
by its length. The engine itself ends an evaluation after 10,000 rows of loops; this bounds what a row may cost, and
how large a value may grow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.gates.checked import Checked, children, kind_of, loop_parts
from governance.gates.reads import sections_by_type

# Rows of loops after which the engine ends an evaluation.
BUDGET = 10_000
# Characters that cost one step.
_CHARS = 32


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of a document: rows by path of a list (the most where there are several), the longest text, all its bytes."""

    rows: Mapping[str, int]
    text: int
    total: int
    most_rows: int

    def of(self, path: str) -> int:
        """Rows of the list at the path."""
        return self.rows.get(path, 0) if self.rows else self.most_rows

    def text_in(self, path: str) -> int:
        """Characters of a text there; over the rows of its list on average, as all are within the document."""
        head = path.rpartition("[].")[0]
        return min(self.text, self.total // max(self.of(head), 1)) if head else self.text


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a value: rows of a list or characters of a text, and for a list the shape of one row."""

    size: float = 0
    row: Shape | None = None

    @property
    def whole(self) -> float:
        """Everything in it, in characters."""
        return self.size if self.row is None else self.size * (1 + self.row.whole)


@dataclass(slots=True)
class Cost:
    """Of an expression: steps at most, rows of loops at most, the dearest row, and the largest value on the way."""

    steps: float = 0
    rows: float = 0
    dearest: float = 0
    largest: float = 0

    @property
    def bounded(self) -> float:
        """Steps until it ends or the engine ends it."""
        return self.steps if self.rows <= BUDGET else min(self.steps, BUDGET * self.dearest)

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.steps + other.steps,
            self.rows + other.rows,
            max(self.dearest, other.dearest),
            max(self.largest, other.largest),
        )


class Meter:
    """The cost of one checked expression. variables: the shapes of the policy's variables before it."""

    def __init__(self, checked: Checked) -> None:
        self.checked = checked

    def measure(self, sizes: Sizes, variables: Mapping[str, Shape]) -> tuple[Cost, Shape]:
        """(cost, shape of the value)."""
        return _Measuring(self.checked, sizes, variables).of(self.checked.root, {})


class _Measuring:
    def __init__(self, checked: Checked, sizes: Sizes, variables: Mapping[str, Shape]) -> None:
        self.checked = checked
        self.sizes = sizes
        self.variables = variables

    def of(self, node: Any, bound: Mapping[str, Shape]) -> tuple[Cost, Shape]:
        kind = kind_of(node)
        if kind == "comprehension_expr":
            return self._loop(node.comprehension_expr, bound)
        if kind == "const_expr":
            return Cost(1), Shape(len(node.const_expr.string_value))
        name = self.checked.name_of(node)
        if kind == "ident_expr" or name.startswith("variables."):
            return Cost(1), bound.get(name) or self.variables.get(name.removeprefix("variables.")) or self._typed(node)
        found = [self.of(child, bound) for child in children(node)]
        cost = sum((one for one, _ in found), Cost(1))
        shapes = [shape for _, shape in found]
        if kind == "select_expr":
            shape = self._typed(node)
        elif kind == "list_expr":
            shape = Shape(len(shapes), max(shapes, key=lambda one: one.whole, default=Shape()))
        elif kind == "call_expr":
            more, shape = self._call(node.call_expr.function, shapes)
            cost.steps += more
        else:
            shape = Shape(sum(one.whole for one in shapes))
        cost.largest = max(cost.largest, shape.whole)
        return cost, shape

    def _loop(self, loop: Any, bound: Mapping[str, Shape]) -> tuple[Cost, Shape]:
        cost, source = self.of(loop.iter_range, bound)
        inner = {**bound, loop.iter_var: source.row or Shape(self.sizes.text)}
        parts = [self.of(part, inner) for part in loop_parts(loop)]
        body = sum((one for one, _ in parts), Cost(3))
        makes_list = kind_of(loop.accu_init) == "list_expr"
        count = source.size
        # A list grows by being copied.
        copying = count * count / 4 if makes_list else 0
        own = body.steps if body.rows == 0 else body.dearest
        cost += Cost(count * body.steps + copying, count * (1 + body.rows), max(own, body.dearest), body.largest)
        cost.dearest += min(count, BUDGET) / 4 if makes_list else 0
        row = parts[-1][1] if parts and loop.loop_step.call_expr.function == "_+_" else source.row
        shape = Shape(count, row or Shape()) if makes_list else Shape()
        cost.largest = max(cost.largest, shape.whole)
        return cost, shape

    def _call(self, function: str, shapes: list[Shape]) -> tuple[float, Shape]:
        """(steps beyond one, shape of the result)."""
        whole = sum(one.whole for one in shapes)
        lists = [one for one in shapes if one.row is not None]
        if function == "_+_" and lists:
            row = max((one.row or Shape() for one in lists), key=lambda one: one.whole)
            return sum(one.size for one in lists), Shape(sum(one.size for one in lists), row)
        if function == "_+_":
            return whole / _CHARS, Shape(whole)
        if function == "_?_:_":
            return 0, max(shapes[1:], key=lambda one: one.whole, default=Shape())
        if function == "@in":
            return (lists[0].size if lists else 1) * (1 + shapes[0].whole / _CHARS), Shape()
        if function == "matches":
            # A pattern is written out (see lint), so its length bounds the states of the automaton.
            return shapes[0].whole * max(1, shapes[-1].whole / 8), Shape()
        if function == "replace":
            return whole, Shape((shapes[0].whole + 1) * max(1, shapes[-1].whole))
        if function == "split":
            return whole, Shape(shapes[0].whole, Shape(1)) if shapes else Shape()
        if function == "join":
            return whole, Shape(whole * (1 + (shapes[1].whole if len(shapes) > 1 else 0)))
        if function in ("size", "_[_]") or function.startswith(("_", "!")):
            small = whole / _CHARS if function in ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_") else 0
            return small, Shape()
        return whole / 2, Shape(whole)

    def _typed(self, node: Any) -> Shape:
        """The shape of a field by where it stands in the facts; a text outside of them is as long as any."""
        if kind_of(node) != "select_expr":
            return Shape(self.sizes.text)
        place = sections_by_type().get(self.checked.message_of(node.select_expr.operand))
        field = place[1].field(node.select_expr.field) if place else None
        if place is None or field is None:
            return Shape(self.sizes.text)
        path = f"{place[0]}{field.name}"
        if field.repeated:
            row = Shape(0) if field.message else Shape(self.sizes.text_in(f"{path}[]."))
            return Shape(self.sizes.of(path), row)
        return Shape(self.sizes.text_in(path) if field.kind in ("string", "digest", "date", "timestamp") else 0)
