"""Policies over a facts document: a verdict per rule, a verdict of the whole, as canonical bytes.

A pure function: the same document, policies, parameters and engine give the same bytes in every process.
The worst rule decides: unknown > fail > ask > pass; what does not apply stands apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from governance.gates import bounds, engine
from governance.gates.applies import applies
from governance.gates.document import Policy, Rule
from governance.gates.facts import Facts, canonical_bytes
from governance.gates.freshness import not_fresh
from governance.gates.judge import Judge, Plan, Said
from governance.gates.ordered import ordered
from governance.gates.rego import RegoPolicy
from governance.gates.rego_judge import recorded, rules_of, to_ask
from governance.gates.schema import FACTS_SCHEMA, schema_of
from governance.gates.seating import asked_of
from governance.gates.sets import GIVEN, PolicySet, Resolved, Settings, resolve

DECISION_SCHEMA = "gatehouse.decision/1"
ORDER = ("unknown", "fail", "ask", "pass")


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
    """What one policy said as a whole, and the seats that must approve because it applies."""

    name: str
    digest: str
    enforcement: str
    verdict: str
    approvals: tuple[Any, ...]
    # Where each setting comes from, what does not hold and what could not be settled: only where sets were given.
    settings: Settings | None = None

    def document(self) -> dict[str, Any]:
        """JSON-able form. Without sets it has no keys of theirs, so that older decisions repeat to the byte."""
        found: dict[str, Any] = {
            "name": self.name,
            "digest": self.digest,
            "enforcement": self.enforcement,
            "verdict": self.verdict,
            "approvals": list(self.approvals),
        }
        if self.settings is not None:
            found["origin"] = dict(self.settings.origin)
            found["shadowed"] = [asdict(one) for one in self.settings.shadowed]
            found["conflicts"] = list(self.settings.conflicts)
        return found


@dataclass(frozen=True)
class SetResult:
    """A set that was given. applied: true, false or "unknown"; absent: policies that it names and that are not here."""

    name: str
    digest: str
    applied: bool | str
    absent: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """The decision. `verdict` counts the rules of blocking policies; "not_applicable" when nothing applied."""

    facts_digest: str
    verdict: str
    policies: tuple[PolicyResult, ...]
    rules: tuple[RuleResult, ...]
    params: Mapping[str, Mapping[str, Any]]
    facts_schema: str = FACTS_SCHEMA
    sets: tuple[SetResult, ...] = ()
    # By policy, what a server was asked and said.
    external: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """JSON-able form of the decision."""
        found: dict[str, Any] = {
            "schema": DECISION_SCHEMA,
            "engine": engine.ENGINE,
            "facts_schema": self.facts_schema,
            "facts_digest": self.facts_digest,
            "verdict": self.verdict,
            "policies": [policy.document() for policy in self.policies],
            "params": {name: dict(values) for name, values in self.params.items()},
            "rules": [dict(vars(rule)) for rule in self.rules],
        }
        if self.sets:
            found["sets"] = [dict(vars(one)) for one in self.sets]
        if self.external:
            found["external"] = {name: dict(record) for name, record in self.external.items()}
        return found

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
    policies: Sequence[Policy],
    facts: Facts,
    *,
    sets: Sequence[PolicySet] = (),
    params: Mapping[str, Mapping[str, Any]] | None = None,
    external: Mapping[str, Mapping[str, Any]] | None = None,
) -> Result:
    """The decision of these policies, in this order, over the document.

    sets: settle parameters and enforcement first; params: values that count before all others, by policy.
    external: by policy, the record of what its server said; a policy that needs one and has none is unknown.
    Raises GateError for a parameter in `params` that a policy does not declare. Policies that are off are left out;
    advisory ones are reported and do not count.
    """
    plans, resolved = plan(policies, facts, sets, params or {})
    judge = Judge(plans, ordered_sections(plans, facts))
    records = records_of(plans, external, facts.digest)
    results: list[PolicyResult] = []
    rules: list[RuleResult] = []
    for one in plans:
        name, mode = one.policy.name, one.mode
        found = [
            RuleResult(
                name,
                rule.id,
                rule.title,
                said.verdict,
                said.message,
                said.role,
                mode,
                rule.controls,
                said.facts,
                said.missing,
            )
            for rule, said in said_by(judge, one, records)
        ]
        rules += found
        verdict = worst([rule.verdict for rule in found])
        approvals = asked_of(one.policy.approvals, facts) if one.applies is True and mode == "block" else ()
        settings = one.settings if sets else None
        results.append(PolicyResult(name, one.policy.digest, mode, verdict, approvals, settings))
    counted = [one.verdict for one in results if one.enforcement == "block"]
    return Result(
        facts_digest=facts.digest,
        verdict=worst(counted),
        policies=tuple(results),
        rules=tuple(rules),
        params={one.policy.name: dict(one.params) for one in plans},
        facts_schema=schema_of(facts),
        sets=_set_results(resolved),
        external=records,
    )


def plan(
    policies: Sequence[Policy],
    facts: Mapping[str, Any],
    sets: Sequence[PolicySet],
    params: Mapping[str, Mapping[str, Any]],
) -> tuple[list[Plan], Resolved]:
    """The policies that are not off, each with what holds for it. Raises GateError as `evaluate`."""
    moment, found = str(facts.get("evaluated_at", "")), list[Plan]()
    resolved, within = resolve(policies, sets, facts), bounds.size_class(facts)
    for policy in policies:
        settings, given = resolved.settings[policy.name], params.get(policy.name)
        mode = settings.mode_at(moment)
        if mode == "off":
            continue
        values = policy.values({**settings.params, **given} if given else settings.params)
        if given:
            settings = replace(settings, origin={**settings.origin, **dict.fromkeys(given, GIVEN)})
        whether = applies(policy.applies_to, facts)
        stale = not_fresh(policy.freshness, facts) if whether is True else {}
        dear = bounds.too_dear(policy, facts, within) if whether is True else {}
        found.append(Plan(policy, settings, values, mode, whether, facts, stale, dear))
    return found, resolved


def ordered_sections(plans: Sequence[Plan], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The sections that the plans read, in their own order; each plan gets its view of them."""
    needed = {"evaluated_at"}.union(*(one.policy.reads.sections for one in plans if one.applies is True))
    found = ordered({name: value for name, value in facts.items() if name in needed})
    for one in plans:
        one.facts = {name: value for name, value in found.items() if name not in one.stale} if one.stale else found
    return found


def records_of(
    plans: Sequence[Plan], external: Mapping[str, Mapping[str, Any]] | None, facts_digest: str
) -> dict[str, dict[str, Any]]:
    """By policy that a server answers, the record that a decision keeps."""
    given = external or {}
    return {one.name: recorded(one, given.get(one.name), facts_digest) for one in to_ask(plans)}


def said_by(judge: Judge, plan: Plan, records: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Rule, Said]]:
    """Each rule of the plan's policy with what it says, by the expressions or by the recorded answer."""
    if isinstance(plan.policy, RegoPolicy):
        return rules_of(plan, records.get(plan.policy.name, {}))
    return judge.rules(plan)


def _set_results(resolved: Resolved) -> tuple[SetResult, ...]:
    return tuple(
        SetResult(
            one.name,
            one.digest,
            whether if isinstance(whether, bool) else "unknown",
            tuple(policy for name, policy in resolved.absent if name == one.name),
        )
        for one, whether in resolved.applied
    )
