"""Every mistake in a policy set has its message and its place."""

from __future__ import annotations

import pytest

from governance.gates.errors import PolicyError
from governance.gates.policy import load_policy
from governance.gates.sets import PolicySet, load_any, load_set, set_problems
from tests.governance.gates.test_bad_policies import rule

HEAD = """apiVersion: gatehouse/v1
kind: PolicySet
metadata: {name: s, owner: risk, description: A set.}
"""
SCOPE = "scope: {organisation: true}\n"
ENTRY = "policies: [{policy: p}]\n"


def entry(text: str) -> str:
    """A set with one entry, in line 5 from column 12."""
    return f"{HEAD}{SCOPE}policies: [{{{text}}}]\n"


BAD = [
    (HEAD + SCOPE, "The set lacks 'policies'", 1, 1),
    (HEAD + ENTRY, "The set lacks 'scope'", 1, 1),
    (HEAD.replace("v1", "v2") + SCOPE + ENTRY, "apiVersion is 'gatehouse/v2'", 1, 13),
    (HEAD.replace("name: s", "name: S") + SCOPE + ENTRY, "'S' is no name", 3, 18),
    (HEAD.replace("name: s", "name: policy") + SCOPE + ENTRY, "may not be called 'policy'", 3, 11),
    (HEAD.replace("owner: risk", "owner: x") + SCOPE + ENTRY, "'x' is no role", 3, 28),
    (HEAD.replace("owner", "reviewBy: '2027-13-01', owner") + SCOPE + ENTRY, "reviewBy is no date", 3, 31),
    (HEAD + "scope: {}\n" + ENTRY, "scope names 0 things", 4, 8),
    (HEAD + "scope: {team: a, model: b}\n" + ENTRY, "scope names 2 things", 4, 8),
    (HEAD + "scope: {planet: mars}\n" + ENTRY, "scope has no key 'planet'", 4, 9),
    (HEAD + "scope: {organisation: false}\n" + ENTRY, "organisation is False", 4, 23),
    (HEAD + "scope: {team: [a]}\n" + ENTRY, "scope.team must be text", 4, 15),
    (HEAD + "scope: {team: ' '}\n" + ENTRY, "scope.team is empty", 4, 15),
    (HEAD + "scope: organisation\n" + ENTRY, "scope must be a mapping", 4, 8),
    (HEAD + SCOPE + "appliesTo: {planet: [mars]}\n" + ENTRY, "no key 'planet'", 5, 13),
    (HEAD + SCOPE + "appliesTo: {target: []}\n" + ENTRY, "appliesTo.target is empty", 5, 21),
    (HEAD + SCOPE + "rules: []\n" + ENTRY, "The set has no key 'rules'", 5, 1),
    (HEAD + SCOPE + "policies: []\n", "names no policy", 5, 11),
    (HEAD + SCOPE + "policies: {p: 1}\n", "policies must be a list", 5, 11),
    (HEAD + SCOPE + "policies: [p]\n", "An entry must be a mapping", 5, 12),
    (HEAD + SCOPE + "policies: [{policy: p}, {policy: p}]\n", "'p' is named twice", 5, 25),
    (HEAD + SCOPE + "policies:\n" + "".join(f"  - policy: p{i}\n" for i in range(201)), "has 201 items", 6, 3),
    (entry("params: {a: 1}"), "An entry lacks 'policy'", 5, 12),
    (entry("policy: P"), "'P' is no name of a policy", 5, 21),
    (entry("policy: pоlicy"), "'pоlicy' is no name of a policy", 5, 21),
    (entry("policy: p, colour: red"), "An entry has no key 'colour'", 5, 24),
    (entry("policy: p, params: 3"), "params must be a mapping", 5, 32),
    (entry("policy: p, params: {A: 3}"), "'A' is no parameter name", 5, 33),
    (entry("policy: p, params: {a: [1]}"), "a must be one value", 5, 36),
    (entry("policy: p, params: {a: 1e3}"), "1e3 is a number or a date", 5, 36),
    (entry("policy: p, enforcement: maybe"), "'maybe' is no enforcement", 5, 37),
    (entry("policy: p, enforcement: {mode: block, from: soon}"), "from is no date", 5, 57),
    (entry("policy: p, enforcement: {mode: 'off', from: '2027-01-01'}"), "Only block begins at a date", 5, 37),
    (entry("policy: p, locked: 1, params: {a: 1}"), "locked is 1", 5, 32),
    (entry("policy: p, locked: true"), "Nothing is given here that could be locked", 5, 32),
    (entry("policy: p, reason: ''"), "reason is empty", 5, 32),
    (HEAD + "scope: &a {organisation: true}\n" + ENTRY, "Anchors and aliases", 4, 8),
    ("x" * 200_000, "the limit is 100000", 1, 1),
]


@pytest.mark.parametrize(("text", "message", "line", "column"), BAD, ids=[row[1][:30] for row in BAD])
def test_mistake_is_refused_with_its_place(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(PolicyError) as caught:
        load_set(text)
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column), caught.value.caret_text


def test_kind_tells_a_set_from_a_policy() -> None:
    assert isinstance(load_any(entry("policy: p")), PolicySet)
    assert load_any(rule('"true"')).name == "p"
    with pytest.raises(PolicyError, match="kind is 'Thing'"):
        load_any(rule('"true"').replace("kind: Policy", "kind: Thing"))
    with pytest.raises(PolicyError, match="kind is a list"):
        load_any(rule('"true"').replace("kind: Policy", "kind: [PolicySet]"))


def test_set_that_does_not_fit_the_policies_is_told_with_its_place() -> None:
    policy = load_policy(rule('"true"', more="params: {a: {type: double, default: 0.8}}\n"))
    text = f"{HEAD}{SCOPE}policies:\n  - {{policy: q}}\n  - {{policy: p, params: {{a: high, b: 1}}}}\n"
    found = [(one.message, one.line, one.column) for one in set_problems(load_set(text), [policy])]
    assert found == [
        ("There is no policy 'q'.", 6, 14),
        ("The parameter 'a' is 'high', which is no double.", 7, 29),
        ("p has no parameter 'b'.", 7, 38),
    ]
