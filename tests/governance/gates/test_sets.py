"""Which settings hold where: scopes over each other, locks, conflicts, and what is not known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from governance.gates.errors import GateError
from governance.gates.evaluate import Result, evaluate
from governance.gates.facts import Facts, read_facts
from governance.gates.policy import Policy, load_policy
from governance.gates.replay import replay
from governance.gates.sets import PolicySet, Settings, Shadowed, load_set, resolve
from governance.gates.stored import evaluate_stored
from tests.governance.gates.test_bad_policies import rule

SUBJECT: dict[str, Any] = {
    "evaluated_at": "2026-11-25T00:00:00Z",
    "subject": {"model": "income", "target": "production", "moment": "request"},
    "model": {"risk_tier": "high", "owner_team": "lending", "affects_legal_or_safety": True},
    "endpoint": {"regions": ["eu-central-1", "eu-west-3"]},
    "training": {"budget": 0.82},
}


def policy(more: str = "") -> Policy:
    """Passes where training.budget reaches the floor, 0.8 by its own text."""
    text = "params: {floor: {type: double, default: 0.8}, name: {type: string, default: x}}\n"
    return load_policy(rule('"facts.training.budget >= params.floor"', more=text + more))


def a_set(name: str, scope: str, entry: str, applies: str = "") -> PolicySet:
    head = "apiVersion: gatehouse/v1\nkind: PolicySet\n"
    head += f"metadata: {{name: {name}, owner: risk, description: A set.}}\n"
    more = f"appliesTo: {applies}\n" if applies else ""
    return load_set(f"{head}scope: {scope}\n{more}policies: [{{policy: p, {entry}}}]\n")


ORG, TEAM, MODEL = "{organisation: true}", "{team: lending}", "{model: income}"
org = a_set("org", ORG, "params: {floor: 0.5}, enforcement: advisory")
team = a_set("team", TEAM, "params: {floor: 0.9}")
model = a_set("model", MODEL, "params: {floor: 0.7}, enforcement: block")


def facts(**changed: Any) -> Facts:
    sections = {name: value for name, value in {**SUBJECT, **changed}.items() if value is not None}
    return read_facts({"schema": "gatehouse.facts/2", **sections})


def settle(*sets: PolicySet, **changed: Any) -> Settings:
    return resolve([policy()], sets, facts(**changed)).settings["p"]


def decide(*sets: PolicySet, params: Any = None, more: str = "", **changed: Any) -> Result:
    return evaluate([policy(more)], facts(**changed), sets=sets, params=params)


def test_text_of_the_policy_is_the_default() -> None:
    found = settle()
    assert (found.params, found.mode, found.from_date) == ({"floor": 0.8, "name": "x"}, "block", None)
    assert found.origin == {"floor": "policy", "name": "policy", "enforcement": "policy"}


def test_narrower_scope_wins_in_whatever_order_the_sets_are_given() -> None:
    for sets in ((org, team, model), (model, team, org)):
        found = settle(*sets)
        assert (found.params["floor"], found.mode) == (0.7, "block")
        assert found.origin == {"floor": "model", "name": "policy", "enforcement": "model"}
        assert found.shadowed == (
            Shadowed("floor", "org", 0.5, "team"),
            Shadowed("floor", "team", 0.9, "model"),
            Shadowed("enforcement", "org", "advisory", "model"),
        )


def test_locked_setting_shadows_the_narrower_ones() -> None:
    locked = a_set("org", ORG, "params: {floor: 0.85}, enforcement: block, locked: true")
    soft = a_set("soft", MODEL, "params: {floor: 0.1}, enforcement: 'off'")
    found = settle(soft, locked)
    assert (found.params["floor"], found.mode) == (0.85, "block")
    assert found.shadowed == (
        Shadowed("floor", "soft", 0.1, "org"),
        Shadowed("enforcement", "soft", "off", "org"),
    )
    assert decide(soft, locked).verdict == "fail"
    # What is not given there may still be changed, and the same value is no change.
    free = a_set("free", MODEL, "params: {floor: 0.85, name: z}")
    assert (settle(locked, free).params["name"], settle(locked, free).shadowed) == ("z", ())


def test_two_values_at_one_level_make_every_rule_unknown_and_name_both_sets() -> None:
    other = a_set("other", TEAM, "params: {floor: 0.6}")
    result = decide(team, other)
    assert (result.verdict, result.rules[0].verdict) == ("unknown", "unknown")
    assert result.rules[0].message == "The sets other and team give p different values of 'floor': 0.6, 0.9.", (
        result.rules[0].message
    )
    assert decide(other, team).rules == result.rules
    # A narrower set settles it, unless one of the two is locked.
    assert decide(team, other, model).verdict == "pass"
    held = a_set("held", TEAM, "params: {floor: 0.9}, locked: true")
    assert decide(held, other, model).verdict == "unknown"
    assert decide(team, a_set("same", TEAM, "params: {floor: 0.9}")).verdict == "fail"


@pytest.mark.parametrize(
    ("one", "other", "mode"),
    [
        ("block", "advisory", "block"),
        ("advisory", "'off'", "advisory"),
        ("{mode: block, from: '2027-01-01'}", "advisory", "advisory"),
        ("{mode: block, from: '2027-01-01'}", "{mode: block, from: '2026-01-01'}", "block"),
        ("{mode: block, from: '2027-01-01'}", "block", "block"),
    ],
)
def test_of_two_modes_at_one_level_the_stricter_counts(one: str, other: str, mode: str) -> None:
    first, second = a_set("a", TEAM, f"enforcement: {one}"), a_set("b", TEAM, f"enforcement: {other}")
    for sets in ((first, second), (second, first)):
        assert settle(*sets).mode_at("2026-11-25T00:00:00Z") == mode


def test_set_counts_only_where_it_applies() -> None:
    strict = "params: {floor: 0.9}"
    for scope, applies, counts in (
        ("{team: other}", "", False),
        ("{model: other}", "", False),
        (ORG, "{riskTier: [limited]}", False),
        (ORG, "{region: [us-east-1, eu-west-3]}", True),
        (ORG, "{region: [us-east-1]}", False),
        (ORG, "{moment: [live]}", False),
        (ORG, "{moment: [live, request]}", True),
        (ORG, "{affectsLegalOrSafety: [true]}", True),
        (ORG, "{affectsLegalOrSafety: [false]}", False),
        (TEAM, "{target: [production]}", True),
    ):
        result = decide(a_set("s", scope, strict, applies))
        assert (result.verdict, result.sets[0].applied) == (("fail", True) if counts else ("pass", False)), scope


@pytest.mark.parametrize(
    ("scope", "applies", "changed", "missing"),
    [
        (TEAM, "", {"model": None}, "model.owner_team"),
        (MODEL, "", {"subject": None}, "subject.model"),
        (ORG, "{region: [eu-west-3]}", {"endpoint": {"regions": []}}, "endpoint.regions"),
        (ORG, "{moment: [live]}", {"subject": {"model": "income"}}, "subject.moment"),
    ],
)
def test_set_that_may_or_may_not_apply_makes_its_policies_unknown(
    scope: str, applies: str, changed: dict[str, Any], missing: str
) -> None:
    loose = a_set("loose", scope, "params: {floor: 0.1}, enforcement: 'off'", applies)
    result = decide(loose, **changed)
    assert (result.verdict, result.sets[0].applied) == ("unknown", "unknown")
    assert result.rules[0].missing == (missing,)
    assert result.rules[0].message == f"Whether loose applies is not known: {missing} is missing."
    # Nor may it hide that a policy would block: the stricter mode counts.
    assert decide(loose, more="enforcement: advisory\n", **changed).rules[0].enforcement == "advisory"
    strict = a_set("strict", scope, "enforcement: block", applies)
    assert decide(strict, more="enforcement: 'off'\n", **changed).verdict == "unknown"


def test_policy_that_is_not_for_the_subject_stays_so() -> None:
    result = decide(a_set("s", "{team: other}", "params: {floor: 0.1}"), more="appliesTo: {target: [staging]}\n")
    assert result.verdict == "not_applicable"


def test_parameter_that_the_policy_does_not_take_makes_it_unknown() -> None:
    for entry, said in (("params: {flor: 0.1}", "no parameter 'flor'"), ("params: {floor: low}", "is no double")):
        result = decide(a_set("s", ORG, entry))
        assert result.verdict == "unknown"
        assert said in result.rules[0].message
        assert "set s" in result.rules[0].message


def test_off_advisory_and_a_date() -> None:
    assert decide(a_set("s", ORG, "enforcement: 'off'")).policies == ()
    later = a_set("s", ORG, "enforcement: {mode: block, from: '2027-01-01'}, params: {floor: 0.9}")
    result = decide(later)
    assert (result.verdict, result.rules[0].verdict, result.rules[0].enforcement) == (
        "not_applicable",
        "fail",
        "advisory",
    )
    assert decide(later, evaluated_at="2027-01-01T00:00:00Z").verdict == "fail"


def test_given_parameters_count_before_all_sets() -> None:
    locked = a_set("org", ORG, "params: {floor: 0.85}, locked: true")
    result = decide(locked, params={"p": {"floor": 0.1}})
    assert (result.verdict, result.document()["policies"][0]["origin"]["floor"]) == ("pass", "given")


def test_document_names_sets_and_origins_only_where_sets_were_given() -> None:
    plain = decide().document()
    assert "sets" not in plain
    assert set(plain["policies"][0]) == {"name", "digest", "enforcement", "verdict", "approvals"}
    found = decide(org, a_set("other", "{team: x}", "reason: For another team.")).document()
    assert found["sets"] == [
        {"name": "org", "digest": org.digest, "applied": True, "absent": ()},
        {"name": "other", "digest": found["sets"][1]["digest"], "applied": False, "absent": ()},
    ]
    assert found["policies"][0]["origin"] == {"floor": "org", "name": "policy", "enforcement": "org"}
    assert found["params"]["p"]["floor"] == 0.5


def test_set_names_policies_that_are_not_here() -> None:
    result = evaluate([], facts(), sets=[org])
    assert (result.verdict, result.sets[0].absent) == ("not_applicable", ("p",))


def test_two_sets_of_one_name_are_refused() -> None:
    with pytest.raises(GateError, match="same name"):
        decide(org, org)


def test_decision_with_sets_is_repeated_to_the_byte() -> None:
    text = json.dumps(facts())
    undecided = a_set("u", "{team: lending}", "params: {floor: 0.3}", "{moment: [live]}")
    cases: list[tuple[tuple[PolicySet, ...], Any]] = [
        ((org, team, model), None),
        ((org, team), {"p": {"name": "z"}}),
        ((undecided,), None),
        ((), {"p": {"floor": 0.9}}),
    ]
    for sets, params in cases:
        stored = decide(*sets, params=params).canonical
        sources = [policy().source, *(one.source for one in sets)]
        assert replay(text, sources, stored).text == "identical"
        assert replay(text, list(reversed(sources)), stored).identical or len(sets) > 1
        if sets:
            assert not replay(text, sources[:-1], stored).good
            assert not replay(text, [*sources[:-1], sources[-1].replace("risk,", "legal,")], stored).identical


def test_stored_text_gives_the_same_verdicts_with_sets() -> None:
    document = facts()
    text = json.dumps(document)
    for sets in ((), (org,), (team,), (org, team, model)):
        whole = decide(*sets)
        quick = evaluate_stored([policy()], text, sets=sets)
        assert (quick.verdict, quick.rules) == (
            whole.verdict,
            {(one.policy, one.id): one.verdict for one in whole.rules},
        )
