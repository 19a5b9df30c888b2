"""Every mistake in a policy has its message and its place."""

from __future__ import annotations

import pytest

from governance.gates.errors import PolicyError
from governance.gates.policy import load_policy

HEAD = """apiVersion: gatehouse/v1
kind: Policy
metadata: {name: p, owner: risk, description: A policy.}
"""
RULES = """rules:
  - id: one
    require: "true"
    message: "'no'"
"""


def rule(require: str, *, message: str = "\"'no'\"", more: str = "") -> str:
    """A policy with one rule; the expression stands in line 6, from column 15."""
    return f"{HEAD}rules:\n  - id: one\n    require: {require}\n    message: {message}\n{more}"


# text, part of the message, line, column
BAD = [
    ("", "empty", 1, 1),
    ("a: [1", "Not YAML", 1, 6),
    ("- 1\n", "must be a mapping", 1, 1),
    (HEAD, "lacks 'rules'", 1, 1),
    (HEAD.replace("gatehouse/v1", "v2") + RULES, "apiVersion is 'v2'", 1, 13),
    (HEAD.replace("Policy", "Thing") + RULES, "kind is 'Thing'", 2, 7),
    (HEAD.replace("owner: risk", "owner: chief") + RULES, "'chief' is no role", 3, 28),
    (HEAD.replace("name: p,", "name: P!,") + RULES, "'P!' is no name", 3, 18),
    (HEAD.replace("description: A policy.", "description: ''") + RULES, "metadata.description is empty", 3, 47),
    (HEAD + "colour: red\n" + RULES, "has no key 'colour'", 4, 1),
    (HEAD + RULES + "kind: Policy\n", "appears twice", 8, 1),
    (HEAD + "params: &a {}\n" + RULES, "Anchors and aliases", 4, 9),
    (HEAD + "params: !!map {}\n" + RULES, "The tag", 4, 9),
    (HEAD + "enforcement: 012\n" + RULES, "012 is a number or a date", 4, 14),
    (HEAD + "enforcement: 1e3\n" + RULES, "1e3 is a number or a date", 4, 14),
    (HEAD + "enforcement: yes\n" + RULES, "'yes' is read differently", 4, 14),
    (HEAD + "enforcement: {mode: block, from: 2026-12-31}\n" + RULES, "a number or a date", 4, 34),
    (HEAD + 'enforcement: {mode: block, from: "soon"}\n' + RULES, "from is no date", 4, 34),
    (HEAD + "enforcement: perhaps\n" + RULES, "'perhaps' is no enforcement", 4, 14),
    (HEAD + "appliesTo: {planet: [mars]}\n" + RULES, "no key 'planet'", 4, 13),
    (HEAD + "appliesTo: {riskTier: high}\n" + RULES, "must be a list", 4, 23),
    (HEAD + "approvals: [viewer]\n" + RULES, "'viewer' is no role", 4, 13),
    (HEAD + "params: {Bad: {type: int, default: 1}}\n" + RULES, "'Bad' is no parameter name", 4, 10),
    (HEAD + "params: {a: {type: money, default: 1}}\n" + RULES, "'money' is no type", 4, 20),
    (HEAD + "params: {a: {type: int, default: 1.5}}\n" + RULES, "which is no int", 4, 34),
    (HEAD + "params: {a: {type: int}}\n" + RULES, "lacks 'default'", 4, 13),
    (HEAD + "variables: [{name: a, expression: 'facts.nope'}]\n" + RULES, "undefined field 'nope'", 4, 41),
    (HEAD + "variables: [{name: a, expression: 'variables.b'}]\n" + RULES, "undeclared reference", 4, 45),
    (HEAD + "rules: []\n", "1 to 100 rules", 4, 8),
    (HEAD + RULES + RULES.removeprefix("rules:\n"), "Two rules are called 'one'", 8, 5),
    (rule('"facts.baias.size() > 0"'), "undefined field 'baias'", 6, 20),
    (rule("\"facts.bias.size() > 'a'\""), "no matching overload", 6, 33),
    (rule('"facts.model.risk_tier"'), "gives STRING, not BOOL", 6, 14),
    (rule('"params.nope > 1"'), "undefined field 'nope'", 6, 21),
    (rule('"facts."'), "Syntax error", 6, 21),
    (rule('"has(facts.card)"'), "has() lets the unknown through", 6, 15),
    (rule('"facts.model.risk_tier != null"'), "A comparison with null", 6, 37),
    (rule('"dyn(facts.model) == 1"'), "dyn()", 6, 15),
    (rule('"type(facts.model.risk_tier) == string"'), "type()", 6, 15),
    (rule('"facts.bias[0].n > 1"'), "An element by number", 6, 25),
    (rule("\"{'a': 1}.all(k, true)\""), "map literal", 6, 24),
    (rule('"gatehouse.Facts{} == facts"'), "Message literals", 6, 15),
    (rule('"facts.bias.filter(b, b.n > 1).all(b, b.ratio > 0.5)"'), "A filter is used in place", 6, 26),
    (rule('"facts.bias.all(b, b.ratio > 1)"'), "no matching overload", 6, 41),
    # What hides from a search of the text is seen in the tree.
    (rule('|\n      """a"b""" == \'x\' || !has(facts.card)'), "has() lets the unknown through", 7, 28),
    (rule('"facts.bias[facts.bias.size() - 1].n > 1"'), "An element by number", 6, 25),
    (
        rule("\"facts.endpoint.regions[params.i] == 'a'\"", more="params: {i: {type: int, default: 0}}\n"),
        "by number",
        6,
        37,
    ),
    (rule('"facts.bias.map(b, b.n > 1, b.ratio).all(r, r > 0.5)"'), "A filter is used in place", 6, 26),
    (rule('"(true ? facts.bias.filter(b, b.n > 1) : facts.bias).exists(b, b.n > 2)"'), "A filter is used in", 6, 34),
    (rule('"facts.card != facts.card"'), "A whole section", 6, 26),
    (rule('"facts.bias.exists(a, facts.bias.all(b, a == b))"'), "A whole section", 6, 56),
    (rule("\"'%s'.format([facts.card]) != 'x'\""), "A whole section", 6, 20),
    (rule('"[facts.card].size() == 1"'), "A whole section", 6, 15),
    (rule('"facts.bias.exists(b, b in facts.bias)"'), "A whole section", 6, 38),
    (rule('"facts.card.?complete.orValue(true)"'), "Optional access", 6, 25),
    (rule('"optional.of(facts.card.complete).orValue(true)"'), "Optional access", 6, 15),
    (rule('"facts.model.risk_tier.orValue(true)"'), "orValue()", 6, 36),
    (rule('"fаcts.card.complete"'), "token recognition", 6, 16),
    (rule('"variables.x"'), "undeclared reference", 6, 24),
    (rule('"facts.evaluated_at < now()"'), "undeclared reference", 6, 39),
    (rule("'" + "(" * 40 + "true" + ")" * 40 + "'"), "nested too deeply", 6, 15),
    (rule("'" + "+".join(["1"] * 200) + " > 1'"), "nested too deeply", 6, 15),
    (rule('"facts.bias.all(facts, facts.n > 1)"'), "The variable of a loop hides", 6, 26),
    (rule('"facts.bias.all(b, b.nn > 1)"'), "undefined field 'nn'", 6, 34),
    (rule('"facts.model.risk_tier == 1"'), "no matching overload", 6, 37),
    (rule('"facts.metrics.all(m, m.value >= 1)"'), "no matching overload", 6, 44),
    (rule("'" + "!" * 5000 + "true'"), "longer than 4000", 6, 14),
    (HEAD + "variables: [{name: a, expression: 'variables.a'}]\n" + RULES, "undeclared reference", 4, 45),
    (HEAD + "params: {<<: {a: 1}}\n" + RULES, "'<<' is no parameter name", 4, 10),
    (HEAD + "? [a]\n: 1\n" + RULES, "A key must be a word", 4, 3),
    (rule('"true"', message='"1"'), "gives INT, not STRING", 7, 14),
    (rule('"true"', more="    controls: eu\n"), "must be a list", 8, 15),
    (rule('"true"', more="    unknownPasses: ''\n"), "unknownPasses is empty", 8, 20),
    (
        rule('"true"', more="    otherwise: {when: 'true', verdict: pass, role: risk}\n"),
        "no verdict of otherwise",
        8,
        40,
    ),
    (rule('"true"', more="    otherwise: {when: 'true', verdict: ask, role: nobody}\n"), "'nobody' is no role", 8, 51),
    (
        rule("|\n      facts.model.risk_tier == 'high' &&\n      facts.baias.size() > 0"),
        "undefined field 'baias'",
        8,
        12,
    ),
    (rule('"true"', more="tests: [{name: t, facts: {bias: 3}, expect: pass}]\n"), "Must be a list", 8, 26),
    (rule('"true"', more="tests: [{name: t, facts: {baias: []}, expect: pass}]\n"), "no such fact", 8, 26),
    (rule('"true"', more="tests: [{name: t, facts: {}, expect: {two: pass}}]\n"), "cannot be expected", 8, 38),
    (rule('"true"', more="tests: [{name: t, facts: {}, expect: fine}]\n"), "cannot be expected", 8, 38),
    ("a: " + "[" * 40 + "]" * 40, "nested too deeply", 1, 27),
    ("x" * 200_000, "the limit is 100000", 1, 1),
    ("a: 1\n---\nb: 2\n", "A second document", 2, 1),
]


@pytest.mark.parametrize(("text", "message", "line", "column"), BAD, ids=[row[1][:30] for row in BAD])
def test_mistake_is_refused_with_its_place(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(text)
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column), caught.value.caret_text


def test_error_shows_a_caret_under_the_place() -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(rule('"facts.baias.size() > 0"'), filename="p.yaml")
    shown = caught.value.caret_text.split("\n")
    assert shown[0].startswith("p.yaml:6:20: ")
    assert shown[1][shown[2].index("^")] == "."


def test_bomb_of_aliases_does_not_unfold() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    with pytest.raises(PolicyError, match="Anchors"):
        load_policy("\n".join(lines))
