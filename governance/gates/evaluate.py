"""Policies over a facts document: a verdict per rule, a verdict of the whole, as canonical bytes.

A pure function: the same document, policies, parameters and engine give the same bytes in every process.
The worst rule decides: unknown > fail > ask > pass; what does not apply stands apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from governance.gates import engine
from governance.gates.facts import Facts, canonical_bytes
from governance.gates.ordered import ordered
from governance.gates.policy import Policy, Rule
from governance.gates.reads import VARIABLES, direct_lists
from governance.gates.schema import FACTS, FACTS_SCHEMA
from governance.gates.shapes import Message

DECISION_SCHEMA = "gatehouse.decision/1"
ORDER = ("unknown", "fail", "ask", "pass")
MAX_SHOWN = 200
MAX_MESSAGE = 600
_SELECTORS = {
    "riskTier": ("model", "risk_tier"),
    "target": ("subject", "target"),
    "model": ("subject", "model"),
    "endpoint": ("subject", "endpoint"),
}


@dataclass(frozen=True)
class RuleResult:
    """What one rule said. facts: {path, value, evidence?} that it read; missing: paths that are not known."""

    policy: str
    id: str
    title: str
    verdict: str
    message: str
    role: str
    enforcement: str
    controls: tuple[str, ...]
    facts: tuple[dict[str, Any], ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class PolicyResult:
    """What one policy said as a whole, and the roles that must approve because it applies."""

    name: str
    digest: str
    enforcement: str
    verdict: str
    approvals: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """The decision. `verdict` counts the rules of blocking policies; "not_applicable" when nothing applied."""

    facts_digest: str
    verdict: str
    policies: tuple[PolicyResult, ...]
    rules: tuple[RuleResult, ...]
    params: Mapping[str, Mapping[str, Any]]

    def document(self) -> dict[str, Any]:
        """JSON-able form of the decision."""
        rules = [asdict(rule) for rule in self.rules]
        return {
            "schema": DECISION_SCHEMA,
            "engine": engine.ENGINE,
            "facts_schema": FACTS_SCHEMA,
            "facts_digest": self.facts_digest,
            "verdict": self.verdict,
            "policies": [asdict(policy) for policy in self.policies],
            "params": {name: dict(values) for name, values in self.params.items()},
            "rules": rules,
        }

    @cached_property
    def canonical(self) -> bytes:
        """The document as RFC 8785 bytes."""
        return canonical_bytes(self.document())

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of `canonical`."""
        return hashlib.sha256(self.canonical).hexdigest()


def worst(verdicts: Sequence[str]) -> str:
    """The verdict that decides among several; "not_applicable" for none."""
    return next((verdict for verdict in ORDER if verdict in verdicts), "not_applicable")


def evaluate(
    policies: Sequence[Policy], facts: Facts, *, params: Mapping[str, Mapping[str, Any]] | None = None
) -> Result:
    """The decision of these policies, in this order, over the document.

    Raises GateError for a parameter that a policy does not declare. Policies that are off are left out;
    advisory ones are reported and do not count.
    """
    given, moment = params or {}, str(facts.get("evaluated_at", ""))
    sorted_facts = ordered(facts)
    results: list[PolicyResult] = []
    rules: list[RuleResult] = []
    used: dict[str, dict[str, Any]] = {}
    for policy in policies:
        mode = policy.mode_at(moment)
        if mode == "off":
            continue
        used[policy.name] = policy.values(given.get(policy.name))
        applies = _applies(policy, sorted_facts)
        found = list(_rules(policy, sorted_facts, used[policy.name], mode, applies))
        rules += found
        verdict = worst([rule.verdict for rule in found])
        approvals = policy.approvals if applies is True and mode == "block" else ()
        results.append(PolicyResult(policy.name, policy.digest, mode, verdict, approvals))
    counted = [one.verdict for one in results if one.enforcement == "block"]
    return Result(facts.digest, worst(counted), tuple(results), tuple(rules), used)


def _applies(policy: Policy, facts: Mapping[str, Any]) -> bool | str:
    """True, False, or the path of a fact that is needed to say and is not known."""
    missing = ""
    for selector, wanted in policy.applies_to.items():
        group, name = _SELECTORS[selector]
        value = facts.get(group, {}).get(name)
        if value is None:
            missing = missing or f"{group}.{name}"
        elif value not in wanted:
            return False
    return missing or True


def _rules(
    policy: Policy, facts: Mapping[str, Any], params: Mapping[str, Any], mode: str, applies: bool | str
) -> Iterator[RuleResult]:
    data: dict[str, Any] = {"facts": facts, "params": dict(params), "variables": {}}
    broken: dict[str, engine.Value] = {}
    if applies is True:
        for name, text in policy.variables:
            value = engine.evaluate(text, data)
            if value.known:
                data["variables"][name] = value.value
            else:
                # A variable without a value stays absent, so each rule that uses it is unknown.
                broken[name] = value
    for rule in policy.rules:
        if applies is True:
            verdict, message, role, missing = _judge(policy, rule, data, broken)
            shown = tuple(_shown(rule, facts))
        elif applies is False:
            verdict, message, role, missing, shown = "not_applicable", "The policy is not for this subject.", "", (), ()
        else:
            message = f"Whether the policy applies is not known: {applies} is missing."
            verdict, role, missing, shown = "unknown", "", (applies,), ()
        yield RuleResult(policy.name, rule.id, rule.title, verdict, message, role, mode, rule.controls, shown, missing)


