"""The expressions of one policy: each is checked for its type and for what it may not hold, with its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from governance.gates import engine, lint
from governance.gates.checked import Checked
from governance.gates.shapes import Message
from governance.gates.yaml_source import Node, Source

MAX_EXPRESSION = 4000


class Expressions:
    """Checks the expressions of a policy. A variable is known to those after its declaration."""

    def __init__(self, source: Source, params: Message) -> None:
        self.source = source
        self.checker = engine.Checker(params)

    def declare(self, name: str, kind: Any) -> None:
        """Make `variables.NAME` known."""
        self.checker.declare(name, kind)

    def _text(self, node: Node) -> str:
        if not isinstance(node.value, str):
            raise self.source.at(node, "An expression must be text.", how="Put it into quotes.")
        if not node.value.strip():
            raise self.source.at(node, "An expression is empty.", how="Say what must hold.")
        return node.value

    def check(self, node: Node, *, reason: str, decides: bool = True) -> tuple[str, Any, Checked]:
        """(text, type, tree). `reason` is the rule's unknownPasses; `decides` is false for a message."""
        text = self._text(node)
        if len(text) > MAX_EXPRESSION:
            how = "Split it into rules or variables."
            raise self.source.at(node, f"The expression is longer than {MAX_EXPRESSION} characters.", how=how)
        try:
            kind, checked = self.checker.check(text)
        except engine.ExpressionError as error:
            self._refuse_first(node, text, lint.hints(text), reason=reason, decides=decides)
            how = "See the facts reference; each name and comparison is checked against it."
            if "undeclared reference to 'variables." in str(error):
                how = "A variable can be used after its declaration, not before it nor in itself."
            raise self.source.inside(node, error.line, error.column, str(error), how=how) from error
        self._refuse_first(node, text, lint.lint(checked, text), reason=reason, decides=decides)
        return text, kind, checked

    def _refuse_first(
        self, node: Node, text: str, findings: Sequence[lint.Finding], *, reason: str, decides: bool
    ) -> None:
        for finding in findings:
            if not (finding.by_reason and reason) and (decides or not finding.deciding):
                before = text[: finding.offset]
                line, column = before.count("\n") + 1, finding.offset - (before.rfind("\n") + 1) + 1
                raise self.source.inside(node, line, column, finding.message, how=finding.how)

    def typed(self, node: Node, wanted: str, what: str, *, reason: str) -> tuple[str, Checked]:
        """(text, tree) of an expression that must give the type `wanted`, "BOOL" or "STRING"."""
        text, kind, checked = self.check(node, reason=reason, decides=wanted == "BOOL")
        if kind.name() != wanted:
            how = (
                "Compare it with something."
                if wanted == "BOOL"
                else "Write a text, such as 'Too few: %d.'.format([…])."
            )
            raise self.source.at(node, f"{what} gives {kind.name()}, not {wanted}.", how=how)
        return text, checked
