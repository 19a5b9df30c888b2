"""A case made from a stored decision: it holds what the policy reads, and it passes where it is pasted."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.gates.cases import add_case, bare, case_from, publish_problems, run_cases
from governance.gates.errors import GateError, PolicyError
from governance.gates.evaluate import evaluate
from governance.gates.facts import parse_facts, read_facts
from governance.gates.policy import load_policy
from governance.gates.yaml_out import block
from governance.gates.yaml_source import read
from tests.governance.gates.test_bad_policies import rule

ROOT = Path(__file__).resolve().parents[3]
LIBRARY = sorted(
    path for path in (ROOT / "governance" / "library").rglob("*.yaml") if "kind: Policy\n" in path.read_text()
)

POLICY = """apiVersion: gatehouse/v1
kind: Policy
metadata: {name: p, owner: risk, description: A policy.}
appliesTo: {riskTier: [high]}
params:
  floor: {type: double, default: 0.8}
  group: {type: int, default: 100}
variables:
  - {name: judged, expression: "facts.bias.filter(b, b.n >= params.group)"}
rules:
  - id: ratios
    require: "variables.judged.all(b, b.ratio >= params.floor)"
    message: "'%s'.format([variables.judged.map(b, b.group).join(', ')])"
  - id: card
    require: "facts.card.complete"
    message: "'no card'"
