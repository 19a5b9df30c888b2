"""Which facts an expression reads, from its checked tree: paths such as `model.risk_tier` or `bias[].ratio`.

Each section of the facts has a message type of its own, so the type of what a field is taken from says where
in the document it stands, however the expression came to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from governance.gates.checked import Checked, kind_of, walk
from governance.gates.descriptors import FACTS_TYPE, PARAMS_TYPE, messages_by_path
from governance.gates.shapes import Message

VARIABLES = "variables."


@dataclass(frozen=True)
class Reads:
    """paths: facts read, rows of lists as `bias[].ratio`. lists: paths of lists, and list variables as
    `variables.judged`, whose emptiness would pass unseen. variables: names used, directly or through others.
    params: parameters used. sections: the top-level names of all that is read or asked for."""

    paths: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    params: frozenset[str] = frozenset()
    sections: frozenset[str] = frozenset()

    def __or__(self, other: Reads) -> Reads:
        return Reads(
            self.paths | other.paths,
            self.lists | other.lists,
            self.variables | other.variables,
            self.params | other.params,
            self.sections | other.sections,
        )


def reads_of(checked: Checked, variables: Mapping[str, Reads]) -> Reads:
    """What the expression reads, together with what the variables that it uses read."""
    paths, lists, params, sections = set[str](), set[str](), set[str](), set[str]()
    result = Reads()
    ranges = {node.comprehension_expr.iter_range.id for node in walk(checked.root) if _is_loop(node)}
    for node in walk(checked.root):
        name = checked.name_of(node)
        if name.startswith(VARIABLES):
            used = name.removeprefix(VARIABLES)
            result |= variables.get(used, Reads()) | Reads(variables=frozenset({used}))
            if checked.is_list(node):
                lists.add(name)
        elif kind_of(node) == "select_expr":
            taken_from = checked.message_of(node.select_expr.operand)
            if taken_from == PARAMS_TYPE:
                params.add(node.select_expr.field)
            elif taken_from == FACTS_TYPE:
                sections.add(node.select_expr.field)
            _select(checked, node, node.id in ranges, paths, lists)
    own = Reads(frozenset(paths), frozenset(lists), frozenset(), frozenset(params), frozenset(sections))
    return result | own


def _is_loop(node: Any) -> bool:
    return kind_of(node) == "comprehension_expr"


def _select(checked: Checked, node: Any, is_range: bool, paths: set[str], lists: set[str]) -> None:
    place = sections_by_type().get(checked.message_of(node.select_expr.operand))
    if place is None:
        return
    prefix, section = place
    field = section.field(node.select_expr.field)
    if field is None:
        return
    path = prefix + field.name
    if field.repeated:
        # A list inside a row counts where a loop goes over it; `'x' in d.purposes` is no loop.
        if is_range or "[]" not in prefix:
            lists.add(path)
        paths.add(path)
    elif field.message is None:
        paths.add(path)


@lru_cache(maxsize=1)
def sections_by_type() -> dict[str, tuple[str, Message]]:
    return messages_by_path()


def direct_lists(lists: Iterable[str]) -> list[str]:
    """The fact lists among `lists`, without variables."""
    return sorted(path for path in lists if not path.startswith(VARIABLES))
