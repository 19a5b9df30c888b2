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
    (rule('"fаcts.card.complete"'), "CYRILLIC SMALL LETTER A", 6, 16),
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
    (rule('"true"', more="tests: [{name: t, facts: {bias: 3}, expect: pass}]\n"), "Must be a list", 8, 33),
    (rule('"true"', more="tests: [{name: t, facts: {baias: []}, expect: pass}]\n"), "no such fact", 8, 34),
    (rule('"true"', more="tests: [{name: t, facts: {}, expect: {two: pass}}]\n"), "cannot be expected", 8, 38),
    (rule('"true"', more="tests: [{name: t, facts: {}, expect: fine}]\n"), "cannot be expected", 8, 38),
    ("a: " + "[" * 40 + "]" * 40, "nested too deeply", 1, 27),
    ("x" * 200_000, "the limit is 100000", 1, 1),
    ("a: 1\n---\nb: 2\n", "A second document", 2, 1),
    # Shapes that are not what they should be.
    ("12\n", "must be a mapping", 1, 1),
    (HEAD + "params: 3\n" + RULES, "params must be a mapping", 4, 9),
    (HEAD + "params: {a: 3}\n" + RULES, "Parameter 'a' must be a mapping", 4, 13),
    (HEAD + "variables: {a: b}\n" + RULES, "variables must be a list", 4, 12),
    (HEAD + "variables: [a]\n" + RULES, "A variable must be a mapping", 4, 13),
    (HEAD + "variables: [{name: a, expression: 3}]\n" + RULES, "An expression must be text", 4, 35),
    (HEAD + "variables: [{name: a, expression: ' '}]\n" + RULES, "An expression is empty", 4, 35),
    (HEAD + "variables: [{name: 1, expression: '1'}]\n" + RULES, "The variable's name must be text", 4, 20),
    (
        HEAD + "variables: [{name: a, expression: '1'}, {name: a, expression: '2'}]\n" + RULES,
        "no new variable name",
        4,
        48,
    ),
    (HEAD + "rules: {one: 1}\n", "rules must be a list", 4, 8),
    (HEAD + "rules: [one]\n", "A rule must be a mapping", 4, 9),
    (HEAD + "rules:\n" + "  - {id: a, require: 'true', message: \"'m'\"}\n" * 101, "1 to 100 rules", 5, 3),
    (HEAD + "rules: [{id: one, message: \"'m'\"}]\n", "lacks 'require'", 4, 9),
    (HEAD + "rules: [{id: one, require: 'true'}]\n", "lacks 'message'", 4, 9),
    (HEAD.replace("Policy", "[Policy]") + RULES, "kind is a list", 2, 7),
    (HEAD.replace("owner: risk", "owner: {a: risk}") + RULES, "a mapping is no role", 3, 28),
    (HEAD.replace("name: p,", "name: 1,") + RULES, "metadata.name must be text", 3, 18),
    (HEAD.replace("name: p, ", "") + RULES, "metadata lacks 'name'", 3, 11),
    (HEAD + "enforcement: [block]\n" + RULES, "a list is no enforcement", 4, 14),
    (HEAD + "enforcement: {from: '2027-01-01'}\n" + RULES, "lacks 'mode'", 4, 14),
    (HEAD + "enforcement: {mode: advisory, from: '2027-01-01'}\n" + RULES, "Only block begins at a date", 4, 14),
    (HEAD + "enforcement: {mode: block, from: '20270101'}\n" + RULES, "from is no date", 4, 34),
    (HEAD + "params: {a: {type: [int], default: 1}}\n" + RULES, "a list is no type of a parameter", 4, 20),
    (HEAD + "params: {enforcement: {type: int, default: 1}}\n" + RULES, "is no parameter name", 4, 10),
    (HEAD + "approvals: legal\n" + RULES, "approvals must be a list", 4, 12),
    (
        rule('"true"', more="    otherwise: {when: 'true', verdict: [ask], role: risk}\n"),
        "a list is no verdict of otherwise",
        8,
        40,
    ),
    (rule('"true"', more="    otherwise: {verdict: ask, role: risk}\n"), "otherwise lacks 'when'", 8, 16),
    (
        rule('"true"', more="    otherwise: {when: 'facts.card.nope', verdict: ask, role: risk}\n"),
        "undefined field 'nope'",
        8,
        34,
    ),
    (rule('"true"', more="    emptyPasses: true\n"), "emptyPasses must be text", 8, 18),
    (rule('"true"', more="    title: ' '\n"), "title is empty", 8, 12),
    # Selectors, dates and ages.
    (HEAD + "appliesTo: {riskTier: []}\n" + RULES, "appliesTo.riskTier is empty", 4, 23),
    (HEAD + "appliesTo: {riskTier: [true]}\n" + RULES, "appliesTo.riskTier must be text", 4, 24),
    (HEAD + "appliesTo: {moment: [never]}\n" + RULES, "'never' is no moment", 4, 22),
    (HEAD + "appliesTo: {affectsLegalOrSafety: ['yes']}\n" + RULES, "holds 'yes'", 4, 36),
    (HEAD.replace("owner", "reviewBy: soon, owner") + RULES, "reviewBy is no date", 3, 31),
    (HEAD.replace("owner", "reviewBy: 2027-06-30, owner") + RULES, "a number or a date", 3, 31),
    (HEAD.replace("owner", "reviewBy: '2027-02-30', owner") + RULES, "reviewBy is no date", 3, 31),
    (HEAD.replace("owner", "reviewBy: '2027-W01-1', owner") + RULES, "reviewBy is no date", 3, 31),
    (HEAD + "freshness: 90d\n" + RULES, "freshness must be a mapping", 4, 12),
    (HEAD + "freshness: {bias: 90}\n" + RULES, "90 is no limit of age", 4, 19),
    (HEAD + "freshness: {bias: 0d}\n" + RULES, "'0d' is no limit of age", 4, 19),
    (HEAD + "freshness: {bias: 12h}\n" + RULES, "'12h' is no limit of age", 4, 19),
    (HEAD + "freshness: {bais: 90d}\n" + RULES, "freshness has no list 'bais'", 4, 13),
    (HEAD + "freshness: {datasets: 90d}\n" + RULES, "freshness has no list 'datasets'", 4, 13),
    # Numbers that are none, or not the same to every reader.
    (HEAD + "params: {a: {type: double, default: .nan}}\n" + RULES, "'.nan', which is no double", 4, 37),
    (HEAD + "params: {a: {type: double, default: -.inf}}\n" + RULES, "'-.inf', which is no double", 4, 37),
    (HEAD + "params: {a: {type: double, default: 'NaN'}}\n" + RULES, "'NaN', which is no double", 4, 37),
    (HEAD + f"params: {{a: {{type: double, default: {'1' * 400}.0}}}}\n" + RULES, "not exact everywhere", 4, 37),
    (HEAD + f"params: {{a: {{type: int, default: {'1' * 5000}}}}}\n" + RULES, "not exact everywhere", 4, 34),
    (HEAD + "params: {a: {type: int, default: 9007199254740993}}\n" + RULES, "not exact everywhere", 4, 34),
    (HEAD + "params: {a: {type: int, default: true}}\n" + RULES, "which is no int", 4, 34),
    (HEAD + "params: {a: {type: bool, default: 1}}\n" + RULES, "which is no bool", 4, 35),
    (HEAD + "params: {a: {type: string, default: 1}}\n" + RULES, "which is no string", 4, 37),
    (rule('"1.0 / facts.training.budget > 0.5"'), "A division by zero gives infinity", 6, 19),
    (rule('"facts.training.budget / 0.0 > 0.5"'), "A division by zero gives infinity", 6, 37),
    (rule('"!(double(facts.card.template) > 1.0)"'), "no number (NaN)", 6, 17),
    (rule('"!(math.sqrt(facts.training.budget) > 1.0)"'), "no number (NaN)", 6, 22),
    (rule('"9223372036854775808 > 0"'), "invalid int literal", 6, 15),
    # Letters that only look right.
    (rule("\"facts.mоdel.risk_tier == 'a'\""), "'о' is CYRILLIC SMALL LETTER O", 6, 22),
    (rule('"ｆacts.card.complete"'), "'ｆ' is FULLWIDTH LATIN SMALL LETTER F", 6, 15),
    (rule('"facts.card\u200b.complete"'), "ZERO WIDTH SPACE", 6, 25),
    (rule('"true"').replace("require", "rеquire"), "A rule has no key 'rеquire'", 6, 5),
    (HEAD.replace("name: p,", "name: pоlicy,") + RULES, "'pоlicy' is no name", 3, 18),
    # Patterns.
    (rule('"facts.card.template.matches(facts.training.region)"'), "The pattern is not written out", 6, 35),
    (rule("\"facts.card.template.matches('(a{1000}){1000}')\""), "repeats too often", 6, 35),
    (rule("\"facts.card.template.matches('" + "a" * 300 + "')\""), "too long", 6, 35),
    (rule("\"facts.card.template.matches('(a')\""), "no regular expression", 6, 43),
    # What is refused in variables, otherwise and messages too.
    (HEAD + "variables: [{name: a, expression: 'has(facts.card)'}]\n" + RULES, "has() lets the unknown", 4, 36),
    (HEAD + "variables: [{name: a, expression: 'facts.bias[0]'}]\n" + RULES, "An element by number", 4, 46),
    (
        rule('"true"', more="    otherwise: {when: 'has(facts.card)', verdict: ask, role: risk}\n"),
        "has() lets the unknown through",
        8,
        24,
    ),
    (rule('"true"', message="\"'%s'.format([facts.card])\""), "A whole section", 7, 20),
    (rule('"true"', message='"string(facts.bias[0].n)"'), "An element by number", 7, 32),
    (
        HEAD + "variables: [{name: a, expression: 'variables.b'}, {name: b, expression: 'variables.a'}]\n" + RULES,
        "undeclared reference to 'variables.b'",
        4,
        45,
    ),
    # Unread YAML.
    ("\ta: 1\n", "cannot start any token", 1, 1),
    (HEAD + "x: \x07\n", "special characters", 4, 4),
    (HEAD.replace("A policy.", '"\\ud800"') + RULES, "half a surrogate", 3, 47),
    (HEAD.replace("A policy.", '"\\0"') + RULES, "NUL", 3, 47),
    (HEAD + "enforcement: ~\n" + RULES, "'~' is read differently", 4, 14),
    (HEAD + "enforcement:\n" + RULES, "'nothing' is read differently", 4, 13),
    (HEAD + "enforcement: 1_000\n" + RULES, "1_000 is a number or a date", 4, 14),
    (HEAD + "enforcement: 0x1F\n" + RULES, "0x1F is a number or a date", 4, 14),
    (HEAD + "x: " + "{a: " * 40, "nested too deeply", 4, 96),
    (HEAD + "x: [" + "1, " * 25_000 + "]\n", "holds too many values", 4, 59954),
    # Tests of the policy.
    (rule('"true"', more="tests: [{name: t, facts: {}, expect: [pass]}]\n"), "expect must be a mapping", 8, 38),
    (rule('"true"', more="tests: [{name: t, facts: {}, expect: {one: [pass]}}]\n"), "cannot be expected", 8, 38),
    (rule('"true"', more="tests: [{name: t, facts: [1], expect: pass}]\n"), "is an object, not a list", 8, 26),
    (rule('"true"', more="tests: [{name: t, expect: pass}]\n"), "lacks 'facts'", 8, 9),
    (rule('"true"', more="tests: [{name: t, facts: {}, params: [1], expect: pass}]\n"), "params must be", 8, 38),
    (
        rule('"true"', more="tests: [{name: t, facts: {schema: gatehouse.facts/9}, expect: pass}]\n"),
        "not 'gatehouse.facts/9'",
        8,
        35,
    ),
    (
        rule('"true"', more="tests: [{name: t, facts: {bias: [{n: 1}, {n: 1.5}]}, expect: pass}]\n"),
        "Must be a whole number",
        8,
        46,
    ),
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
