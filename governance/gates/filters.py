"""Variables that pick rows from a list, evaluated quicker than the engine does.

The engine copies the list with each row that it adds. Here it only says '1' or '0' for each row, by the same
condition over the same rows in the same order, and the rows are picked from the list that is already at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from governance.gates import engine
from governance.gates.checked import Checked, Sub, decode, kind_of


@lru_cache(maxsize=4096)
def _mask(text: str, slot: str, own_facts: bool) -> tuple[Any, tuple[str, ...]] | None:
    """(the expression of '1' and '0', path of the list), or None where the text is not one filter of a known list."""
    serialized = engine.compiled(text, slot, own_facts).serialize()
    masked = Sub(serialized).masked()
    if masked is None:
        return None
    path = _path(decode(serialized))
    return (engine.deserialized(masked, slot, own_facts), path) if path else None


def _path(checked: Checked) -> tuple[str, ...]:
    """The names from `facts` or `variables` to the list that is filtered; empty where it is anything else."""
    node, names = checked.root.comprehension_expr.iter_range, list[str]()
    while kind_of(node) == "select_expr" and not node.select_expr.test_only:
        names.append(node.select_expr.field)
        node = node.select_expr.operand
    root = node.ident_expr.name.rpartition(".")[2] if kind_of(node) == "ident_expr" else ""
    return (root, *reversed(names)) if root in ("facts", "variables") else ()


def evaluate(text: str, given: Any, slot: str, own_facts: bool, data: Mapping[str, Any]) -> engine.Value:
    """As `engine.ask`. data: what `facts` and `variables` mean in the slot."""
    try:
        found = _mask(text, slot, own_facts)
    except RuntimeError:
        found = None
    if found is None:
        return engine.ask(text, given, slot, own_facts)
    expression, path = found
    value = engine.run(expression, given)
    if not value.known:
        return value
    rows: Any = data
    for name in path:
        rows = rows.get(name) if isinstance(rows, Mapping) else None
    if not isinstance(rows, list) or not isinstance(value.value, str) or len(value.value) != len(rows):
        return engine.ask(text, given, slot, own_facts)
    return engine.Value([row for row, kept in zip(rows, value.value, strict=True) if kept == "1"])
