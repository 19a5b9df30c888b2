"""What rules say about facts: each verdict, emptiness, the unknown, and the bytes of a decision."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from governance.gates.cases import publish_problems, run_cases
from governance.gates.cli import main
from governance.gates.errors import GateError
from governance.gates.evaluate import Result, evaluate
from governance.gates.facts import Facts, read_facts
from governance.gates.policy import Policy, load_policy
from governance.gates.replay import replay
from tests.governance.gates.test_bad_policies import rule

ROOT = Path(__file__).resolve().parents[3]
LIBRARY = sorted((ROOT / "governance" / "library").glob("*.yaml"))


def facts(**sections: Any) -> Facts:
    return read_facts({"schema": "gatehouse.facts/1", **sections})


def decide(require: str, more: str = "", **sections: Any) -> Result:
    return evaluate([load_policy(rule(require, more=more))], facts(**sections))


@pytest.mark.parametrize(
    ("require", "sections", "verdict"),
    [
        ('"facts.card.complete"', {"card": {"complete": True}}, "pass"),
        ('"facts.card.complete"', {"card": {"complete": False}}, "fail"),
        ('"facts.card.complete"', {}, "unknown"),
        ('"!facts.card.complete"', {"card": {}}, "unknown"),
        ("\"facts.model.risk_tier != 'high'\"", {"model": {}}, "unknown"),
        ("\"!(facts.model.risk_tier in ['high'])\"", {}, "unknown"),
        ('"facts.bias.all(b, b.ratio >= 0.8)"', {"bias": [{"attribute": "sex", "group": "F"}]}, "unknown"),
        ('"facts.bias.all(b, b.ratio >= 0.8)"', {"bias": []}, "unknown"),
        ('"facts.bias.all(b, b.ratio >= 0.8)"', {}, "unknown"),
        ('"!facts.bias.exists(b, b.ratio < 0.8)"', {"bias": []}, "unknown"),
        ("\"facts.model.intended_use.all(u, u == 'x')\"", {"model": {"intended_use": []}}, "unknown"),
        ('"facts.card.complete || true"', {}, "pass"),
        # An empty list is not known, however the rule came to pass; nor is one that is absent.
        ('"facts.card.complete || facts.bias.all(b, b.n > 1)"', {"card": {"complete": True}, "bias": []}, "unknown"),
        ('"facts.card.complete || facts.bias.all(b, b.n > 1)"', {"card": {"complete": True}}, "unknown"),
        (
            "\"facts.datasets.all(d, d.purposes.all(p, p == 'x'))\"",
            {"datasets": [{"id": "a", "purposes": []}]},
            "unknown",
        ),
    ],
)
def test_verdict_of_a_rule(require: str, sections: dict[str, Any], verdict: str) -> None:
    assert decide(require, **sections).verdict == verdict


def test_unknown_names_what_is_missing() -> None:
    result = decide('"facts.bias.all(b, b.ratio >= 0.8)"', bias=[{"attribute": "sex", "group": "F", "n": 3}])
    assert result.rules[0].missing == ("bias[].ratio",)


def test_list_that_is_missing_is_named_without_its_fields() -> None:
    result = decide('"facts.bias.all(b, b.ratio >= 0.8)"')
    assert result.rules[0].missing == ("bias",)


def test_emptiness_is_seen_through_a_variable_that_is_no_list() -> None:
    text = rule('"variables.fine"').replace(
        "rules:", "variables: [{name: fine, expression: 'facts.bias.all(b, b.n > 1)'}]\nrules:"
    )
    result = evaluate([load_policy(text)], facts(bias=[]))
    assert (result.verdict, result.rules[0].missing) == ("unknown", ("bias",))


def test_selector_that_does_not_match_decides_before_one_that_is_not_known() -> None:
    for selectors in ("{riskTier: [high], target: [production]}", "{target: [production], riskTier: [high]}"):
        policy = load_policy(rule('"true"', more=f"appliesTo: {selectors}\n"))
        assert evaluate([policy], facts(subject={"target": "staging"})).verdict == "not_applicable"
        assert evaluate([policy], facts(subject={"target": "production"})).verdict == "unknown"


def test_policy_that_blocks_from_a_date_blocks_where_the_time_is_not_known() -> None:
    text = rule('"facts.card.complete"', more='enforcement: {mode: block, from: "2027-01-01"}\n')
    no = {"card": {"complete": False}}
    assert evaluate([load_policy(text)], facts(evaluated_at="2026-12-31T23:59:59Z", **no)).verdict == "not_applicable"
    assert evaluate([load_policy(text)], facts(evaluated_at="2027-01-01T00:00:00Z", **no)).verdict == "fail"
    assert evaluate([load_policy(text)], facts(**no)).verdict == "fail"


def test_facts_read_carry_their_evidence() -> None:
    row = {"attribute": "sex", "group": "F", "ratio": 0.9, "evidence": "EV-7"}
    result = decide('"facts.bias.all(b, b.ratio >= 0.8)"', bias=[row])
    assert result.rules[0].facts == ({"path": "bias[attribute=sex, group=F].ratio", "value": 0.9, "evidence": "EV-7"},)


def test_empty_passes_only_with_a_reason() -> None:
    result = decide('"facts.bias.all(b, b.ratio >= 0.8)"', "    emptyPasses: Nothing to measure.\n", bias=[])
    assert result.verdict == "pass"


def test_otherwise_asks_a_role() -> None:
    more = "    otherwise: {when: 'facts.card.approved', verdict: ask, role: legal}\n"
    asked = decide('"facts.card.complete"', more, card={"complete": False, "approved": True})
    assert (asked.verdict, asked.rules[0].role) == ("ask", "legal")
    assert decide('"facts.card.complete"', more, card={"complete": False, "approved": False}).verdict == "fail"
    assert decide('"facts.card.complete"', more, card={"complete": False}).verdict == "unknown"


def test_budget_that_runs_out_is_unknown() -> None:
    rows = [{"name": f"m{i}", "split": "test", "segment": "all", "value": 1.0} for i in range(400)]
    nested = "a.value + b.value + c.value + d.value > 0.0"
    for name in "dcba":
        nested = f"facts.metrics.all({name}, {nested})"
    result = decide(f'"{nested}"', metrics=rows)
    assert result.verdict == "unknown"
    assert "udget" in result.rules[0].message


def test_message_that_cannot_be_formatted_changes_nothing() -> None:
    text = rule('"facts.card.complete"', message="\"'%s'.format([facts.model.risk_tier])\"")
    result = evaluate([load_policy(text)], facts(card={"complete": False}))
    assert (result.verdict, result.rules[0].message) == ("fail", "One: not so.")


def test_selectors_and_enforcement() -> None:
    text = rule('"facts.card.complete"', more="appliesTo: {riskTier: [high]}\napprovals: [legal]\n")
    policy = load_policy(text)
    no = {"card": {"complete": False}}
    assert evaluate([policy], facts(model={"risk_tier": "low"}, **no)).verdict == "not_applicable"
    assert evaluate([policy], facts(**no)).verdict == "unknown"
    high = evaluate([policy], facts(model={"risk_tier": "high"}, **no))
    assert (high.verdict, high.policies[0].approvals) == ("fail", ("legal",))
    advisory = load_policy(text + "enforcement: advisory\n")
    result = evaluate([advisory], facts(model={"risk_tier": "high"}, **no))
    assert (result.verdict, result.rules[0].verdict) == ("not_applicable", "fail")
    assert not evaluate([load_policy(text + "enforcement: 'off'\n")], facts(**no)).rules
    later = load_policy(text + 'enforcement: {mode: block, from: "2027-01-01"}\n')
    assert later.mode_at("2026-12-31T00:00:00Z") == "advisory"
    assert later.mode_at("2027-01-01T00:00:00Z") == "block"


def test_params_are_typed_and_known() -> None:
    policy = load_policy(
        rule('"facts.endpoint.slo.p95_ms < params.top"', more="params: {top: {type: double, default: 300.0}}\n")
    )
    slow = facts(endpoint={"slo": {"p95_ms": 400}})
    assert evaluate([policy], slow).verdict == "fail"
    assert evaluate([policy], slow, params={"p": {"top": 500}}).verdict == "pass"
    with pytest.raises(GateError, match="no parameter"):
        evaluate([policy], slow, params={"p": {"tops": 500.0}})
    with pytest.raises(GateError, match="no double"):
        evaluate([policy], slow, params={"p": {"top": "500"}})


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_starter_policy_may_be_published(path: Path) -> None:
    policy = load_policy(path.read_text(), filename=path.name)
    assert policy.name == path.stem
    assert [one.problem for one in run_cases(policy)] == [""] * len(policy.tests)
    assert publish_problems(policy) == []


def test_policy_without_its_three_cases_is_not_published() -> None:
    problems = publish_problems(load_policy(rule('"true"')))
    assert [one.message for one in problems] == [
        f"No test shows a verdict of {v}." for v in ("pass", "fail", "unknown")
    ]


def _sample() -> tuple[list[Policy], Facts]:
    policies = [load_policy(path.read_text()) for path in LIBRARY]
    sample = facts(
        evaluated_at="2026-11-25T00:00:00Z",
        model={"risk_tier": "high"},
        bias=[{"attribute": "sex", "group": g, "n": 500, "ratio": r} for g, r in (("F", 0.7), ("M", 1.0))],
        bias_changes=[],
        odds_changes=[],
    )
    return policies, sample


def test_replay_is_identical_and_notices_a_changed_byte() -> None:
    policies, sample = _sample()
    result = evaluate(policies, sample)
    text = json.dumps(sample)
    again = replay(text, [policy.source for policy in policies], result.canonical)
    assert (again.identical, again.text) == (True, "identical")
    changed = replay(text.replace("0.7", "0.6"), [policy.source for policy in policies], result.canonical)
    assert not changed.good
    assert changed.text.startswith("differs: byte ")
    other = result.canonical.replace(b"gatehouse-gates 1", b"gatehouse-gates 0")
    assert replay(text, [policy.source for policy in policies], other).text == "verdict equal, engine differs"


def test_bytes_are_the_same_in_other_processes() -> None:
    policies, sample = _sample()
    code = (
        "import sys, json; from governance.gates.policy import load_policy;"
        "from governance.gates.facts import parse_facts;"
        "from governance.gates.evaluate import evaluate; from pathlib import Path;"
        "ps = [load_policy(p.read_text()) for p in sorted(Path('governance/library').glob('*.yaml'))];"
        "print(evaluate(ps, parse_facts(sys.stdin.read())).digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(sample),
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert digests == {evaluate(policies, sample).digest}


@pytest.mark.parametrize(
    ("document", "code", "verdict"),
    [
        ({"card": {"complete": True}}, 0, "pass"),
        ({"card": {"complete": False}}, 1, "fail"),
        ({"card": {"complete": False, "approved": True}}, 2, "ask"),
        ({}, 3, "unknown"),
        ({"model": {"risk_tier": "minimal"}}, 5, "not_applicable"),
    ],
)
def test_eval_exit_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], document: dict[str, Any], code: int, verdict: str
) -> None:
    more = "    otherwise: {when: 'facts.card.approved || false', verdict: ask, role: legal}\n"
    text = rule('"facts.card.complete"', more=more)
    if verdict == "not_applicable":
        text += "appliesTo: {riskTier: [high]}\n"
    if verdict == "fail":
        document["card"]["approved"] = False
    (tmp_path / "p.yaml").write_text(text)
    (tmp_path / "f.json").write_text(json.dumps(document))
    assert main(["eval", "--policy", str(tmp_path / "p.yaml"), "--facts", str(tmp_path / "f.json"), "--json"]) == code
    said = json.loads(capsys.readouterr().out)
    assert said["verdict"] == verdict
    assert set(said) == {"verdict", "rules", "facts_digest", "policy_digest", "warnings"}
    assert set(said["rules"][0]) == {"id", "verdict", "message", "role"}


@pytest.mark.parametrize(
    ("policy", "document"), [("rules: [", "{}"), (rule('"true"'), '{"a": NaN}'), (rule('"true"'), "[1]")]
)
def test_eval_error_is_four(tmp_path: Path, policy: str, document: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.yaml").write_text(policy)
    (tmp_path / "f.json").write_text(document)
    assert main(["eval", "--policy", str(tmp_path / "p.yaml"), "--facts", str(tmp_path / "f.json")]) == 4
    assert capsys.readouterr().err
