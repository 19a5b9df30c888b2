"""A policy as data: loaded from YAML, checked whole, with the place of everything that is wrong."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Any

from governance.gates import bounds
from governance.gates.checked import Checked
from governance.gates.cost import Meter
from governance.gates.document import PARAM_TYPES, Case, Otherwise, Param, Policy, Rule, typed
from governance.gates.errors import FactsError, GateError, PolicyError
from governance.gates.expressions import Expressions
from governance.gates.facts import canonical_bytes, read_facts
from governance.gates.parts import PARAM_NAME, Parts, lookalike
from governance.gates.reads import Reads, reads_of
from governance.gates.schema import FACTS
from governance.gates.seating import read_seats
from governance.gates.shapes import Field, Message
from governance.gates.yaml_source import Node, Source, read

KIND = "Policy"
VERDICTS = ("pass", "fail", "ask", "unknown", "not_applicable")
MAX_RULES, MAX_VARIABLES, MAX_PARAMS, MAX_CASES, MAX_CONTROLS = 100, 50, 50, 300, 40
# The lists of the facts whose rows say when they were measured.
MEASURED = tuple(
    field.name for field in FACTS.fields if field.message and field.repeated and field.message.field("measured_at")
)
_DAYS = re.compile(r"([1-9][0-9]{0,3})d", re.ASCII)


def load_policy(text: str, *, filename: str = "<policy>") -> Policy:
    """The policy of a YAML text. Raises PolicyError with line, column and caret for the first thing wrong."""
    return read_policy(*read(text, filename))


def read_policy(source: Source, root: Node) -> Policy:
    """The same from YAML that was read."""
    return _Loader(source, root).load()


class _Loader(Parts):
    def load(self) -> Policy:
        top = self.map(
            self.root,
            "The policy",
            required=("apiVersion", "kind", "metadata", "rules"),
            optional=("appliesTo", "freshness", "params", "variables", "approvals", "enforcement", "tests"),
        )
        self.head(top, KIND)
        name, owner, description, review_by = self.metadata(top["metadata"])
        params = self._params(top.get("params"))
        fields = tuple(_as_field(param) for param in params.values())
        self.meters: dict[str, tuple[Meter, ...]] = {}
        self.expressions = Expressions(self.source, Message("Params", fields))
        variables, known = self._variables(top.get("variables"))
        rules = self._rules(top["rules"], known)
        mode, start = self.mode(top.get("enforcement"))
        # What a decision depends on: all but the tests.
        canonical = canonical_bytes({key: value for key, value in self.root.plain().items() if key != "tests"})
        policy = Policy(
            name=name,
            description=description,
            owner=owner,
            source=self.source.text,
            digest=hashlib.sha256(canonical).hexdigest(),
            enforcement=mode,
            from_date=start,
            applies_to=self.selectors(top.get("appliesTo")),
            params=params,
            variables=variables,
            rules=rules,
            approvals=read_seats(self, top.get("approvals")),
            tests=self._tests(top.get("tests"), [rule.id for rule in rules]),
            variable_reads=known,
            review_by=review_by,
            freshness=self._freshness(top.get("freshness")),
            meters=self.meters,
        )
        return replace(policy, dear=bounds.may_be_dear(policy))

    def _params(self, node: Node | None) -> dict[str, Param]:
        found: dict[str, Param] = {}
        given = self.map(node, "params", names=True) if node else {}
        if node and len(given) > MAX_PARAMS:
            raise self.source.at(node, f"A policy has up to {MAX_PARAMS} parameters.", how="Split it.")
        for name, value in given.items():
            if not PARAM_NAME.fullmatch(name) or name == "enforcement":
                how = f"{lookalike(name)}Use lower-case letters, digits, _."
                raise self.source.error(
                    f"{name[:60]!r} is no parameter name.", value.key_line, value.key_column, how=how
                )
            parts = self.map(value, f"Parameter {name[:60]!r}", required=("type", "default"), optional=("description",))
            kind = parts["type"].value
            if not isinstance(kind, str) or kind not in PARAM_TYPES:
                how = f"Types: {', '.join(PARAM_TYPES)}."
                raise self.source.at(parts["type"], f"{parts['type'].shown} is no type of a parameter.", how=how)
            try:
                found[name] = Param(name, kind, typed(kind, parts["default"].value, "default"))
            except GateError as error:
                raise self.source.at(parts["default"], error.message, how=error.how) from error
        return found

    def _variables(self, node: Node | None) -> tuple[tuple[tuple[str, str], ...], dict[str, Reads]]:
        found: list[tuple[str, str]] = []
        known: dict[str, Reads] = {}
        for item in self.items(node, "variables", MAX_VARIABLES):
            parts = self.map(item, "A variable", required=("name", "expression"))
            name = self.text(parts["name"], "The variable's name")
            if not PARAM_NAME.fullmatch(name) or name in dict(found):
                how = f"{lookalike(name)}Use another word of lower-case letters, digits, _."
                raise self.source.at(parts["name"], f"{name[:60]!r} is no new variable name.", how=how)
            text, kind, checked = self.expressions.check(parts["expression"], reason="")
            self.expressions.declare(name, kind)
            known[name] = reads_of(checked, known)
            self.meters[f"variables.{name}"] = (Meter(checked),)
            found.append((name, text))
        return tuple(found), known

    def _rules(self, node: Node, known: dict[str, Reads]) -> tuple[Rule, ...]:
        items = self.items(node, "rules")
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
        parts = self.map(
            node,
            "A rule",
            required=("id", "require", "message"),
            optional=("title", "otherwise", "controls", "unknownPasses", "emptyPasses"),
        )
        name = self.name(parts["id"], "The rule's id", "id")
        reasons = {
            key: self.text(parts[key], key, empty=False) if key in parts else ""
            for key in ("unknownPasses", "emptyPasses")
        }
        why = reasons["unknownPasses"]
        require, checked = self.expressions.typed(parts["require"], "BOOL", "require", reason=why)
        read, trees = reads_of(checked, known), [checked]
        message, checked = self.expressions.typed(parts["message"], "STRING", "message", reason="")
        shown = reads_of(checked, known)
        trees.append(checked)
        otherwise = None
        if "otherwise" in parts:
            otherwise, when, said = self._otherwise(parts["otherwise"], why)
            read |= reads_of(when, known)
            shown |= reads_of(said, known) if said else Reads()
            trees += [when, said] if said else [when]
        self.meters[name] = tuple(Meter(one) for one in trees)
        title = (
            self.text(parts["title"], "title", empty=False) if "title" in parts else name.replace("-", " ").capitalize()
        )
        return Rule(
            id=name,
            title=title,
            require=require,
            message=message,
            otherwise=otherwise,
            controls=tuple(
                self.text(item, "A control") for item in self.items(parts.get("controls"), "controls", MAX_CONTROLS)
            ),
            unknown_passes=reasons["unknownPasses"],
            empty_passes=reasons["emptyPasses"],
            reads=read,
            message_reads=shown,
        )

    def _otherwise(self, node: Node, reason: str) -> tuple[Otherwise, Checked, Checked | None]:
        parts = self.map(node, "otherwise", required=("when", "verdict", "role"), optional=("message",))
        if parts["verdict"].value != "ask":
            how = "Only `ask` may stand here; what neither holds nor asks fails."
            raise self.source.at(parts["verdict"], f"{parts['verdict'].shown} is no verdict of otherwise.", how=how)
        when, checked = self.expressions.typed(parts["when"], "BOOL", "when", reason=reason)
        message, said = "", None
        if "message" in parts:
            message, said = self.expressions.typed(parts["message"], "STRING", "message", reason="")
        return Otherwise(when, self.role(parts["role"]), message), checked, said

    def _freshness(self, node: Node | None) -> dict[str, int]:
        """Days that the rows of each named list may be old."""
        found: dict[str, int] = {}
        for name, value in (self.map(node, "freshness", names=True) if node else {}).items():
            if name not in MEASURED:
                how = f"{lookalike(name)}Lists that know when they were measured: {', '.join(MEASURED)}."
                raise self.source.error(
                    f"freshness has no list {name[:60]!r}.",
                    value.key_line,
                    value.key_column,
                    how=how,
                    code="unknown-key",
                )
            match = _DAYS.fullmatch(str(value.value))
            if match is None:
                how = "Write whole days, 1 to 9999, such as 90d."
                raise self.source.at(value, f"{value.shown} is no limit of age.", how=how)
            found[name] = int(match.group(1))
        return found

    def _tests(self, node: Node | None, rule_ids: list[str]) -> tuple[Case, ...]:
        found: list[Case] = []
        for item in self.items(node, "tests", MAX_CASES):
            parts = self.map(item, "A test", required=("name", "facts", "expect"), optional=("params",))
            expect = self._expected(parts["expect"], rule_ids)
            try:
                facts = read_facts(parts["facts"].plain(), partial=True)
            except FactsError as error:
                place = parts["facts"].at_path(error.path)
                raise self.source.at(place, str(error), how=error.how, code="facts") from error
            params = parts["params"].plain() if "params" in parts else {}
            if not isinstance(params, dict):
                raise self.source.at(parts["params"], "params must be a mapping.", how="Write names and values.")
            found.append(Case(self.text(parts["name"], "The test's name"), facts, params, expect, item.line))
        return tuple(found)

    def _expected(self, node: Node, rule_ids: list[str]) -> dict[str, str]:
        """{rule or "policy": verdict} of a test."""
        if isinstance(node.value, str):
            expected = {"policy": node}
        else:
            expected = self.map(node, "expect", names=True)
        for rule, verdict in expected.items():
            if rule not in (*rule_ids, "policy") or verdict.value not in VERDICTS:
                how = f"Rules: {', '.join(rule_ids)}; verdicts: {', '.join(VERDICTS)}."
                raise self.source.at(node, f"{rule[:60]!r}: {verdict.shown} cannot be expected.", how=how)
        return {rule: str(verdict.value) for rule, verdict in expected.items()}


def _as_field(param: Param) -> Field:
    kinds: dict[str, Any] = {"double": "double", "int": "int", "bool": "bool", "string": "string"}
    return Field(param.name, kinds[param.type], f"Parameter {param.name}.")


__all__ = ["Case", "Otherwise", "Param", "Policy", "PolicyError", "Rule", "load_policy"]