"""
FACTS: dict[str, Any] = {
    "schema": "gatehouse.facts/1",
    "evaluated_at": "2026-11-24T05:00:00Z",
    "subject": {"model": "m", "version": "1", "target": "production"},
    "model": {"risk_tier": "low", "intended_use": ["scoring"]},
    "bias": [
        {"attribute": "sex", "group": "F", "n": 900, "ratio": 0.7, "ratio_lower": 0.66, "evidence": "EV-1"},
        {"attribute": "sex", "group": "M", "n": 900, "ratio": 1.0},
    ],
    "card": {"complete": True, "missing": []},
    "metrics": [{"name": "accuracy", "split": "test", "segment": "all", "value": 0.9}],
}


def decided(params: dict[str, Any] | None = None) -> dict[str, Any]:
    result = evaluate([load_policy(POLICY)], parse_facts(json.dumps(FACTS)), params={"p": params or {}})
    stored: dict[str, Any] = json.loads(result.canonical)
    return stored


def test_case_holds_only_what_the_policy_reads_and_passes_when_pasted() -> None:
    policy = load_policy(POLICY)
    case = case_from(FACTS, decided(), "as decided in D-7", policy=policy)
    pasted = load_policy(f"{POLICY}tests:\n{case}")
    (only,) = pasted.tests
    assert set(only.facts) == {"bias", "card"}
    assert only.facts["bias"][0] == {"attribute": "sex", "group": "F", "n": 900, "ratio": 0.7}
    assert only.facts["card"] == {"complete": True}
    # The stored decision says "not applicable", by a selector; a case says what the rules do.
    assert dict(only.expect) == {"ratios": "fail", "card": "pass", "policy": "fail"}
    assert [one.problem for one in run_cases(pasted)] == [""]


def test_case_keeps_the_parameters_that_differ_from_the_defaults() -> None:
    case = case_from(FACTS, decided({"floor": 0.5}), "a lower floor", policy=load_policy(POLICY))
    pasted = load_policy(f"{POLICY}tests:\n{case}")
    assert dict(pasted.tests[0].params) == {"floor": 0.5}
    assert dict(pasted.tests[0].expect)["ratios"] == "pass"
    assert [one.problem for one in run_cases(pasted)] == [""]


def test_case_without_a_policy_holds_the_whole_document() -> None:
    policy = load_policy(POLICY.replace("[high]", "[low]"))
    result = evaluate([policy], parse_facts(json.dumps(FACTS)))
    case = case_from(FACTS, json.loads(result.canonical), "whole")
    pasted = load_policy(f"{policy.source}tests:\n{case}")
    assert dict(pasted.tests[0].facts) == dict(read_facts(FACTS))
    assert [one.problem for one in run_cases(pasted)] == [""]
    with pytest.raises(GateError, match="not made by one policy"):
        case_from(FACTS, {"rules": []}, "none")


def test_freshness_keeps_what_it_needs() -> None:
    text = POLICY.replace("params:\n", 'freshness: {bias: "30d"}\nparams:\n', 1)
    rows = [row | {"measured_at": "2026-11-20T00:00:00Z"} for row in FACTS["bias"]]
    facts = FACTS | {"schema": "gatehouse.facts/2", "bias": rows}
    policy = load_policy(text)
    pasted = load_policy(f"{text}tests:\n{case_from(facts, {}, 'fresh', policy=policy)}")
    assert dict(pasted.tests[0].expect)["ratios"] == "fail"
    assert [one.problem for one in run_cases(pasted)] == [""]
    assert set(pasted.tests[0].facts) == {"evaluated_at", "bias", "card"}


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_every_case_of_the_library_comes_back_from_its_own_facts(path: Path) -> None:
    text = path.read_text()
    policy = load_policy(text)
    before = run_cases(policy)
    cases = ""
    for one in before:
        stored = {"params": {policy.name: policy.values(one.case.params)}}
        cases += case_from(dict(one.case.facts), stored, f"again: {one.case.name}", policy=policy)
    after = run_cases(load_policy(add_case(text, cases)))
    assert [(one.problem, one.got) for one in after] == [("", one.got) for one in (*before, *before)]


@pytest.mark.parametrize("name", ["disparate-impact", "provenance", "reviews-current"])
def test_case_passes_whatever_the_decision_did_not_know(name: str) -> None:
    (path,) = (ROOT / "governance" / "library").rglob(f"{name}.yaml")
    text, chance = path.read_text(), random.Random(name)
    policy = load_policy(text)
    cases, expected = "", []
    for number in range(40):
        facts = _forget(dict(chance.choice(policy.tests).facts), chance)
        cases += case_from(facts, {}, f"case {number}", policy=policy)
        result = evaluate([bare(policy)], read_facts(facts, partial=True))
        expected.append({rule.id: rule.verdict for rule in result.rules} | {"policy": result.verdict})
    added = run_cases(load_policy(add_case(text, cases)))[len(policy.tests) :]
    assert [(one.problem, one.got) for one in added] == [("", one) for one in expected]


def _forget(value: Any, chance: random.Random) -> Any:
    """The value without some of its keys and rows."""
    if isinstance(value, dict):
        return {key: _forget(item, chance) for key, item in value.items() if chance.random() > 0.08}
    if isinstance(value, list):
        return [_forget(item, chance) for item in value if chance.random() > 0.05]
    return value


def test_double_with_very_many_digits_is_rounded_unless_that_decides() -> None:
    policy = load_policy(POLICY)
    tiny = FACTS | {"bias": [{"attribute": "sex", "group": "F", "n": 900, "ratio": 1.2345678901234567e-30}]}
    pasted = load_policy(f"{POLICY}tests:\n{case_from(tiny, {}, 'tiny', policy=policy)}")
    assert pasted.tests[0].facts["bias"][0]["ratio"] == pytest.approx(1.2345678e-30, rel=1e-6)
    assert [one.problem for one in run_cases(pasted)] == [""]
    above_nothing = load_policy(POLICY.replace("b.ratio >= params.floor", "b.ratio > 0.0"))
    least = FACTS | {"bias": [{"attribute": "sex", "group": "F", "n": 900, "ratio": 5e-324}]}
    for facts in (least, FACTS | {"bias": [{"attribute": "sex", "group": "F", "n": 900, "ratio": 1e300}]}):
        with pytest.raises(GateError, match=r"digits|too long"):
            case_from(facts, {}, "x", policy=above_nothing)


def test_case_is_added_after_the_others_in_their_own_indentation() -> None:
    case = case_from(FACTS, decided(), "new", policy=load_policy(POLICY))
    once = add_case(POLICY, case)
    twice = add_case(once, case.replace("new", "newer"))
    assert [one.name for one in load_policy(twice).tests] == ["new", "newer"]
    flat = "tests:\n- name: a\n  facts: {card: {complete: true}}\n  expect: {card: pass}\n\n"
    middle = POLICY.replace("rules:\n", f"{flat}rules:\n")
    assert [one.name for one in load_policy(add_case(middle, case)).tests] == ["a", "new"]
    with pytest.raises(PolicyError, match="in one line"):
        add_case(f"{POLICY}tests: []\n", case)


def test_publish_problems_name_the_place_of_a_failing_case() -> None:
    tests = "tests:\n  - {name: t, facts: {card: {complete: true}}, expect: {one: fail}}\n"
    found = publish_problems(load_policy(rule('"facts.card.complete"', more=tests)))
    assert (found[0].line, found[0].message) == (9, "Test 't': one is pass, not fail.")


_TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"), max_size=60)
_TRICKY = st.sampled_from(["yes", "012", "1e3", "~", "null", "2026-01-01", "a: b", "- a", "#", "{x}", "'", "a\nb", ""])
_SCALARS = st.one_of(
    _TEXT,
    _TRICKY,
    st.booleans(),
    st.integers(1 - 2**53, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: len(format(Decimal(repr(value)), "f")) < 38),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_TEXT.filter(bool) | _TRICKY.filter(bool), inner, max_size=4)
    ),
    max_leaves=15,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(_TEXT.filter(bool), _VALUES, min_size=1, max_size=4))
def test_what_is_written_as_yaml_is_read_back_the_same(value: dict[str, Any]) -> None:
    root = read("\n".join(block(value)), "x")[1]
    assert json.dumps(root.plain(), sort_keys=True) == json.dumps(value, sort_keys=True)
