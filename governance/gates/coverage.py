"""Which ways a rule can end are reached by a case of the policy, and which by none."""

from __future__ import annotations

from dataclasses import dataclass

from governance.gates.cases import Outcome, run_cases
from governance.gates.document import Policy, Rule
from governance.gates.errors import PolicyError
from governance.gates.placed import layout

BRANCHES = ("pass", "fail", "ask", "unknown")


@dataclass(frozen=True)
class Branch:
    """One way in which a rule can end, and the names of the cases in which it does."""

    rule: str
    branch: str
    reached_by: tuple[str, ...]


def coverage(policy: Policy, outcomes: list[Outcome] | None = None) -> list[Branch]:
    """Every branch of every rule, in the policy's order. `outcomes`: of run_cases, where they are known already."""
    outcomes = run_cases(policy) if outcomes is None else outcomes
    return [
        Branch(rule.id, branch, tuple(one.case.name for one in outcomes if one.got.get(rule.id) == branch))
        for rule in policy.rules
        for branch in branches_of(rule)
    ]


def branches_of(rule: Rule) -> tuple[str, ...]:
    """The ways in which the rule can end. What a constant settles is no branch, nor is unknown where it may pass."""
    always_asks = rule.otherwise is not None and rule.otherwise.when.strip() == "true"
    reads = bool(rule.reads.paths or rule.reads.lists or rule.reads.variables)
    possible = {
        "pass": True,
        "fail": not always_asks,
        "ask": rule.otherwise is not None,
        "unknown": reads and not rule.unknown_passes,
    }
    return tuple(branch for branch in BRANCHES if possible[branch])


def unreached(policy: Policy, outcomes: list[Outcome] | None = None) -> list[PolicyError]:
    """What no case reaches, each at the place of its rule: a warning when a policy is published."""
    missing: dict[str, list[str]] = {}
    for one in coverage(policy, outcomes):
        if not one.reached_by:
            missing.setdefault(one.rule, []).append(one.branch)
    if not missing:
        return []
    place, found = layout(policy), []
    for rule, branches in missing.items():
        node = place.rule(rule).value["id"]
        message = f"No test reaches {' or '.join(branches)} of rule {rule!r}."
        how = "Add a case with facts for which the rule ends so."
        found.append(place.source.at(node, message, how=how, code="coverage"))
    return found
