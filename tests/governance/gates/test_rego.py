"""Policies that an OPA server answers: their text, and the strict reading of answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.gates.errors import PolicyError
from governance.gates.evaluate import evaluate
from governance.gates.facts import read_facts
from governance.gates.policy import Policy
from governance.gates.rego import MAX_ANSWER, OddAnswer, RegoPolicy, read_answer, verdicts_of
from governance.gates.replay import replay
from governance.gates.sets import load_any, load_set
from governance.gates.stored import evaluate_stored

TEXT = """apiVersion: gatehouse/v1
kind: RegoPolicy
metadata: {name: rego-residency, owner: compliance, description: Training stays in the region., reviewBy: "2099-01-01"}
appliesTo: {riskTier: [high]}
approvals: [legal]
enforcement: block
opa: {server: main, path: gatehouse/release/answer}
mustDeny:
  training: {region: us-east-1}
"""
FACTS = read_facts(
    {
        "schema": "gatehouse.facts/1",
        "evaluated_at": "2026-11-25T08:00:00Z",
        "subject": {"model": "m", "version": "1.0.0", "target": "production", "endpoint": "e"},
        "model": {"risk_tier": "high", "owner_team": "lending"},
        "training": {"run": "r", "region": "eu-central-1"},
    }
)
DENIED = {"checked": ["region"], "deny": [{"rule": "region", "message": "No."}]}
GOOD = {"checked": ["region", "card"], "deny": [], "ask": []}


def policy(text: str = TEXT) -> RegoPolicy:
    found = load_any(text)
    assert isinstance(found, RegoPolicy)
    return found


def record(result: Any = GOOD, *, case: Any = DENIED, revision: str = "r1", **more: Any) -> dict[str, Any]:
    """What a client brings home of a server."""
    return {
        "policy_digest": policy().digest,
        "facts_digest": FACTS.digest,
        "must_deny": {"result": case, "revision": {"b": "r1"}},
        "answer": {"result": result, "revision": {"b": revision}},
    } | more


def decide(**records: Any) -> Any:
    return evaluate([policy()], FACTS, external={"rego-residency": record(**records)})


# ------------------------------------------------------------------ the text
def test_text_becomes_a_policy() -> None:
    found = policy()
    assert isinstance(found, Policy)
    assert (found.opa.server, found.opa.path) == ("main", "gatehouse/release/answer")
    assert found.must_deny == {"training": {"region": "us-east-1"}}
    assert (found.approvals, found.enforcement, found.owner) == (("legal",), "block", "compliance")
    assert found.rules == ()


def test_digest_covers_the_must_deny_case() -> None:
    assert policy().digest != policy(TEXT.replace("us-east-1", "us-west-2")).digest
    assert policy().digest == policy(TEXT + "# a comment\n").digest


@pytest.mark.parametrize(
    ("old", "new", "words", "line"),
    [
        ("server: main", "server: http://evil", "no name of a server", 7),
        ("path: gatehouse/release/answer", "path: ../../v1/policies", "no path of a document", 7),
        ("path: gatehouse/release/answer", 'path: "a/b?pretty=true"', "no path of a document", 7),
        ("path: gatehouse/release/answer", 'path: ""', "no path of a document", 7),
        ("training: {region: us-east-1}", "training: {regoin: us-east-1}", "no such fact", 9),
        ("mustDeny:\n  training: {region: us-east-1}", "mustDeny: {}", "mustDeny is empty", 8),
        ("mustDeny:\n  training: {region: us-east-1}\n", "", "lacks 'mustDeny'", 1),
        ("opa: {server: main, path: gatehouse/release/answer}\n", "", "lacks 'opa'", 1),
        ("enforcement: block", "rules: []", "no key 'rules'", 6),
        ("enforcement: block", "enforcement: blok", "no enforcement", 6),
        ("owner: compliance", "owner: somebody", "no role that decides", 3),
    ],
)
def test_bad_text_is_refused_with_its_place(old: str, new: str, words: str, line: int) -> None:
    assert old in TEXT
    with pytest.raises(PolicyError, match=words) as caught:
        load_any(TEXT.replace(old, new))
    assert caught.value.line == line


# ------------------------------------------------------------------ answers
def body(result: Any = GOOD, **around: Any) -> bytes:
    return json.dumps({"result": result, "provenance": {"bundles": {"b": {"revision": "r1"}}}} | around).encode()


def test_good_answer_is_read() -> None:
    reply = read_answer(body(decision_id="4ca6"))
    assert reply.revision == {"b": "r1"}
    assert reply.document()["sha256"] == reply.sha256


def test_server_without_bundles_and_one_of_old() -> None:
    assert read_answer(body(provenance={"version": "0.70.0"})).revision == {}
    assert read_answer(body(provenance={"revision": "r0"})).revision == {"": "r0"}


BAD_RESULTS = [
    ({}, "names? the rules|holds|name the rules"),
    ({"deny": []}, "does not name the rules"),
    ({"checked": [], "deny": []}, "does not name the rules"),
    ({"checked": "region", "deny": []}, "does not name the rules"),
    ({"checked": {"region": True}, "deny": []}, "does not name the rules"),
    ({"checked": [""], "deny": []}, "as checked"),
    ({"checked": [1], "deny": []}, "as checked"),
    ({"checked": [None], "deny": []}, "as checked"),
    ({"checked": [["region"]], "deny": []}, "as checked"),
    ({"checked": ["Region"], "deny": []}, "as checked"),
    ({"checked": ["region", "region"], "deny": []}, "twice"),
    ({"checked": [f"r{n}" for n in range(201)], "deny": []}, "limit is 200"),
    ({"checked": ["region"]}, "no list 'deny'"),
    ({"checked": ["region"], "deny": None}, "no list 'deny'"),
    ({"checked": ["region"], "deny": {}}, "no list 'deny'"),
    ({"checked": ["region"], "deny": ""}, "no list 'deny'"),
    ({"checked": ["region"], "deny": False}, "no list 'deny'"),
    ({"checked": ["region"], "deny": [None]}, "entry in deny"),
    ({"checked": ["region"], "deny": [""]}, "entry in deny"),
    ({"checked": ["region"], "deny": [1]}, "entry in deny"),
    ({"checked": ["region"], "deny": [{}]}, "entry in deny"),
    ({"checked": ["region"], "deny": [{"rule": "region"}]}, "entry in deny"),
    ({"checked": ["region"], "deny": [{"rule": "region", "message": ""}]}, "entry in deny"),
    ({"checked": ["region"], "deny": [{"rule": "region", "message": 3}]}, "entry in deny"),
    ({"checked": ["region"], "deny": [{"rule": "region", "message": "a\x00b"}]}, "entry in deny"),
    ({"checked": ["region"], "deny": [{"rule": "region", "message": "\ud800"}]}, "entry in deny"),
    ({"checked": ["region"], "deny": [{"rule": "region", "message": "x" * 2001}]}, "entry in deny"),
    ({"checked": ["region"], "deny": [{"rule": "region", "message": "m", "level": 1}]}, "entry in deny"),
    ({"checked": ["region"], "deny": [{"rule": "other", "message": "m"}]}, "does not name as checked"),
    ({"checked": ["region"], "deny": [{"rule": ["region"], "message": "m"}]}, "does not name as checked"),
    ({"checked": ["region"], "deny": ["no"] * 501}, "limit is 500"),
    ({"checked": ["region"], "deny": [], "ask": None}, "no list 'ask'"),
    ({"checked": ["region"], "deny": [], "ask": ["fairness"]}, "entry in ask"),
    ({"checked": ["region"], "deny": [], "ask": [{"rule": "region", "role": "x", "message": "m"}]}, "no role"),
    ({"checked": ["region"], "deny": [], "ask": [{"rule": "other", "role": "risk", "message": "m"}]}, "not name"),
    (
        {
            "checked": ["region"],
            "deny": [],
            "ask": [
                {"rule": "region", "role": "risk", "message": "m"},
                {"rule": "region", "role": "legal", "message": "m"},
            ],
        },
        "two roles",
    ),
    # The true denial under another name: the trap of a package that is asked as a whole.
    ({"checked": ["region"], "deny": [], "denied": ["region"]}, "holds 'denied'"),
    ({"checked": ["region"], "deny": [], "allow": False}, "holds 'allow'"),
    (True, "is true or false"),
    (None, "is null"),
    ([], "is a list"),
    ("pass", "is text"),
    (0, "is a number"),
]


@pytest.mark.parametrize(("result", "words"), BAD_RESULTS)
def test_odd_result_is_no_answer_and_never_a_pass(result: Any, words: str) -> None:
    with pytest.raises(OddAnswer, match=words):
        read_answer(body(result))
    # Where it comes recorded, as from a stored decision that somebody changed, too.
    for found in (decide(result=result), decide(case=result)):
        assert found.verdict == "unknown"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", "has no result"),
        (body() + b"{}", "not JSON"),
        (b"\xef\xbb\xbf" + body(), "not JSON"),
        (b'{"result": "\xff"}', "not UTF-8 at byte 12"),
        (b'{"result": NaN}', "NaN"),
        (b'{"result": {"checked": ["a"], "deny": [-Infinity]}}', "-Infinity"),
        (b'{"result": {"checked": ["a"], "deny": ["no"], "deny": []}}', "key twice"),
        (b'{"result": 1, "result": 2}', "key twice"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"result": ' + b"9" * 5000 + b"}", "not JSON"),
        (b" " * (MAX_ANSWER + 1), "larger than"),
        (body(warning={"code": "api_usage_warning"}), "warning"),
        (body(code="internal_error"), "beside the result"),
        (body(metrics={}), "beside the result"),
        (body(provenance=None), "which bundle"),
        (body(provenance={"bundles": []}), "which bundle"),
        (body(provenance={"bundles": {"b": "r1"}}), "which bundle"),
        (body(provenance={"bundles": {"b": {"revision": 7}}}), "which bundle"),
        (json.dumps({"result": GOOD}).encode(), "which bundle"),
    ],
)
def test_odd_body_is_no_answer(sent: bytes, words: str) -> None:
    with pytest.raises(OddAnswer, match=words):
        read_answer(sent)


def test_verdicts_of_an_answer() -> None:
    result = {
        "checked": ["c", "b", "a"],
        "deny": [{"rule": "b", "message": "two"}, {"rule": "b", "message": "one"}, "c"],
        "ask": [{"rule": "a", "role": "risk", "message": "Look."}, {"rule": "b", "role": "risk", "message": "Look."}],
    }
    found = [(one.rule, one.verdict, one.message, one.role) for one in verdicts_of(result)]
    assert found == [("a", "ask", "Look.", "risk"), ("b", "fail", "one two", ""), ("c", "fail", "Denied.", "")]


def test_denial_that_names_no_rule_counts_against_all() -> None:
    result = {"checked": ["a", "b"], "deny": ["Something is wrong."]}
    assert [(one.verdict, one.message) for one in verdicts_of(result)] == [("fail", "Something is wrong.")] * 2


WORDS = st.sampled_from(["checked", "deny", "ask", "rule", "role", "message", "region", "card", "risk", ""])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(ANYTHING | st.fixed_dictionaries({"checked": ANYTHING, "deny": ANYTHING}))
def test_only_an_answer_that_checks_and_denies_nothing_passes(result: Any) -> None:
    found = decide(result=result)
    if found.verdict == "pass":
        assert set(result) <= {"checked", "deny", "ask"}
        assert result["checked"]
        assert result["deny"] == []
        assert result.get("ask", []) == []


def test_denial_that_loses_a_byte_never_becomes_a_pass() -> None:
    whole = body(DENIED)
    for place in range(len(whole)):
        try:
            reply = read_answer(whole[:place] + whole[place + 1 :])
        except OddAnswer:
            continue
        assert decide(result=reply.result).verdict != "pass"


# ------------------------------------------------------------------ decisions
def test_good_answer_passes_and_is_recorded() -> None:
    found = decide()
    assert found.verdict == "pass"
    assert [(one.id, one.verdict, one.message) for one in found.rules] == [
        ("card", "pass", "Card"),
        ("region", "pass", "Region"),
    ]
    assert found.policies[0].approvals == ("legal",)
    kept = found.document()["external"]["rego-residency"]
    assert kept["answer"]["result"] == GOOD
    assert kept["answer"]["revision"] == {"b": "r1"}
    assert len(kept["answer"]["sha256"]) == 64
    assert (kept["server"], kept["facts_digest"]) == ("main", FACTS.digest)


def test_denied_and_asked() -> None:
    assert decide(result=DENIED).verdict == "fail"
    assert decide(result=DENIED).rules[0].message == "No."
    ask = [{"rule": "card", "role": "fairness", "message": "Look at the card."}]
    found = decide(result={"checked": ["card"], "deny": [], "ask": ask})
    assert (found.verdict, found.rules[0].role, found.rules[0].message) == ("ask", "fairness", "Look at the card.")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"case": GOOD}, "does not deny the case"),
        ({"case": {"checked": ["card"], "deny": [], "ask": []}}, "does not deny the case"),
        ({"revision": "r2"}, "another bundle"),
        ({"facts_digest": "0" * 64}, "other facts"),
        ({"policy_digest": "0" * 64}, "another text"),
        ({"must_deny": {"problem": "did not come within 2 seconds"}}, "must-deny case that counts"),
        ({"must_deny": None}, "must-deny case that counts"),
        ({"answer": {"problem": "has the status 500"}}, "has the status 500"),
        ({"answer": []}, "is not there"),
        ({"answer": {"result": GOOD}}, "which bundle"),
        ({"problem": "No OPA server 'main' is configured."}, "No OPA server"),
    ],
)
def test_what_cannot_be_relied_on_is_unknown(more: dict[str, Any], words: str) -> None:
    found = decide(**more)
    assert found.verdict == "unknown"
    assert [one.id for one in found.rules] == ["server-answer"]
    assert words in found.rules[0].message
    again = evaluate([policy()], FACTS, external=found.document()["external"])
    assert again.canonical == found.canonical


def test_nobody_asked_is_unknown() -> None:
    found = evaluate([policy()], FACTS)
    assert found.verdict == "unknown"
    assert "needs the OPA server main" in found.rules[0].message


def test_policy_that_does_not_apply_needs_no_server() -> None:
    text = TEXT.replace("[high]", "[minimal]")
    found = evaluate([policy(text)], FACTS)
    assert [one.verdict for one in found.rules] == ["not_applicable"]
    assert "external" not in found.document()


def test_unknown_selector_is_unknown() -> None:
    facts = read_facts({name: value for name, value in FACTS.items() if name != "model"})
    found = evaluate([policy()], facts)
    assert found.verdict == "unknown"
    assert found.rules[0].missing == ("model.risk_tier",)


def test_off_is_left_out_and_advisory_does_not_count() -> None:
    assert evaluate([policy(TEXT.replace("enforcement: block", 'enforcement: "off"'))], FACTS).policies == ()
    found = evaluate([policy(TEXT.replace("enforcement: block", "enforcement: advisory"))], FACTS)
    assert (found.verdict, found.policies[0].verdict) == ("not_applicable", "unknown")


def test_a_set_settles_its_enforcement() -> None:
    one = load_set(
        "apiVersion: gatehouse/v1\nkind: PolicySet\n"
        "metadata: {name: soft, owner: risk, description: d}\nscope: {organisation: true}\n"
        "policies: [{policy: rego-residency, enforcement: advisory}]\n"
    )
    found = evaluate([policy()], FACTS, sets=[one], external={"rego-residency": record()})
    assert (found.verdict, found.policies[0].enforcement, found.policies[0].verdict) == (
        "not_applicable",
        "advisory",
        "pass",
    )


# ------------------------------------------------------------------ replay
@pytest.mark.parametrize("result", [GOOD, DENIED, {"checked": []}])
def test_decision_repeats_to_the_byte(result: Any) -> None:
    found = decide(result=result)
    assert replay(_text(FACTS), [TEXT], found.canonical).identical


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"deny":[{"message":"No.","rule":"region"}]', b'"deny":[]'),
        (b'"revision":{"b":"r1"}', b'"revision":{"b":"r9"}'),
        (b'"server":"main"', b'"server":"mine"'),
    ],
)
def test_changed_record_is_noticed(old: bytes, new: bytes) -> None:
    stored = decide(result=DENIED).canonical
    assert old in stored
    found = replay(_text(FACTS), [TEXT], stored.replace(old, new))
    assert not found.good


def test_decision_without_its_record_does_not_repeat() -> None:
    document = decide().document()
    del document["external"]
    assert not replay(_text(FACTS), [TEXT], json.dumps(document)).good


def test_stored_verdicts_come_from_the_record() -> None:
    external = {"rego-residency": record(DENIED)}
    text = _text(FACTS)
    found = evaluate_stored([policy()], text, FACTS.digest, external=external)
    assert (found.verdict, found.rules) == ("fail", {("rego-residency", "region"): "fail"})
    assert evaluate_stored([policy()], text, external=external).verdict == "fail"
    assert evaluate_stored([policy()], text, FACTS.digest).verdict == "unknown"


def _text(facts: Any) -> str:
    return json.dumps(facts)
