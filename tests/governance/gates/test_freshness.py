"""How old measurements may be: a list with one row too old, or of unknown age, is not known as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from governance.gates.evaluate import Result, evaluate
from governance.gates.facts import read_facts
from governance.gates.policy import load_policy
from tests.governance.gates.test_bad_policies import rule

NOW = "2026-11-25T12:00:00Z"
LIMITS = "freshness: {bias: 90d, metrics: 180d}\n"


def row(group: str, measured_at: str | None, **more: Any) -> dict[str, Any]:
    when = {"measured_at": measured_at} if measured_at else {}
    return {"attribute": "sex", "group": group, "ratio": 0.9, **when, **more}


def decide(require: str, more: str = LIMITS, *, moment: str | None = NOW, **sections: Any) -> Result:
    at = {"evaluated_at": moment} if moment else {}
    return evaluate([load_policy(rule(require, more=more))], read_facts({**at, **sections}, partial=True))


RATIOS = '"facts.bias.all(b, b.ratio >= 0.8)"'


@pytest.mark.parametrize(
    ("times", "moment", "said"),
    [
        (["2026-11-24T12:00:00Z", "2026-08-27T12:00:00Z"], NOW, ""),
        (["2026-11-24T12:00:00Z", "2026-08-27T11:59:59Z"], NOW, "too old: the limit is 90 days, the oldest was"),
        (["2026-11-24T12:00:00Z", None], NOW, "A row of bias does not say when it was measured"),
        (["2026-11-24T12:00:00Z"], None, "evaluated_at is missing"),
        (["2026-11-25T12:00:01Z"], NOW, "after the moment of the document"),
        (["2026-11-25T12:00:00Z"], NOW, ""),
    ],
)
def test_every_row_must_be_fresh(times: list[str | None], moment: str | None, said: str) -> None:
    result = decide(RATIOS, moment=moment, bias=[row(f"g{i}", at) for i, at in enumerate(times)])
    assert result.verdict == ("unknown" if said else "pass")
    assert said in result.rules[0].message
    assert result.rules[0].missing == (("bias",) if said else ())


def test_message_names_the_section_the_limit_and_the_oldest_date() -> None:
    result = decide(RATIOS, bias=[row("F", "2025-01-01T00:00:00Z"), row("M", "2026-11-01T00:00:00Z")])
    assert result.rules[0].message == (
        "Not known: bias. Rows of bias are too old: the limit is 90 days, "
        "the oldest was measured at 2025-01-01T00:00:00Z."
    )


def test_list_without_rows_is_as_it_was() -> None:
    assert decide(RATIOS, bias=[]).verdict == "unknown"
    more = f"    emptyPasses: Nothing to measure.\n{LIMITS}"
    assert decide(RATIOS, more, bias=[]).verdict == "pass"
    assert decide(RATIOS, more, bias=[row("F", None)]).verdict == "unknown"


def test_old_list_does_not_pass_through_another_part_of_the_rule() -> None:
    either = '"facts.card.complete || facts.bias.all(b, b.ratio >= 0.8)"'
    old = [row("F", "2025-01-01T00:00:00Z")]
    assert decide(either, card={"complete": True}, bias=old).verdict == "unknown"
    assert decide(either, card={"complete": True}, bias=[row("F", NOW)]).verdict == "pass"


def test_old_list_makes_variables_and_other_policies_only_here_unknown() -> None:
    variable = f"variables: [{{name: low, expression: 'facts.bias.filter(b, b.ratio < 0.8)'}}]\n{LIMITS}"
    limited = load_policy(rule('"variables.low.size() == 0"', more=f"    emptyPasses: None is good.\n{variable}"))
    free = load_policy(rule(RATIOS).replace("name: p", "name: free"))
    old = read_facts({"evaluated_at": NOW, "bias": [row("F", "2025-01-01T00:00:00Z")]}, partial=True)
    found = evaluate([limited, free], old)
    assert [one.verdict for one in found.policies] == ["unknown", "pass"]
    assert "too old" in found.rules[0].message
    assert [one.verdict for one in evaluate([free, limited], old).policies] == ["pass", "unknown"]


def test_limit_of_another_list_counts_for_itself() -> None:
    metrics = [{"name": "a", "split": "test", "segment": "all", "value": 0.9, "measured_at": "2026-06-01T00:00:00Z"}]
    both = '"facts.metrics.all(m, m.value > 0.5) && facts.bias.all(b, b.ratio >= 0.8)"'
    assert decide(both, metrics=metrics, bias=[row("F", NOW)]).verdict == "pass"
    assert decide(both, metrics=metrics, bias=[row("F", "2026-06-01T00:00:00Z")]).verdict == "unknown"


def test_document_of_the_first_schema_does_not_say_when() -> None:
    document = {"schema": "gatehouse.facts/1", "evaluated_at": NOW, "bias": [row("F", None)]}
    policy = load_policy(rule(RATIOS, more=LIMITS))
    assert evaluate([policy], read_facts(document)).verdict == "unknown"


@pytest.mark.parametrize(
    ("selector", "sections", "verdict"),
    [
        ("region: [eu-west-3]", {"endpoint": {"regions": ["eu-central-1", "eu-west-3"]}}, "pass"),
        ("region: [us-east-1]", {"endpoint": {"regions": ["eu-central-1"]}}, "not_applicable"),
        ("region: [us-east-1]", {"endpoint": {"regions": []}}, "unknown"),
        ("region: [us-east-1]", {"endpoint": {}}, "unknown"),
        ("moment: [live, request]", {"subject": {"moment": "live"}}, "pass"),
        ("moment: [live, request]", {"subject": {"moment": "check"}}, "not_applicable"),
        ("moment: [live]", {}, "unknown"),
        ("affectsLegalOrSafety: [true]", {"model": {"affects_legal_or_safety": True}}, "pass"),
        ("affectsLegalOrSafety: [true]", {"model": {"affects_legal_or_safety": False}}, "not_applicable"),
        ("affectsLegalOrSafety: [true]", {"model": {}}, "unknown"),
        ("affectsLegalOrSafety: [true, false]", {"model": {"affects_legal_or_safety": False}}, "pass"),
    ],
)
def test_selectors(selector: str, sections: dict[str, Any], verdict: str) -> None:
    assert decide('"true"', f"appliesTo: {{{selector}}}\n", **sections).verdict == verdict


def test_policy_with_a_date_does_not_pass_where_the_time_is_not_known() -> None:
    dated = 'enforcement: {mode: block, from: "2026-01-01"}\n'
    found = decide('"true"', dated, moment=None)
    assert (found.verdict, found.rules[0].missing) == ("unknown", ("evaluated_at",))
    assert decide('"true"', dated).verdict == "pass"


def test_review_date_is_read() -> None:
    text = rule('"true"').replace("owner: risk", 'owner: risk, reviewBy: "2027-06-30"')
    assert str(load_policy(text).review_by) == "2027-06-30"
    assert load_policy(rule('"true"')).review_by is None