def _judge(
    policy: Policy, rule: Rule, data: Mapping[str, Any], broken: Mapping[str, engine.Value]
) -> tuple[str, str, str, tuple[str, ...]]:
    """(verdict, message, role, missing paths) of one rule of a policy that applies."""
    held = engine.evaluate(rule.require, data)
    if held.value is True:
        empty = [] if rule.empty_passes else _empty(policy, rule, data)
        if not empty:
            return "pass", rule.title, "", ()
        return "unknown", f"Nothing to judge: {', '.join(empty)} has no row that counts.", "", tuple(empty)
    if held.value is not False:
        return _unknown(rule, data, held, broken)
    if rule.otherwise is not None:
        softer = engine.evaluate(rule.otherwise.when, data)
        if softer.value is True:
            text = rule.otherwise.message or rule.message
            return "ask", _message(text, rule, data), rule.otherwise.role, ()
        if softer.value is not False:
            return _unknown(rule, data, softer, broken)
    return "fail", _message(rule.message, rule, data), "", ()


def _unknown(
    rule: Rule, data: Mapping[str, Any], value: engine.Value, broken: Mapping[str, engine.Value]
) -> tuple[str, str, str, tuple[str, ...]]:
    cause, left = value, dict(broken)
    while cause.missing in left:
        # A variable is absent because something that it reads is.
        cause = left.pop(cause.missing)
    if not cause.missing:
        return "unknown", f"The rule has no answer: {cause.error or 'it gave neither true nor false'}.", "", ()
    named = sorted(path for path in rule.reads.paths if cause.missing in path.replace("[]", "").split("."))
    absent = [path for path in named if not _is_known(path, data["facts"])]
    # Of a list that is missing as a whole, its fields need no mention.
    absent = [path for path in absent if not any(path.startswith(f"{other}[].") for other in absent)]
    if absent:
        return "unknown", f"Not known: {', '.join(absent)}.", "", tuple(absent)
    return "unknown", f"The rule has no answer: it looks for {cause.missing!r}, which is not there.", "", ()


def _empty(policy: Policy, rule: Rule, data: Mapping[str, Any]) -> list[str]:
    """The lists that the rule passed over although they, or the rows picked from them, are none or not known.

    A list that is absent counts as an empty one: else leaving out the key of an empty list could make a rule pass.
    """
    found = set[str]()
    for path in rule.reads.lists:
        name = path.removeprefix(VARIABLES)
        if name == path:
            found |= {path} if any(value in (None, []) for value in _values(path, data["facts"])) else set()
        elif data["variables"].get(name) in (None, []):
            found |= set(direct_lists(policy.variable_reads[name].lists)) or {path}
    return sorted(found)


def _message(text: str, rule: Rule, data: Mapping[str, Any]) -> str:
    """The rule's message; one that cannot be formatted falls back and never changes the verdict."""
    value = engine.evaluate(text, data)
    return str(value.value)[:MAX_MESSAGE] if isinstance(value.value, str) and value.value else f"{rule.title}: not so."


def _at(facts: Mapping[str, Any], path: str) -> Any:
    current: Any = facts
    for name in path.split("."):
        if not isinstance(current, Mapping) or name not in current:
            return None
        current = current[name]
    return current


def _values(path: str, facts: Mapping[str, Any]) -> list[Any]:
    """What stands at the path, of every row where it names a list such as `datasets[].purposes`; None if absent."""
    head, marker, tail = path.partition("[].")
    value = _at(facts, head)
    if not marker:
        return [value]
    return [found for row in value for found in _values(tail, row)] if isinstance(value, list) else [None]


def _is_known(path: str, facts: Mapping[str, Any]) -> bool:
    return None not in _values(path, facts)


def _shown(rule: Rule, facts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The facts that the rule read, in order of path and rows by their key; at most MAX_SHOWN."""
    found = (one for path in sorted(rule.reads.paths) for one in _read(path, facts, FACTS, ""))
    return islice(found, MAX_SHOWN)


def _read(path: str, facts: Mapping[str, Any], message: Message, prefix: str) -> Iterator[dict[str, Any]]:
    """{path, value, evidence?} at the path; a row is named by its key, as in bias[attribute=sex, group=F].ratio."""
    head, marker, tail = path.partition("[].")
    value = _at(facts, head)
    if not marker:
        if value is not None and not (isinstance(value, list) and _is_rows(value)):
            shown = {"path": prefix + head, "value": value}
            yield shown | ({"evidence": facts["evidence"]} if "evidence" in facts and head != "evidence" else {})
        return
    section = _section(message, head)
    for row in value or []:
        label = ", ".join(f"{name}={row.get(name, '?')}" for name in section.key)
        if tail not in section.key:
            yield from _read(tail, row, section, f"{prefix}{head}[{label}].")


def _section(message: Message, path: str) -> Message:
    for name in path.split("."):
        field = message.field(name)
        if field is None or field.message is None:
            raise AssertionError(f"{path} is no section of the facts")
        message = field.message
    return message


def _is_rows(value: list[Any]) -> bool:
    return any(isinstance(item, Mapping) for item in value)
