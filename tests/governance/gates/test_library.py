"""The library: every policy is whole, tested at its limits and cannot fail open; templates and controls fit it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from governance.gates import library
from governance.gates.cases import publish_problems, run_cases
from governance.gates.coverage import unreached
from governance.gates.document import Policy
from governance.gates.errors import GateError
from governance.gates.evaluate import Result, evaluate
from governance.gates.facts import read_facts
from governance.gates.library import Entry, Template
from governance.gates.library_docs import library_markdown
from governance.gates.mutation import mutants
from governance.gates.policy import load_policy
from governance.gates.sets import load_set, set_problems
from governance.gates.settings import upgraded, with_params

ROOT = Path(__file__).resolve().parents[3]
ENTRIES = library.entries()
TEMPLATES = library.templates()
NAMES = {
    *("allowed-use", "disparate-impact", "endpoint-contract", "evaluation-thresholds", "model-card", "no-regression"),
    *("provenance", "provider-documents", "residency", "retention", "reviews-current", "risk-assessed"),
    *("separation-of-duties", "telemetry-wired", "test-suites", "training-budget"),
}
each_policy = pytest.mark.parametrize("entry", ENTRIES, ids=lambda one: one.name)
each_template = pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)


def decide(policy: Policy, facts: Mapping[str, Any], params: Mapping[str, Any]) -> Result:
    """What the rules say, whatever the policy is for and whether it blocks."""
    bare = replace(policy, applies_to={}, enforcement="block", from_date=None)
    return evaluate([bare], read_facts(dict(facts), partial=True), params={policy.name: params})


def verdicts(result: Result) -> dict[str, str]:
    return {one.id: one.verdict for one in result.rules} | {"policy": result.verdict}


def test_library_holds_the_starter_policies_and_templates() -> None:
    assert {one.name for one in ENTRIES} == NAMES
    assert [one.name for one in TEMPLATES] == ["bank-model-risk", "eu-high-risk", "health", "internal-tool"]


@each_policy
def test_policy_says_who_when_and_what(entry: Entry) -> None:
    assert entry.policy.review_by is not None
    assert entry.title
    assert entry.description.endswith(".")
    assert all(one.description.endswith(".") for one in entry.params)
    assert all(rule.controls for rule in entry.policy.rules)
    assert all(need.how for need in entry.needs)
    assert [rule.id for rule in entry.policy.rules if rule.unknown_passes] == []


@each_policy
def test_policy_may_be_published(entry: Entry) -> None:
    assert [one.problem for one in run_cases(entry.policy) if one.problem] == []
    assert publish_problems(entry.policy) == []


@each_policy
def test_every_way_to_end_is_reached_by_a_test(entry: Entry) -> None:
    assert [one.message for one in unreached(entry.policy)] == []


@each_policy
def test_every_small_change_is_noticed_by_a_test(entry: Entry) -> None:
    assert [f"{one.line}:{one.column} {one.text}" for one in mutants(entry.policy) if not one.noticed] == []


@each_policy
def test_every_text_parameter_makes_a_difference_in_a_test(entry: Entry) -> None:
    given = {name for case in entry.policy.tests for name in case.params}
    assert {one.name for one in entry.params if one.type in ("string", "bool")} <= given


@each_policy
def test_a_list_that_is_empty_is_in_a_test(entry: Entry) -> None:
    lists = {need.section for need in entry.needs if need.section in LISTS}
    tested = {name for case in entry.policy.tests for name, value in case.facts.items() if value == []}
    assert lists <= tested


LISTS = {"artifacts", "datasets", "metrics", "baseline_metrics", "bias_changes", "odds_changes", "reviews", "tests"}


@each_policy
def test_a_refusal_is_told_in_its_own_words(entry: Entry) -> None:
    for case in entry.policy.tests:
        for rule in decide(entry.policy, case.facts, case.params).rules:
            if rule.verdict in ("fail", "ask"):
                assert rule.message != f"{rule.title}: not so.", f"{case.name}: {rule.id}"
                assert rule.message.endswith("."), rule.message
            if rule.verdict == "unknown":
                assert "no answer" not in rule.message, f"{case.name}: {rule.id}: {rule.message}"
                assert rule.missing, f"{case.name}: {rule.id}"


def without_one_thing(value: Any) -> Iterator[Any]:
    """The value with one key less, at any depth; rows of lists stay, since a row less is another fact."""
    if isinstance(value, dict):
        for name in value:
            yield {key: item for key, item in value.items() if key != name}
        for name, item in value.items():
            yield from ({**value, name: less} for less in without_one_thing(item))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from ([*value[:index], less, *value[index + 1 :]] for less in without_one_thing(item))


@each_policy
def test_leaving_a_fact_out_never_makes_a_rule_pass(entry: Entry) -> None:
    for case in entry.policy.tests:
        before = verdicts(decide(entry.policy, case.facts, case.params))
        for less in without_one_thing(dict(case.facts)):
            after = verdicts(decide(entry.policy, less, case.params))
            for name, verdict in after.items():
                assert verdict != "pass" or before[name] == "pass", f"{case.name}: {name} over {less}"


@each_policy
def test_leaving_out_what_decided_makes_the_policy_unknown(entry: Entry) -> None:
    """A whole section less that the policy needs is never a pass, whatever the case was."""
    for case in entry.policy.tests:
        if decide(entry.policy, case.facts, case.params).verdict != "pass":
            continue
        for need in entry.needs:
            if not need.paths:
                # The moment alone: without it nothing that has a date can be judged, and other rules still can.
                continue
            less = {name: item for name, item in case.facts.items() if name != need.section}
            if len(less) < len(case.facts):
                assert decide(entry.policy, less, case.params).verdict == "unknown", f"{case.name}: {need.section}"


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)
        return {name: shuffled(value[name], chance) for name in names}
    if isinstance(value, list):
        rows = [shuffled(item, chance) for item in value]
        chance.shuffle(rows)
        return rows
    return value


@each_policy
def test_order_changes_nothing(entry: Entry) -> None:
    chance = random.Random(4)
    for case in entry.policy.tests:
        one = decide(entry.policy, case.facts, case.params).document()
        other = decide(entry.policy, shuffled(dict(case.facts), chance), case.params).document()
        assert {**one, "facts_digest": ""} == {**other, "facts_digest": ""}


# ------------------------------------------------------------------ controls
def test_every_control_that_a_rule_names_is_in_the_catalogue() -> None:
    named = {name for one in ENTRIES for rule in one.policy.rules for name in rule.controls}
    assert sorted(named - set(library.controls())) == []


def test_catalogue_is_whole() -> None:
    found = library.frameworks()
    names = {one.id for one in found}
    assert {"eu-ai-act", "nist-ai-rmf", "iso-42001", "sr-11-7", "gdpr", "nyc-ll144"} <= names
    assert all(one.superseded_by in names for one in found if one.superseded_by)
    assert next(one.superseded_by for one in found if one.id == "sr-11-7") == "sr-26-2"
    assert len(library.controls()) == sum(len(one.controls) for one in found)
    assert all(one.clause and one.title and len(one.title) < 90 for one in library.controls().values())


def test_control_that_nobody_knows_stands_for_itself() -> None:
    assert library.control("house/7").clause == "7"
    assert library.control("eu-ai-act/10.2.f").clause == "Article 10(2)(f)"


# ------------------------------------------------------------------ templates
@each_template
def test_template_names_what_is_there(template: Template) -> None:
    loaded = load_set(template.source)
    assert set_problems(loaded, [one.policy for one in ENTRIES]) == []
    assert loaded.review_by is not None
    assert loaded.applies_to
    assert all(one.reason for one in loaded.entries if one.params and one.locked)


def test_every_policy_is_in_a_template() -> None:
    assert {one.policy for template in TEMPLATES for one in template.set.entries} == NAMES


@each_template
def test_template_gives_only_what_differs(template: Template) -> None:
    """A parameter that repeats the default says nothing, unless it is locked."""
    for one in template.set.entries:
        policy = library.entry(one.policy).policy
        values = policy.values(one.params)
        same = {name for name in one.params if values[name] == policy.params[name].default}
        assert one.locked or not same, one.policy


GOOD: dict[str, Any] = {
    "schema": "gatehouse.facts/2",
    "evaluated_at": "2026-11-25T10:00:00Z",
    "subject": {"model": "m", "version": "1", "target": "production", "moment": "request", "registered_by": "u-1"},
    "request": {"id": "R-1", "by": "u-3", "emergency": False},
    "model": {"risk_tier": "high", "intended_use": ["triage"], "affects_legal_or_safety": True, "owner_team": "care"},
    "artifacts": [
        {
            **{"name": "m.onnx", "sha256": "a" * 64, "format": "onnx", "scan": "clean", "stored": True},
            "signature": {"verified": True, "signer": "ci"},
        }
    ],
    "datasets": [
        {
            **{"id": "d", "snapshot": "1", "role": "train", "sha256": "b" * 64, "residency": "eu-central-1"},
            **{"retention_until": "2030-01-01", "legal_basis": "contract", "purposes": ["triage"], "licence": "own"},
            "contains_personal_data": True,
        }
    ],
    "training": {
        **{"run": "T-1", "by": "u-2", "region": "eu-central-1", "code_revision": "abc", "budget": 2},
        "cost": {"amount": 1, "currency": "EUR"},
    },
    "metrics": [{"name": "accuracy", "split": "test", "segment": "all", "value": 0.95}],
    "baseline_metrics": [{"name": "accuracy", "split": "test", "segment": "all", "value": 0.95, "n": 900}],
    "bias": [
        {"attribute": name, "group": group, "n": 900, "ratio": 0.9, "ratio_lower": 0.85, "ratio_upper": 0.95}
        for name, group in (("sex", "F"), ("sex", "M"), ("race", "A"))
    ],
    "bias_changes": [],
    "odds_changes": [],
    "tests": [
        {"suite": name, "passed": 60, "failed": 0, "measured_at": "2026-11-01T00:00:00Z"}
        for name in ("security", "robustness", "clinical")
    ],
    "card": {"complete": True, "missing": [], "stale": [], "approved": True},
    "endpoint": {
        **{"name": "e", "environment": "production", "regions": ["eu-central-1"], "exposure": "internal"},
        **{"slo": {"p95_ms": 100, "availability": 0.9995}, "data_classes": ["internal"], "contract_version": "1"},
    },
    "provider": {
        **{"name": "p", "dpa_until": "2030-01-01", "byok": True, "exit_tested_at": "2026-11-01T00:00:00Z"},
        "attestations": [{"kind": "ISO 27001", "valid_until": "2030-01-01"}],
    },
    "risk": {"assessed_at": "2026-11-01T00:00:00Z", "residual": "low", "mitigations_open": 0},
    "reviews": [
        {"kind": kind, "done_at": "2026-11-01T00:00:00Z", "due_at": "2027-11-01T00:00:00Z"}
        for kind in ("validation", "oversight", "clinical")
    ],
    "telemetry": {
        **{"wired": True, "last_seen_at": "2026-11-25T09:00:00Z", "calls": 3, "error_rate": 0},
        "labels_return": True,
    },
}


def with_template(template: Template, document: dict[str, Any]) -> Result:
    return evaluate([one.policy for one in ENTRIES], read_facts(document, partial=True), sets=[template.set])


@each_template
def test_template_lets_a_good_release_pass_and_nothing_slip(template: Template) -> None:
    tiers = template.set.applies_to.get("riskTier", ("high",))
    good = {**GOOD, "model": {**GOOD["model"], "risk_tier": tiers[0]}}
    found = with_template(template, good)
    assert [f"{one.id}: {one.message}" for one in found.rules if one.verdict not in ("pass", "not_applicable")] == []
    bad = {**good, "card": {**good["card"], "complete": False}}
    assert with_template(template, bad).verdict == "fail"
    for less in without_one_thing(bad):
        assert with_template(template, less).verdict in ("fail", "unknown"), less


def test_template_decides_with_its_parameters() -> None:
    found = library.template("health").set
    policies = [library.entry(one.policy).policy for one in found.entries]
    document = {
        "evaluated_at": "2026-11-25T10:00:00Z",
        "subject": {"target": "production"},
        "model": {"affects_legal_or_safety": True},
        "metrics": [{"name": "accuracy", "split": "test", "segment": "all", "value": 0.85}],
    }
    result = evaluate(policies, read_facts(document, partial=True), sets=[found])
    refused = next(one for one in result.rules if one.id == "accurate-enough")
    assert (refused.verdict, "the floor is 0.90" in refused.message) == ("fail", True)
    elsewhere = {**document, "model": {"affects_legal_or_safety": False}}
    again = evaluate(policies, read_facts(elsewhere, partial=True), sets=[found])
    assert next(one for one in again.rules if one.id == "accurate-enough").verdict != "fail"


# ------------------------------------------------------------------ install, parametrise, upgrade
def test_name_that_is_not_there_is_refused() -> None:
    with pytest.raises(GateError, match="no policy 'nothing'"):
        library.entry("nothing")
    with pytest.raises(GateError, match="no template 'nothing'"):
        library.template("nothing")


@each_policy
def test_policy_with_other_defaults_still_passes_its_tests(entry: Entry) -> None:
    others: dict[str, Any] = {"int": 7, "double": 0.0625, "bool": True, "string": "a, \"b\" 'c'"}
    values = {one.name: others[one.type] for one in entry.params}
    text = with_params(entry.source, values)
    policy = load_policy(text)
    assert {one.name: one.default for one in policy.params.values()} == values
    assert publish_problems(policy) == []
    assert with_params(text, {one.name: one.default for one in entry.params}).count("\n") == text.count("\n")


def test_default_that_is_the_same_changes_nothing() -> None:
    entry = library.entry("residency")
    assert with_params(entry.source, {"prefix": "eu-"}) == entry.source


def test_value_that_the_policy_cannot_take_is_refused() -> None:
    with pytest.raises(GateError, match="no parameter"):
        with_params(library.entry("residency").source, {"suffix": "-1"})
    with pytest.raises(GateError, match="no int"):
        with_params(library.entry("retention").source, {"min_days": "30"})


def test_very_small_value_is_written_as_a_decimal_number() -> None:
    text = with_params(library.entry("no-regression").source, {"max_loss": 1e-07})
    assert load_policy(text).params["max_loss"].default == 1e-07


def test_tests_in_every_style_say_what_they_counted_on() -> None:
    source = """apiVersion: gatehouse/v1
