"""A policy's own tests, and what refuses its publication."""

from __future__ import annotations

from dataclasses import dataclass, replace

from governance.gates.errors import GateError, PolicyError
from governance.gates.evaluate import evaluate
from governance.gates.facts import read_facts
from governance.gates.policy import Case, Policy


@dataclass(frozen=True)
class Outcome:
    """How one case ended: `problem` is empty where everything came as expected."""

    case: Case
    problem: str
    verdict: str
    got: dict[str, str]


def run_cases(policy: Policy) -> list[Outcome]:
    """Run every case. Selectors are left aside: a case says what the rules do."""
    bare = replace(policy, applies_to={}, enforcement="block", from_date=None)
    return [_run(bare, case) for case in policy.tests]


def _run(policy: Policy, case: Case) -> Outcome:
    try:
        result = evaluate([policy], read_facts(dict(case.facts), partial=True), params={policy.name: case.params})
    except GateError as error:
        return Outcome(case, error.diagnostics(), "unknown", {})
    got = {rule.id: rule.verdict for rule in result.rules} | {"policy": result.verdict}
    wrong = [f"{name} is {got[name]}, not {verdict}" for name, verdict in case.expect.items() if got[name] != verdict]
    return Outcome(case, "; ".join(wrong), result.verdict, got)


def publish_problems(policy: Policy) -> list[PolicyError]:
    """Why the policy may not be published: failing cases, or no case that passes, fails and is unknown."""
    outcomes = run_cases(policy)
    lines = policy.source.split("\n")

    def problem(message: str, line: int, how: str) -> PolicyError:
        shown = lines[line - 1] if 0 < line <= len(lines) else ""
        return PolicyError(message, line=line, column=1, filename=policy.name, source_line=shown, how=how, code="tests")

    found = [
        problem(f"Test {one.case.name!r}: {one.problem}.", one.case.line, "Mend the rule, or the test.")
        for one in outcomes
        if one.problem
    ]
    expected = {verdict for one in outcomes if not one.problem for verdict in one.case.expect.values()}
    for verdict in ("pass", "fail", "unknown"):
        if verdict not in expected:
            how = f"Add a test that expects a rule, or the policy, to end as {verdict}."
            found.append(problem(f"No test shows a verdict of {verdict}.", len(lines), how))
    return found
