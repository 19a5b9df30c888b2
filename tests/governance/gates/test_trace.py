"""Why a rule said what it said: each part's value with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from governance.gates.errors import GateError
from governance.gates.evaluate import evaluate
from governance.gates.facts import Facts, read_facts
from governance.gates.policy import load_policy
from governance.gates.trace import MAX_STEPS, Step, trace
from tests.governance.gates.test_bad_policies import rule

LIBRARY = Path(__file__).resolve().parents[3] / "governance" / "library"


def facts(**sections: Any) -> Facts:
    return read_facts(sections, partial=True)


def steps(require: str, more: str = "", params: Any = None, **sections: Any) -> list[Step]:
    return trace(load_policy(rule(f'"{require}"', more=more)), "one", facts(**sections), params)


def said(found: list[Step]) -> dict[str, Any]:
    return {one.text if not one.row else f"{one.row} | {one.text}": one.value for one in found}


def test_each_part_has_its_value_and_place() -> None:
    require = "!(facts.card.complete || 1 + 2 > 4) && facts.model.risk_tier in ['high', 'low']"
    found = steps(require, card={"complete": False}, model={"risk_tier": "high"})
    assert said(found) == {
        require: True,
        "!(facts.card.complete || 1 + 2 > 4)": True,
        "facts.card.complete || 1 + 2 > 4": False,
        "facts.card.complete": False,
        "1 + 2 > 4": False,
        "1 + 2": 3,
        "facts.model.risk_tier in ['high', 'low']": True,
        "facts.model.risk_tier": "high",
        "['high', 'low']": ["high", "low"],
    }
    assert all(require[one.start : one.end] == one.text for one in found)
    assert [one.depth for one in found] == [0, 1, 2, 3, 3, 4, 1, 2, 2]


def test_what_is_not_known_says_why() -> None:
    found = steps("facts.card.complete || facts.training.budget < 3.0", card={"complete": True})
    assert [(one.text, one.known) for one in found if not one.known] == [
        ("facts.training.budget < 3.0", False),
        ("facts.training.budget", False),
    ]
    assert '"training"' in found[-1].value


@pytest.mark.parametrize(
    ("require", "part"),
    [
        ("math.greatest(1, 2) > 1", "math.greatest(1, 2)"),
        ("(facts.bias.size() + 1) * 2 > 3", "(facts.bias.size() + 1) * 2"),
        ("facts.card.template.startsWith('a(b')", "facts.card.template.startsWith('a(b')"),
        ("(true ? 1 : 2) == 1", "true ? 1 : 2"),
        ("-(1 + 2) < 0", "-(1 + 2)"),
        ("facts.card.template .  size ( ) > 1", "facts.card.template .  size ( )"),
        ("'%s)'.format([facts.card.template]) != ')'", "'%s)'.format([facts.card.template])"),
        ("{'a': 1 + 1}['a'] == 2", "{'a': 1 + 1}['a']"),
        ("size([1, 2]) == 2", "size([1, 2])"),
        ("0.5e1 + 1.0 > 2.0", "0.5e1 + 1.0"),
    ],
)
def test_extent_of_a_part(require: str, part: str) -> None:
    found = steps(require, card={"template": "a(bc"}, bias=[])
    assert part in [one.text for one in found]
    assert all(require[one.start : one.end] == one.text for one in found)
    assert all(one.text.count("(") == one.text.count(")") or "'" in one.text for one in found)


def test_below_a_loop_each_row_is_shown_by_its_name() -> None:
    rows = [{"attribute": "sex", "group": g, "ratio": r} for g, r in (("F", 0.7), ("M", 1.0))]
    found = said(steps("facts.bias.all(b, b.ratio >= 0.8)", bias=rows))
    assert found["facts.bias.all(b, b.ratio >= 0.8)"] is False
    assert found["b: attribute=sex, group=F | b.ratio >= 0.8"] is False
    assert found["b: attribute=sex, group=M | b.ratio"] == 1.0


def test_rows_that_decide_are_shown_however_far_down_they_are() -> None:
    rows = [{"attribute": "a", "group": f"g{i:03}", "ratio": 0.5 if i in (90, 95) else 0.9} for i in range(100)]
    found = [one for one in steps("facts.bias.all(b, b.ratio >= 0.8)", bias=rows) if one.text == "b.ratio >= 0.8"]
    assert len(found) == 22
    assert [one.row for one in found if one.value is False] == [
        "b: attribute=a, group=g090",
        "b: attribute=a, group=g095",
    ]


def test_loops_within_loops() -> None:
    purposes = [{"id": "a", "snapshot": "1", "role": "train", "purposes": ["x", "y"]}]
    found = said(steps("facts.datasets.all(d, d.purposes.exists(p, p == 'y'))", datasets=purposes))
    assert found["d: id=a, snapshot=1, role=train / p: x | p == 'y'"] is False
    assert found["d: id=a, snapshot=1, role=train / p: y | p == 'y'"] is True
    assert found["d: id=a, snapshot=1, role=train | d.purposes.exists(p, p == 'y')"] is True


def test_variables_parameters_and_otherwise() -> None:
    more = (
        "    otherwise: {when: 'variables.low.size() < params.most', verdict: ask, role: risk}\n"
        "params: {most: {type: int, default: 1}}\n"
        "variables: [{name: low, expression: 'facts.bias.filter(b, b.ratio < 0.8)'}]\n"
    )
    policy = load_policy(rule('"variables.low.size() == 0"', more=more))
    document = facts(bias=[{"attribute": "sex", "group": "F", "ratio": 0.5}])
    assert said(trace(policy, "one", document))["variables.low.size()"] == 1
    found = said(trace(policy, "one", document, {"most": 3}, part="otherwise"))
    assert (found["params.most"], found["variables.low.size() < params.most"]) == (3, True)
    for part in ("message", "other"):
        with pytest.raises(GateError, match="has no"):
            trace(policy, "one", document, part=part)
    with pytest.raises(GateError, match="has no rule"):
        trace(policy, "two", document)
    with pytest.raises(GateError, match="no parameter"):
        trace(policy, "one", document, {"least": 3})


def test_steps_are_bounded_and_values_short() -> None:
    rows = [{"attribute": "a", "group": f"g{i}", "n": i} for i in range(400)]
    found = steps("facts.bias.all(a, facts.bias.all(b, facts.bias.all(c, a.n + b.n + c.n >= 0)))", bias=rows)
    assert len(found) == MAX_STEPS
    assert "udget" in found[0].value
    assert max(len(json.dumps(one.value)) for one in found) < 5000


@pytest.mark.parametrize("path", sorted(LIBRARY.rglob("*.yaml")), ids=lambda path: path.stem)
def test_root_of_every_starter_rule_is_what_the_rule_said(path: Path) -> None:
    if "kind: Policy\n" not in path.read_text():
        return
    policy = load_policy(path.read_text())
    for case in policy.tests:
        document = read_facts(dict(case.facts), partial=True)
        verdicts = {one.id: one.verdict for one in evaluate([policy], document).rules}
        for one in policy.rules:
            found = trace(policy, one.id, document, case.params)
            json.dumps([vars(step) for step in found])
            if not case.params and verdicts[one.id] in ("pass", "fail", "ask"):
                assert found[0].value is (verdicts[one.id] == "pass"), (policy.name, one.id)