kind: Policy
metadata: {name: p, owner: risk, description: A policy., reviewBy: "2027-06-30"}
params:
  top: {type: double, default: 300.0}
  low: {type: double, default: 1.0}  # a comment that stays
rules:
  - {id: r, require: "facts.endpoint.slo.p95_ms < params.top && params.low > 0.0", message: "'no'"}
tests:
  - {name: flow, facts: {endpoint: {slo: {p95_ms: 299}}}, expect: {r: pass}}
  - params:
      low: 2.0
    name: block
    facts: {endpoint: {slo: {p95_ms: 300}}}
    expect: {r: fail}
  - name: empty
    params: {}
    facts: {endpoint: {slo: {p95_ms: 301}}}
    expect: {r: fail}
  - name: unknown
    params: {top: 400.0}
    facts: {}
    expect: {r: unknown}
"""
    text = with_params(source, {"top": 200.0})
    assert "# a comment that stays" in text
    assert [dict(case.params) for case in load_policy(text).tests] == [
        {"top": 300.0},
        {"top": 300.0, "low": 2.0},
        {"top": 300.0},
        {"top": 400.0},
    ]
    assert publish_problems(load_policy(text)) == []


def test_upgrade_is_told_in_words_and_keeps_what_the_house_chose() -> None:
    old = library.entry("training-budget").source
    new = (
        old.replace("max_cost", "top_cost")
        .replace("  max_over: {type: double, default: 0.1", "  max_over: {type: double, default: 0.2")
        .replace("title: The run cost no more than its budget", "title: Within budget")
        .replace("  - id: in-our-currency", "  - id: in-the-currency-of-the-house")
        .replace("{in-our-currency:", "{in-the-currency-of-the-house:")
    )
    said = "\n".join(library.upgrade_diff(old, new))
    assert "Rule in-our-currency is gone" in said
    assert "Rule in-the-currency-of-the-house is new" in said
    assert "Rule within-budget: title: The run cost no more than its budget → Within budget." in said
    assert "Parameter max_over: default: 0.1 → 0.2." in said
    assert "Parameter top_cost is new" in said
    assert library.upgrade_diff(old, old) == []
    sets = library.template("health").source
    assert (
        library.upgrade_diff(
            sets, sets.replace("max_age_days: 180}\n    enforcement", "max_age_days: 90}\n    enforcement")
        )
        != []
    )

    house = with_params(old, {"max_over": 0.3, "currency": "USD", "max_cost": 9.0})
    text, lost = upgraded(house, new)
    kept = load_policy(text)
    assert (kept.params["max_over"].default, kept.params["currency"].default) == (0.3, "USD")
    assert kept.params["top_cost"].default == 50000.0
    assert len(lost) == 1
    assert lost[0].startswith("max_cost was 9.0 and is not kept: training-budget has no parameter 'max_cost'.")


def test_upgrade_of_a_set_keeps_its_scope_and_names_settings_that_it_drops() -> None:
    newest = library.template("health").source
    house = newest.replace("scope: {organisation: true}", "scope: {team: care}").replace(
        "max_error_rate: 0.01", "max_error_rate: 0.02"
    )
    text, lost = upgraded(house, newest)
    assert load_set(text).scope == ("team", "care")
    assert text.replace('{team: "care"}', "{organisation: true}") == newest
    assert lost == [
        "telemetry-wired was set to max_silence_hours 4, labels_needed true, max_error_rate 0.02 and is not kept."
    ]
    assert upgraded(newest, newest) == (newest, [])
    block = newest.replace("scope: {organisation: true}", "scope:\n  organisation: true")
    assert load_set(upgraded(house, block)[0]).scope == ("team", "care")
    other = library.entry("residency").source
    assert upgraded(newest, other) == (other, ["health was another kind of document; nothing of it is kept."])


# ------------------------------------------------------------------ the page of reference
def test_page_of_the_library_is_current() -> None:
    assert (ROOT / "docs" / "policy-library.md").read_text(encoding="utf-8") == library_markdown(), (
        "Run: python -m governance.gates.library_docs > docs/policy-library.md"
    )
