"""A small mistake in a policy is noticed by one of its cases, or it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.gates.cases import run_cases
from governance.gates.mutation import Mutant, mutants
from governance.gates.policy import load_policy
from tests.governance.gates.test_bad_policies import rule

ROOT = Path(__file__).resolve().parents[3]


def changes(require: str, more: str = "") -> list[tuple[int, int, str, str]]:
    found = mutants(load_policy(rule(require, more=more)))
    return [(one.line, one.column, one.was, one.became) for one in found]


@pytest.mark.parametrize(
    ("require", "expected"),
    [
        ('"facts.endpoint.slo.p95_ms > 3.0"', [(6, 41, ">", "<="), (6, 41, ">", ">=")]),
        ('"facts.endpoint.slo.p95_ms <= 3.0"', [(6, 41, "<=", "<"), (6, 41, "<=", ">")]),
        ("\"facts.model.risk_tier == 'high'\"", [(6, 37, "==", "!=")]),
        ("\"'é>=' != facts.model.risk_tier\"", [(6, 21, "!=", "==")]),
        ('"!facts.card.complete"', [(6, 15, "!", "")]),
        ('"facts.card.complete && facts.card.approved"', [(6, 35, "&&", "||")]),
        ('"facts.card.complete || facts.card.approved"', [(6, 35, "||", "&&")]),
        ('"facts.bias.all(b, b.n > 3)"', [(6, 26, "all", "exists"), (6, 37, ">", "<="), (6, 37, ">", ">=")]),
        ("\"facts.model.intended_use.exists(u, u == 'x')\"", [(6, 40, "exists", "all"), (6, 52, "==", "!=")]),
        ("|\n      facts.card.complete &&\n      !facts.card.approved", [(7, 27, "&&", "||"), (8, 7, "!", "")]),
        ('"facts.card.complete"', []),
        # Inside a text, and the scaffolding of a loop, is nothing to change.
        ("\"facts.model.risk_tier in ['a && b', '!']\"", []),
        ('"facts.bias.exists_one(b, b.n == 1)"', [(6, 44, "==", "!=")]),
    ],
)
def test_what_is_changed_and_where(require: str, expected: list[tuple[int, int, str, str]]) -> None:
    assert changes(require) == expected


def test_numbers_are_moved_a_little_and_messages_are_left_alone() -> None:
    params = "params: {a: {type: double, default: 0.8}, b: {type: int, default: 3}, c: {type: string, default: x}}\n"
    found = changes('"true"', params)
    assert [(was, became) for *_, was, became in found] == [("0.8", "0.792"), ("0.8", "0.808"), ("3", "2"), ("3", "4")]
    assert found[0][:2] == (8, 37)
    zero = changes('"true"', "params: {a: {type: double, default: 0.0}}\n")
    assert [became for *_, became in zero] == ["-0.01", "0.01"]


def test_variable_counts_only_where_a_rule_uses_it() -> None:
    text = rule('"variables.a.size() > 0"').replace(
        "rules:",
        "variables:\n"
        '  - {name: a, expression: "facts.bias.filter(b, b.n > 3)"}\n'
        '  - {name: shown, expression: "facts.bias.filter(b, b.n < 3)"}\n'
        "rules:",
    )
    assert {one.rule for one in mutants(load_policy(text))} == {"variables.a", "one"}


LIMIT = """params: {floor: {type: double, default: 0.8}}
tests:
  - {name: below, facts: {bias: [{ratio: 0.7}]}, expect: fail}
  - {name: at the limit, facts: {bias: [{ratio: 0.8}]}, expect: pass}
  - {name: one of two, facts: {bias: [{ratio: 0.9}, {ratio: 0.7}]}, expect: fail}
  - {name: wrong by itself, facts: {bias: [{ratio: 0.9}]}, expect: fail}
"""


def test_case_at_the_limit_notices_what_another_does_not() -> None:
    policy = load_policy(rule('"facts.bias.all(b, b.ratio >= params.floor)"', more=LIMIT))
    found = {(one.was, one.became): one for one in mutants(policy)}
    assert found[">=", ">"].noticed_by == ("at the limit",)
    assert found["all", "exists"].noticed_by == ("one of two",)
    assert set(found[">=", "<"].noticed_by) == {"below", "at the limit"}
    assert found["0.8", "0.808"].noticed_by == ("at the limit",)
    # Nothing stands between 0.792 and 0.8, so nobody sees the lower floor.
    survivor = found["0.8", "0.792"]
    assert (survivor.noticed, survivor.text) == (False, "params.floor: 0.792 instead of 0.8")


@pytest.mark.parametrize("name", ["disparate-impact", "no-regression", "evaluation-thresholds"])
def test_cases_notice_what_they_notice_in_a_changed_file(name: str) -> None:
    (path,) = (ROOT / "governance" / "library").rglob(f"{name}.yaml")
    text = path.read_text()
    lines = text.split("\n")
    found = mutants(load_policy(text))
    assert len(found) > 10
    for one in found[::3]:
        line, start = lines[one.line - 1], one.column - 1
        assert line[start:].startswith(one.was)
        changed = line[:start] + one.became + line[start + len(one.was) :]
        whole = load_policy("\n".join([*lines[: one.line - 1], changed, *lines[one.line :]]))
        assert tuple(case.case.name for case in run_cases(whole) if case.problem) == one.noticed_by


def test_change_in_otherwise_is_noticed_by_the_one_who_is_asked() -> None:
    more = """    otherwise: {when: "facts.bias.exists(b, b.n > 5)", verdict: ask, role: legal}
tests:
  - {name: asked, facts: {card: {complete: false}, bias: [{n: 6}, {n: 1}]}, expect: ask}
  - {name: refused, facts: {card: {complete: false}, bias: [{n: 5}]}, expect: fail}
"""
    found = mutants(load_policy(rule('"facts.card.complete"', more=more)))
    assert [(one.became, one.noticed_by) for one in found] == [
        ("all", ("asked",)),
        ("<=", ("refused",)),
        (">=", ("refused",)),
    ]
    assert isinstance(found[0], Mutant)
