"""The expressions of a loaded policy once more: each with its checked tree and its place in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from governance.gates import engine
from governance.gates.checked import Checked
from governance.gates.document import Policy
from governance.gates.shapes import Field, Message
from governance.gates.yaml_source import Node, Source, read


@dataclass(frozen=True)
class Placed:
    """One expression. owner: the rule's id, or `variables.NAME`; part: require, when or expression."""

    owner: str
    part: str
    text: str
    checked: Checked
    node: Node
    source: Source

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column (from 1) in the file of a code point of the expression; of its first where that is folded."""
        before = self.text[:offset]
        line, column = before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
        found = self.source.inside(self.node, line, column, "")
        return found.line, found.column


@dataclass(frozen=True)
class Layout:
    """A policy's file as nodes that know their places."""

    source: Source
    root: Node

    def rule(self, name: str) -> Node:
        """The node of a rule. Raises KeyError."""
        for node in self.root.value["rules"].value:
            if node.value["id"].value == name:
                return node  # type: ignore[no-any-return]
        raise KeyError(name)

    def default(self, param: str) -> Node:
        """The node of a parameter's default. Raises KeyError."""
        return self.root.value["params"].value[param].value["default"]  # type: ignore[no-any-return]


def layout(policy: Policy) -> Layout:
    """Read the file of a policy that was loaded from it."""
    return Layout(*read(policy.source, policy.name))


def expressions_of(policy: Policy, place: Layout | None = None) -> Iterator[Placed]:
    """Every expression that decides, in the order of the file; messages decide nothing and are left out."""
    place = place or layout(policy)
    kinds: dict[str, Any] = {name: param.type for name, param in policy.params.items()}
    fields = tuple(Field(name, kind, name) for name, kind in kinds.items())
    checker = engine.Checker(Message("Params", fields))
    listed = place.root.value.get("variables")
    for node in listed.value if listed is not None else []:
        name, text = node.value["name"].value, node.value["expression"]
        kind, checked = checker.check(text.value)
        checker.declare(name, kind)
        yield Placed(f"variables.{name}", "expression", text.value, checked, text, place.source)
    rules = place.root.value.get("rules")
    for node in rules.value if rules is not None else []:
        rule, parts = node.value["id"].value, [("require", node.value["require"])]
        if "otherwise" in node.value:
            parts.append(("when", node.value["otherwise"].value["when"]))
        for part, text in parts:
            yield Placed(rule, part, text.value, checker.check(text.value)[1], text, place.source)
