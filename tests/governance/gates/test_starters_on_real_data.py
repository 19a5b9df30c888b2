"""The starter policies on the prediction files that the product ships: the demo's story is what they say."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from audits.fairness.counting import count_file
from audits.fairness.measure import measure
from audits.fairness.report import Report
from governance.gates.evaluate import Result, RuleResult, evaluate
from governance.gates.facts import Facts, read_facts
from governance.gates.policy import load_policy

ROOT = Path(__file__).resolve().parents[3]
POLICIES = [load_policy(path.read_text()) for path in sorted((ROOT / "governance" / "library").glob("*.yaml"))]
FILES = {"current": "", "candidate": "_candidate", "mitigated": "_mitigated"}
MIN_GROUP = 100


@cache
def report(name: str) -> Report:
    path = ROOT / "demo" / "data" / f"adult_predictions{FILES[name]}.csv.gz"
    return measure(count_file(path, attributes=("sex", "race", "age_band")), favourable=1, min_group=MIN_GROUP)


def accuracy(name: str, evidence: str) -> list[dict[str, Any]]:
    overall = report(name).overall["accuracy"]
    return [{"name": "accuracy", "split": "test", "segment": "all", "value": overall.value, "evidence": evidence}]


def odds(name: str) -> dict[str, float]:
    """The largest distance of error rates between groups that are large enough, by attribute."""
    found = {}
    for attribute in report(name).attributes:
        judged = [group for group in attribute.groups if group.n >= MIN_GROUP]
        spreads = [[getattr(group, rate).value for group in judged] for rate in ("tpr", "fpr")]
        found[attribute.attribute] = max(max(values) - min(values) for values in spreads)
    return found


def changes(name: str, live: str) -> list[dict[str, Any]]:
    before = {(row["attribute"], row["group"]): row for row in report(live).as_facts()}
    return [
        {
            "attribute": row["attribute"],
            "group": row["group"],
            "n": row["n"],
            "ratio": row["ratio"],
            "ratio_live": old["ratio"],
            "ratio_change": row["ratio"] - old["ratio"],
        }
        for row in report(name).as_facts()
        if (old := before.get((row["attribute"], row["group"]))) and "ratio" in row and "ratio" in old
    ]


def facts(name: str, live: str | None) -> Facts:
    place = {"region": "eu-central-1"}
    before = odds(live) if live else {}
    return read_facts(
        {
            "schema": "gatehouse.facts/1",
            "evaluated_at": "2026-11-25T00:00:00Z",
            "subject": {"model": "income-model", "target": "production", "endpoint": "income-eligibility-prod"},
            "model": {"risk_tier": "high"},
            "datasets": [{"id": "adult", "snapshot": "uci", "role": "train", "residency": "eu-central-1"}],
            "training": place,
            "endpoint": {"regions": ["eu-central-1"]},
            "metrics": accuracy(name, "EV-1"),
            "baseline_metrics": accuracy(live, "EV-0") if live else [],
            "bias": [{**row, "evidence": "EV-2"} for row in report(name).as_facts()],
            "bias_changes": changes(name, live) if live else [],
            "odds_changes": [
                {"attribute": key, "gap": gap, "gap_live": before[key], "gap_change": gap - before[key]}
                for key, gap in odds(name).items()
                if key in before
            ],
        }
    )


def decide(name: str, live: str | None) -> Result:
    return evaluate(POLICIES, facts(name, live))


def rule(result: Result, name: str) -> RuleResult:
    return next(one for one in result.rules if one.id == name)


def verdicts(result: Result) -> dict[str, str]:
    return {policy.name: policy.verdict for policy in result.policies}


def test_first_release_is_not_blocked_and_asks_fairness() -> None:
    result = decide("current", None)
    assert result.verdict == "ask"
    assert verdicts(result) == {"disparate-impact": "ask", "evaluation-thresholds": "pass", "residency": "pass"}
    assert {one.role for one in result.rules if one.verdict == "ask"} == {"fairness"}


def test_candidate_is_more_accurate_and_refused_with_group_and_numbers() -> None:
    assert report("candidate").overall["accuracy"].value > report("current").overall["accuracy"].value
    result = decide("candidate", "current")
    assert result.verdict == "fail"
    assert verdicts(result) == {"disparate-impact": "fail", "evaluation-thresholds": "pass", "residency": "pass"}
    refused = rule(result, "no-group-falls")
    assert refused.verdict == "fail"
    assert "race Amer-Indian-Eskimo from 0.384 to 0.234 (n = 159)" in refused.message
    assert {"path": "bias_changes[attribute=race, group=Amer-Indian-Eskimo].ratio", "value": 0.2342} in [
        {**one, "value": round(one["value"], 4)} for one in refused.facts if isinstance(one["value"], float)
    ]


def test_mitigated_asks_fairness_about_what_got_worse() -> None:
    result = decide("mitigated", "current")
    assert result.verdict == "ask"
    assert rule(result, "four-fifths-by-sex").verdict == "pass"
    asked = rule(result, "error-rates-stay-together")
    assert (asked.verdict, asked.role) == ("ask", "fairness")
    assert "sex from 0.074 to 0.303" in asked.message
    assert [one for one in result.rules if one.verdict in ("fail", "unknown")] == []


def test_roles_that_must_approve_are_named_by_the_policies() -> None:
    approvals = {policy.name: policy.approvals for policy in decide("mitigated", "current").policies}
    assert approvals == {"disparate-impact": ("fairness",), "evaluation-thresholds": ("validator",), "residency": ()}


@pytest.mark.parametrize("attribute", ["sex", "race"])
def test_leaving_an_attribute_out_of_the_test_is_refused(attribute: str) -> None:
    document = dict(facts("candidate", "current"))
    for name in ("bias", "bias_changes", "odds_changes"):
        document[name] = [row for row in document[name] if row["attribute"] != attribute]
    result = evaluate(POLICIES, read_facts(document))
    assert rule(result, "sex-and-race-measured").verdict == "fail"
    assert attribute in rule(result, "sex-and-race-measured").message


def test_model_of_limited_risk_is_not_held_to_disparate_impact() -> None:
    document = {**facts("current", None), "model": {"risk_tier": "limited"}}
    for name in ("bias", "odds_changes", "bias_changes"):
        del document[name]
    result = evaluate(POLICIES, read_facts(document))
    assert result.verdict == "pass"
    assert verdicts(result)["disparate-impact"] == "not_applicable"
    assert result.policies[0].approvals == ()
