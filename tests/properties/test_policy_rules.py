"""What is computed a quicker way says the same as the plain way, and sets never weaken what they lock."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.gates import canonical, engine, filters
from governance.gates.errors import FactsError
from governance.gates.evaluate import evaluate
from governance.gates.facts import canonical_bytes, read_facts
from governance.gates.ordered import ordered
from governance.gates.policy import Policy, load_policy
from governance.gates.sets import PolicySet, load_set, resolve
from governance.gates.stored import evaluate_stored
from tests.properties.test_gates import DOCUMENTS, LISTS, STARTERS, atoms, combined, policies, without_one

MANY = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
SOME = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.sampled_from([0.0, -0.0, 1.0, 1e-7, 1e-4, 9.9e-5, 1e15, 1e16, 1e21, 1e22, 123456789012345680.0, 5e-324]),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(st.characters(exclude_categories=["Cs"]))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner, max_size=4),
    ),
    max_leaves=12,
)


@MANY
@given(JSON)
def test_canonical_form_is_that_of_the_reference(value: Any) -> None:
    assert canonical.dumps(value) == rfc8785.dumps(value)


@SOME
@given(policies(), DOCUMENTS)
def test_stored_text_says_the_same_as_the_document(policy: Policy, document: dict[str, Any]) -> None:
    facts = read_facts(document, partial=True)
    text = canonical_bytes(facts).decode()
    whole = evaluate([policy, *STARTERS], facts)
    for digest in (facts.digest, "", "0" * 64):
        if digest != facts.digest:
            # Without its digest the text is read strictly, which needs the schema's name.
            text = canonical_bytes({"schema": "gatehouse.facts/2", **facts}).decode()
        quick = evaluate_stored([policy, *STARTERS], text, digest)
        assert quick.verdict == whole.verdict
        assert quick.rules == {(one.policy, one.id): one.verdict for one in whole.rules}
        assert quick.policies == {one.name: one.verdict for one in whole.policies}


def test_text_that_is_not_what_was_stored_is_read_strictly() -> None:
    policy = load_policy(
        "apiVersion: gatehouse/v1\nkind: Policy\nmetadata: {name: p, owner: risk, description: A policy.}\n"
        "rules: [{id: one, require: 'facts.training.budget >= 1.0', message: \"'no'\"}]\n"
    )
    text = '{"schema":"gatehouse.facts/2","training":{"budget":2}}'
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert evaluate_stored([policy], text, digest).verdict == "pass"
    forged = text.replace("2}}", '"2"}}')
    for wrong in (digest, "", "x"):
        with pytest.raises(FactsError, match="Must be a number"):
            evaluate_stored([policy], forged, wrong)


@MANY
@given(st.data(), DOCUMENTS)
def test_rows_are_picked_as_the_engine_picks_them(data: st.DataObject, document: dict[str, Any]) -> None:
    name = data.draw(st.sampled_from(["facts.bias", "facts.datasets", "facts.model.intended_use"]))
    condition = data.draw(combined(atoms(*LISTS[name])))
    form = data.draw(st.sampled_from(["filter(r, {})", "map(r, {}, r)", "filter(r, {}).size()", "all(r, {})"]))
    text = f"{name}.{form.format(condition)}"
    facts = ordered(read_facts(document, partial=True))
    given_data = {"facts": facts, "params": {"limit": 0.8, "least": 100}, "variables": {}}
    plain = engine.evaluate(text, given_data)
    quick = filters.evaluate(text, engine.activation(given_data), "", False, {"facts": facts, "variables": {}})
    assert (quick.value, quick.error, quick.missing) == (plain.value, plain.error, plain.missing)
    assert json.dumps(quick.value, sort_keys=True) == json.dumps(plain.value, sort_keys=True)


# ----------------------------------------------------------------------- sets
SCOPES = st.sampled_from(["{organisation: true}", "{team: lending}", "{team: x}", "{model: income}"])
MODES = st.sampled_from(["'off'", "advisory", "block", "{mode: block, from: '2027-01-01'}"])


@st.composite
def policy_sets(draw: st.DrawFn) -> list[PolicySet]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        entry = [f"policy: {draw(st.sampled_from(['generated', STARTERS[0].name]))}"]
        if draw(st.booleans()):
            entry.append(f"params: {{limit: {draw(st.sampled_from(['0.5', '0.8', '0.95']))}}}")
        if draw(st.booleans()):
            entry.append(f"enforcement: {draw(MODES)}")
        if len(entry) > 1 and draw(st.booleans()):
            entry.append("locked: true")
        applies = draw(st.sampled_from(["", "appliesTo: {riskTier: [high]}\n", "appliesTo: {moment: [live]}\n"]))
        found.append(
            load_set(
                "apiVersion: gatehouse/v1\nkind: PolicySet\n"
                f"metadata: {{name: s{number}, owner: risk, description: Generated.}}\n"
                f"scope: {draw(SCOPES)}\n{applies}policies: [{{{', '.join(entry)}}}]\n"
            )
        )
    return found


@st.composite
def subjects(draw: st.DrawFn) -> dict[str, Any]:
    document = dict(draw(DOCUMENTS))
    model, subject = dict(document.get("model", {})), dict(document.get("subject", {}))
    if draw(st.booleans()):
        model["owner_team"] = "lending"
    if draw(st.booleans()):
        subject["model"] = draw(st.sampled_from(["income", "other"]))
    return {**document, "model": model, "subject": subject}


@SOME
@given(policies(), policy_sets(), subjects())
def test_deleting_a_fact_never_makes_a_policy_pass_under_sets(
    policy: Policy, sets: list[PolicySet], document: dict[str, Any]
) -> None:
    before = evaluate([policy], read_facts(document, partial=True), sets=sets)
    for smaller in without_one(document):
        after = evaluate([policy], read_facts(smaller, partial=True), sets=sets)
        assert before.verdict == "pass" or after.verdict != "pass", smaller


@SOME
@given(policies(), policy_sets(), subjects(), st.randoms(use_true_random=False))
def test_order_of_sets_decides_nothing(
    policy: Policy, sets: list[PolicySet], document: dict[str, Any], chance: Any
) -> None:
    facts = read_facts(document, partial=True)
    mixed = list(sets)
    chance.shuffle(mixed)
    one, other = resolve([policy], sets, facts), resolve([policy], mixed, facts)
    assert one.settings == other.settings
    assert evaluate([policy], facts, sets=sets).rules == evaluate([policy], facts, sets=mixed).rules


@SOME
@given(policies(), policy_sets(), subjects())
def test_locked_setting_of_the_organisation_holds_or_nothing_does(
    policy: Policy, sets: list[PolicySet], document: dict[str, Any]
) -> None:
    facts = read_facts(document, partial=True)
    found = resolve([policy], sets, facts).settings["generated"]
    locks = [
        entry.params["limit"]
        for one in sets
        if one.scope[0] == "organisation" and one.applies(facts) is True
        for entry in one.entries
        if entry.policy == "generated" and entry.locked and "limit" in entry.params
    ]
    if locks and not found.conflicts and not found.undecided:
        assert found.params["limit"] in locks


def test_of_several_rows_without_answer_the_same_one_is_named() -> None:
    facts = {"bias": [{}, {"attribute": "sex"}]}
    text = "facts.bias.filter(r, r.attribute == 'high' || r.group == 'high')"
    quick = filters.evaluate(text, engine.activation({"facts": facts}), "", False, {"facts": facts, "variables": {}})
    assert quick.missing == engine.evaluate(text, {"facts": facts}).missing == "group"
