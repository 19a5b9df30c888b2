"""A policy's own tests, what refuses its publication, and a test made from a decision that was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from governance.gates.errors import GateError, PolicyError
from governance.gates.evaluate import ordered_sections, plan, worst
from governance.gates.facts import Facts, read_facts
from governance.gates.judge import Judge
from governance.gates.policy import Case, Policy
from governance.gates.rego import RegoPolicy
from governance.gates.trim import only
from governance.gates.yaml_out import block
from governance.gates.yaml_source import read


@dataclass(frozen=True)
class Outcome:
    """How one case ended: `problem` is empty where everything came as expected."""

    case: Case
    problem: str
    verdict: str
    got: dict[str, str]


def run_cases(policy: Policy) -> list[Outcome]:
    """Run every case. Selectors are left aside: a case says what the rules do."""
    plain = bare(policy)
    return [run_case(plain, case) for case in policy.tests]


def bare(policy: Policy) -> Policy:
    """The policy as its cases see it: for every subject, and counting."""
    return replace(policy, applies_to={}, enforcement="block", from_date=None)


def run_case(policy: Policy, case: Case) -> Outcome:
    """Run one case on what `bare` gave."""
    try:
        got = verdicts(policy, case)
    except GateError as error:
        return Outcome(case, error.diagnostics(), "unknown", {})
    wrong = [f"{name} is {got[name]}, not {verdict}" for name, verdict in case.expect.items() if got[name] != verdict]
    return Outcome(case, "; ".join(wrong), got["policy"], got)


def verdicts(policy: Policy, case: Case) -> dict[str, str]:
    """The verdict of each rule, and of the whole as "policy". Raises GateError for a wrong parameter.

    As `evaluate` does, without the messages and the facts shown: a case asks for neither.
    """
    facts = case.facts if isinstance(case.facts, Facts) else read_facts(dict(case.facts), partial=True)
    plans, _ = plan([policy], facts, (), {policy.name: case.params})
    judge = Judge(plans, ordered_sections(plans, facts), words=False)
    got = {rule.id: said.verdict for one in plans for rule, said in judge.rules(one)}
    return got | {"policy": worst(list(got.values()))}


def publish_problems(policy: Policy, outcomes: list[Outcome] | None = None) -> list[PolicyError]:
    """Why the policy may not be published: failing cases, or no case that passes, fails and is unknown.

    A policy that a server answers has no cases: its must-deny case is asked when it is proposed.
    """
    if isinstance(policy, RegoPolicy):
        return []
    outcomes = run_cases(policy) if outcomes is None else outcomes
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


def case_from(facts: Mapping[str, Any], result: Mapping[str, Any], name: str, *, policy: Policy | None = None) -> str:
    """The YAML of a test case from a stored decision (its facts and result documents), indented for `tests:`.

    With `policy` it holds the facts that this policy reads and expects what its rules say of them; it passes when
    added to that policy. Without, it holds the whole document and what the stored result says of its one policy.
    Raises GateError for facts that cannot be read, for several policies of which none is named, and for a policy that
    a server answers.
    """
    if isinstance(policy, RegoPolicy):
        raise GateError(f"{policy.name} asks a server and has no tests.", how="It has a case that must be denied.")
    if policy is None:
        expect, params = _stored(result), {}
        kept = dict(read_facts(dict(facts), partial=True))
    else:
        given = result.get("params", {}).get(policy.name, {})
        known = {key: value for key, value in given.items() if key in policy.params}
        params = {key: value for key, value in known.items() if value != policy.params[key].default}
        kept, expect = _what_counts(policy, facts, params)
    case = {"name": name, "facts": kept} | ({"params": params} if params else {}) | {"expect": expect}
    first, *rest = block(case)
    if policy is not None:
        _check_as_written(policy, "\n".join((first, *rest)), expect)
    return "".join(f"{line}\n" for line in (f"  - {first}", *(f"    {line}" for line in rest)))


def _stored(result: Mapping[str, Any]) -> dict[str, str]:
    rules = [rule for rule in result.get("rules", []) if rule["verdict"] != "not_applicable"]
    if len({rule["policy"] for rule in rules}) != 1:
        raise GateError("The decision was not made by one policy.", how="Name the policy that the case is for.")
    return {rule["id"]: rule["verdict"] for rule in rules}


def _what_counts(
    policy: Policy, facts: Mapping[str, Any], params: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """(the facts that decide, the verdicts). The whole document where the smaller one would say something else."""
    plain, whole = bare(policy), read_facts(dict(facts), partial=True)
    reads = {path for rule in policy.rules for path in (*rule.reads.paths, *rule.reads.lists)}
    reads = {path for path in reads if not path.startswith("variables.")}
    smaller = only(whole, reads | _for_freshness(policy))
    all_of_it = run_case(plain, Case("", whole, params, {}, 0)).got
    if not all_of_it:
        raise GateError("The policy cannot be evaluated over these facts.", how="Check its parameters.")
    same = run_case(plain, Case("", smaller, params, {}, 0)).got == all_of_it
    return (smaller if same else dict(whole)), all_of_it


def _check_as_written(policy: Policy, text: str, expect: Mapping[str, str]) -> None:
    """Raise GateError where the case as it is read back would not end so: a number was rounded across a limit."""
    case = read(text, "<case>")[1].plain()
    facts = read_facts(case["facts"], partial=True)
    got = verdicts(bare(policy), Case("", facts, case.get("params", {}), {}, 0))
    if got != expect:
        raise GateError("A number of the facts has too many digits to be written as a test.", how="Write it by hand.")


def _for_freshness(policy: Policy) -> set[str]:
    limits = policy.freshness
    return {"evaluated_at", *(f"{section}[].measured_at" for section in limits)} if limits else set()


def add_case(source: str, case: str) -> str:
    """The policy's text with a case of `case_from` at the end of its tests. Raises PolicyError without a place."""
    found, root = read(source, "<policy>")
    text = source if source.endswith("\n") else f"{source}\n"
    tests = root.value.get("tests") if isinstance(root.value, dict) else None
    if tests is None:
        return f"{text}tests:\n{case}"
    rows, lines = tests.value, text.split("\n")
    if not isinstance(rows, list) or not rows or tests.line == tests.key_line:
        raise found.at(tests, "The tests are written in one line.", how="Write each test on a line of its own.")
    dash = lines[rows[0].line - 1].index("-")
    following = [node.key_line for node in root.value.values() if node.key_line > tests.key_line]
    end = min(following) - 1 if following else len(lines) - 1
    while end > 0 and not lines[end - 1].strip():
        end -= 1
    moved = [f"{' ' * dash}{line[2:]}" for line in case.rstrip("\n").split("\n")]
    return "\n".join([*lines[:end], *moved, *lines[end:]])
