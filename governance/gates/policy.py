"""A policy as data: loaded from YAML, checked whole, with the place of everything that is wrong."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from typing import Any

from governance.gates.checked import Checked
from governance.gates.document import PARAM_TYPES, Case, Otherwise, Param, Policy, Rule, typed
from governance.gates.errors import FactsError, GateError, PolicyError
from governance.gates.expressions import Expressions
from governance.gates.facts import canonical_bytes, read_facts
from governance.gates.reads import Reads, reads_of
from governance.gates.shapes import Field, Message
from governance.gates.yaml_source import Node, Source, read

API_VERSION, KIND = "gatehouse/v1", "Policy"
MODES = ("off", "advisory", "block")
VERDICTS = ("pass", "fail", "ask", "unknown", "not_applicable")
SELECTORS = ("riskTier", "target", "model", "endpoint")
ROLES = ("validator", "risk", "fairness", "legal", "compliance")
MAX_RULES = 100
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,78}[a-z0-9])?", re.ASCII)
_PARAM = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


def load_policy(text: str, *, filename: str = "<policy>") -> Policy:
    """The policy of a YAML text. Raises PolicyError with line, column and caret for the first thing wrong."""
    return _Loader(*read(text, filename)).load()


class _Loader:
    def __init__(self, source: Source, root: Node) -> None:
        self.source = source
        self.root = root

    def load(self) -> Policy:
        top = self._map(
            self.root,
            "The policy",
            required=("apiVersion", "kind", "metadata", "rules"),
            optional=("appliesTo", "params", "variables", "approvals", "enforcement", "tests"),
        )
        self._is(top["apiVersion"], API_VERSION, "apiVersion")
        self._is(top["kind"], KIND, "kind")
        meta = self._map(
            top["metadata"], "metadata", required=("name", "owner", "description"), optional=("reviewBy", "title")
        )
        name = self._text(meta["name"], "metadata.name")
        if not _NAME.fullmatch(name):
            raise self.source.at(
                meta["name"], f"{name!r} is no name.", how="Use lower-case letters, digits and dashes."
            )
        self._role(meta["owner"])
        params = self._params(top.get("params"))
        fields = tuple(_as_field(param) for param in params.values())
        self.expressions = Expressions(self.source, Message("Params", fields))
        variables, known = self._variables(top.get("variables"))
        rules = self._rules(top["rules"], known)
        mode, start = self._enforcement(top.get("enforcement"))
        # What a decision depends on: all but the tests.
        canonical = canonical_bytes({key: value for key, value in self.root.plain().items() if key != "tests"})
        return Policy(
            name=name,
            description=self._text(meta["description"], "metadata.description", empty=False),
            owner=str(meta["owner"].value),
            source=self.source.text,
            digest=hashlib.sha256(canonical).hexdigest(),
            enforcement=mode,
            from_date=start,
            applies_to=self._applies(top.get("appliesTo")),
            params=params,
            variables=variables,
            rules=rules,
            approvals=self._approvals(top.get("approvals")),
            tests=self._tests(top.get("tests"), [rule.id for rule in rules]),
            variable_reads=known,
        )

    # ------------------------------------------------------------------ shapes
    def _map(
        self, node: Node, what: str, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
    ) -> dict[str, Node]:
        if not isinstance(node.value, dict):
            raise self.source.at(node, f"{what} must be a mapping.", how="Write names and values below it.")
        for name, value in node.value.items():
            if name not in (*required, *optional):
                how = f"Known here: {', '.join((*required, *optional))}."
                raise self.source.error(
                    f"{what} has no key {name!r}.", value.key_line, value.key_column, how=how, code="unknown-key"
                )
        for name in required:
            if name not in node.value:
                raise self.source.at(node, f"{what} lacks {name!r}.", how="Add it.", code="missing-key")
        found: dict[str, Node] = node.value
        return found

    def _list(self, node: Node, what: str) -> list[Node]:
        if not isinstance(node.value, list):
            raise self.source.at(node, f"{what} must be a list.", how="Begin each item with a dash.")
        return node.value

    def _text(self, node: Node, what: str, *, empty: bool = True) -> str:
        if not isinstance(node.value, str):
            raise self.source.at(node, f"{what} must be text.", how="Put it into quotes.")
        if not empty and not node.value.strip():
            raise self.source.at(node, f"{what} is empty.", how="Say it in a sentence.")
        return str(node.value)

    def _is(self, node: Node, wanted: str, what: str) -> None:
        if node.value != wanted:
            raise self.source.at(node, f"{what} is {node.value!r}.", how=f"This engine reads {wanted}.")

    def _role(self, node: Node) -> str:
        if node.value not in ROLES:
            how = f"Roles that decide: {', '.join(ROLES)}."
            raise self.source.at(node, f"{node.value!r} is no role that decides.", how=how, code="role")
        return str(node.value)

    # ------------------------------------------------------------------ parts
    def _params(self, node: Node | None) -> dict[str, Param]:
        found: dict[str, Param] = {}
        for name, value in (self._map(node, "params", optional=tuple(node.value)) if node else {}).items():
            if not _PARAM.fullmatch(name):
                how = "Use lower-case letters, digits, _."
                raise self.source.error(f"{name!r} is no parameter name.", value.key_line, value.key_column, how=how)
            parts = self._map(value, f"Parameter {name!r}", required=("type", "default"), optional=("description",))
            kind = parts["type"].value
            if kind not in PARAM_TYPES:
                how = f"Types: {', '.join(PARAM_TYPES)}."
                raise self.source.at(parts["type"], f"{kind!r} is no type of a parameter.", how=how)
            try:
                found[name] = Param(name, kind, typed(kind, parts["default"].value, "default"))
            except GateError as error:
                raise self.source.at(parts["default"], error.message, how=error.how) from error
        return found

    def _variables(self, node: Node | None) -> tuple[tuple[tuple[str, str], ...], dict[str, Reads]]:
        found: list[tuple[str, str]] = []
        known: dict[str, Reads] = {}
        for item in self._list(node, "variables") if node else []:
            parts = self._map(item, "A variable", required=("name", "expression"))
            name = self._text(parts["name"], "The variable's name")
            if not _PARAM.fullmatch(name) or name in dict(found):
                raise self.source.at(parts["name"], f"{name!r} is no new variable name.", how="Use another word.")
            text, kind, checked = self.expressions.check(parts["expression"], reason="")
            self.expressions.declare(name, kind)
            known[name] = reads_of(checked, known)
            found.append((name, text))
        return tuple(found), known

    def _rules(self, node: Node, known: dict[str, Reads]) -> tuple[Rule, ...]:
        items = self._list(node, "rules")
        if not 1 <= len(items) <= MAX_RULES:
            raise self.source.at(node, f"A policy has 1 to {MAX_RULES} rules.", how="Split it, or add one.")
        found: list[Rule] = []
        for item in items:
            rule = self._rule(item, known)
            if rule.id in {other.id for other in found}:
                raise self.source.at(item, f"Two rules are called {rule.id!r}.", how="Give each its own id.")
            found.append(rule)
        return tuple(found)

    def _rule(self, node: Node, known: dict[str, Reads]) -> Rule:
        parts = self._map(
            node,
            "A rule",
            required=("id", "require", "message"),
            optional=("title", "otherwise", "controls", "unknownPasses", "emptyPasses"),
        )
        name = self._text(parts["id"], "The rule's id")
        if not _NAME.fullmatch(name):
            raise self.source.at(parts["id"], f"{name!r} is no id.", how="Use lower-case letters, digits and dashes.")
        reasons = {
            key: self._text(parts[key], key, empty=False) if key in parts else ""
            for key in ("unknownPasses", "emptyPasses")
        }
        why = reasons["unknownPasses"]
        require, checked = self.expressions.typed(parts["require"], "BOOL", "require", reason=why)
        read = reads_of(checked, known)
        message, _ = self.expressions.typed(parts["message"], "STRING", "message", reason="")
        otherwise = None
        if "otherwise" in parts:
            otherwise, checked = self._otherwise(parts["otherwise"], why)
            read |= reads_of(checked, known)
        title = (
            self._text(parts["title"], "title", empty=False)
            if "title" in parts
            else name.replace("-", " ").capitalize()
        )
        return Rule(
            id=name,
            title=title,
            require=require,
            message=message,
            otherwise=otherwise,
            controls=tuple(
                self._text(item, "A control")
                for item in (self._list(parts["controls"], "controls") if "controls" in parts else [])
            ),
            unknown_passes=reasons["unknownPasses"],
            empty_passes=reasons["emptyPasses"],
            reads=read,
        )

    def _otherwise(self, node: Node, reason: str) -> tuple[Otherwise, Checked]:
        parts = self._map(node, "otherwise", required=("when", "verdict", "role"), optional=("message",))
        if parts["verdict"].value != "ask":
            how = "Only `ask` may stand here; what neither holds nor asks fails."
            raise self.source.at(parts["verdict"], f"{parts['verdict'].value!r} is no verdict of otherwise.", how=how)
        when, checked = self.expressions.typed(parts["when"], "BOOL", "when", reason=reason)
        message = ""
        if "message" in parts:
            message, _ = self.expressions.typed(parts["message"], "STRING", "message", reason="")
        return Otherwise(when, self._role(parts["role"]), message), checked

    def _enforcement(self, node: Node | None) -> tuple[str, date | None]:
        if node is None:
            return "block", None
        mode, start = node, None
        if isinstance(node.value, dict):
            parts = self._map(node, "enforcement", required=("mode",), optional=("from",))
            mode = parts["mode"]
            if "from" in parts:
                try:
                    start = date.fromisoformat(self._text(parts["from"], "from"))
                except ValueError as error:
                    raise self.source.at(parts["from"], "from is no date.", how='Write "2026-12-31".') from error
        if mode.value not in MODES:
            raise self.source.at(mode, f"{mode.value!r} is no enforcement.", how=f"One of: {', '.join(MODES)}.")
        return str(mode.value), start

    def _applies(self, node: Node | None) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name, value in (self._map(node, "appliesTo", optional=SELECTORS) if node else {}).items():
            found[name] = tuple(
                self._text(item, f"appliesTo.{name}") for item in self._list(value, f"appliesTo.{name}")
            )
        return found

    def _approvals(self, node: Node | None) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._role(item) for item in (self._list(node, "approvals") if node else [])))

    def _tests(self, node: Node | None, rule_ids: list[str]) -> tuple[Case, ...]:
        found: list[Case] = []
        for item in self._list(node, "tests") if node else []:
            parts = self._map(item, "A test", required=("name", "facts", "expect"), optional=("params",))
            expect = parts["expect"].plain()
            expect = {"policy": expect} if isinstance(expect, str) else expect
            for rule, verdict in expect.items() if isinstance(expect, dict) else [("", "")]:
                if rule not in (*rule_ids, "policy") or verdict not in VERDICTS:
                    how = f"Rules: {', '.join(rule_ids)}; verdicts: {', '.join(VERDICTS)}."
                    raise self.source.at(parts["expect"], f"{rule!r}: {verdict!r} cannot be expected.", how=how)
            try:
                facts = read_facts(parts["facts"].plain(), partial=True)
            except FactsError as error:
                raise self.source.at(parts["facts"], str(error), how=error.how, code="facts") from error
            params = parts["params"].plain() if "params" in parts else {}
            if not isinstance(params, dict):
                raise self.source.at(parts["params"], "params must be a mapping.", how="Write names and values.")
            found.append(Case(self._text(parts["name"], "The test's name"), facts, params, expect, item.line))
        return tuple(found)


def _as_field(param: Param) -> Field:
    kinds: dict[str, Any] = {"double": "double", "int": "int", "bool": "bool", "string": "string"}
    return Field(param.name, kinds[param.type], f"Parameter {param.name}.")


__all__ = ["Case", "Otherwise", "Param", "Policy", "PolicyError", "Rule", "load_policy"]
