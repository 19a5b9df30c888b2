"""Evaluation ends, whatever the policy and the document: size, depth, steps, and what belongs to a worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from governance.gates import bounds
from governance.gates.errors import GateError, PolicyError
from governance.gates.evaluate import Result, evaluate
from governance.gates.facts import Facts, read_facts
from governance.gates.policy import load_policy
from tests.governance.gates.test_bad_policies import HEAD, RULES, rule

PATIENCE = 5.0


def seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def refused(text: str) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        load_policy(text)
    return caught.value


EVIL = {
    "ten megabytes": "x" * 10_000_000,
    "brackets": f"{HEAD}x: {'[' * 90_000}",
    "braces": "{a: " * 24_000,
    "dashes": "- " * 49_000,
    "questions": "? " * 49_000,
    "keys": HEAD + "".join(f"k{i}: 1\n" for i in range(9_000)),
    "words": f"a: {'x ' * 49_000}",
    "quotes": f'"{chr(92) * 99_000}',
    "anchors": "&a " * 30_000,
    "tags": "!" * 99_000,
    "comments": "#" * 99_000,
    "colons": ": " * 49_000,
    "blank lines": f"{HEAD}x: |\n{' ' * 1}" + "\n " * 49_000,
    "returns": "\r" * 99_000,
    "documents": "---\n" * 24_000,
    "rules": f"{HEAD}rules:\n" + "".join(f"- {{id: a{i}}}\n" for i in range(5_000)),
    "digits": f"{HEAD}params: {{a: {{type: int, default: {'1' * 90_000}}}}}\n{RULES}",
    "parentheses": rule("'" + "(" * 1900 + "true" + ")" * 1900 + "'"),
    "loops": rule("'" + "[1].all(a," * 300 + "true" + ")" * 300 + "'"),
    "lists": rule("'" + "[" * 1900 + "]" * 1900 + " == []'"),
    "sums": rule("'" + "1+" * 1900 + "1 > 0'"),
    "choices": rule("'" + "true ? true : " * 250 + "true'"),
    "look-alikes": rule("'" + "а" * 3900 + "'"),
}


@pytest.mark.parametrize("text", EVIL.values(), ids=list(EVIL))
def test_hostile_text_is_refused_quickly_with_its_place(text: str) -> None:
    assert seconds(lambda: refused(text)) < PATIENCE
    error = refused(text)
    assert error.line >= 1
    assert error.column >= 1
    assert len(error.message) < 500


def decide(text: str, facts: Facts) -> Result:
    return evaluate([load_policy(text)], facts)


def large() -> Facts:
    """As much as a document may hold: 2,000 rows, long texts."""
    rows: list[dict[str, Any]] = [
        {"name": f"m{i}", "split": "test", "segment": "all", "value": 0.5, "n": i} for i in range(2000)
    ]
    uses = [f"{'u' * 100}{i}" for i in range(2000)]
    long = {"template": "a" * 20_000}
    return read_facts({"metrics": rows, "model": {"intended_use": uses}, "card": long}, partial=True)


DEAR = {
    "a long text for every row": "facts.metrics.map(m, facts.card.template + m.name).size() > 0",
    "texts in texts": "facts.metrics.map(m, facts.card.template.replace('a', facts.card.template)).size() > 0",
    "a list searched for every row": "facts.metrics.all(m, facts.model.intended_use.exists(u, u == m.name) || true)",
    "in": "facts.metrics.all(m, !(m.name in facts.model.intended_use))",
    "a pattern on long texts": "facts.metrics.all(m, facts.card.template.matches('(a?){30}(a+)+$'))",
    "four loops": "facts.metrics.all(a, facts.metrics.all(b, facts.metrics.all(c, a.n + b.n + c.n >= 0)))",
    "lists of lists": "facts.metrics.map(a, facts.metrics.map(b, b.name + facts.card.template)).size() > 0",
    "a joined text": "facts.model.intended_use.map(u, facts.card.template).join(facts.card.template).size() > 0",
}


@pytest.mark.parametrize("require", DEAR.values(), ids=list(DEAR))
def test_dear_rule_ends_within_the_bound(require: str) -> None:
    document = large()
    policy = load_policy(rule(f'"{require}"'))
    assert seconds(lambda: evaluate([policy], document)) < PATIENCE
    assert evaluate([policy], document).verdict in ("pass", "fail", "unknown")


def test_rule_that_could_cost_too_much_is_unknown_and_says_so() -> None:
    text = rule(f'"{DEAR["texts in texts"]}"')
    result = decide(text, large())
    assert result.verdict == "unknown"
    assert "The rule is not evaluated: a value in it could have" in result.rules[0].message
    # The same rule over a small document is evaluated.
    metric = {"name": "a", "split": "test", "segment": "all"}
    assert decide(text, read_facts({"metrics": [metric], "card": {"template": "ab"}}, partial=True)).verdict == "pass"


def test_variables_that_double_do_not_grow_without_end() -> None:
    first = "facts.card.template"
    lines = [
        f"  - {{name: v{i}, expression: '{f'variables.v{i - 1} + variables.v{i - 1}' if i else first}'}}\n"
        for i in range(50)
    ]
    text = rule('"variables.v49.size() > 0"', more="variables:\n" + "".join(lines))
    document = read_facts({"card": {"template": "a" * 20_000}}, partial=True)
    assert seconds(lambda: decide(text, document)) < PATIENCE
    result = decide(text, document)
    assert result.verdict == "unknown"
    assert "characters" in result.rules[0].message
    lists = text.replace(first, "facts.model.intended_use")
    uses = read_facts({"model": {"intended_use": [str(i) for i in range(2000)]}}, partial=True)
    assert decide(lists, uses).verdict == "unknown"


def test_ordinary_policies_fit_a_web_process_and_dear_ones_go_to_a_worker() -> None:
    cheap = load_policy(rule('"facts.metrics.all(m, m.value > 0.1)"'))
    document = large()
    assert bounds.fits_web([cheap], document)
    assert bounds.cost_estimate([cheap], document) < bounds.cost_estimate([cheap] * 2, document)
    pairs = load_policy(rule('"facts.metrics.all(a, !(a.name in facts.model.intended_use))"'))
    assert not bounds.fits_web([pairs], document)
    assert bounds.fits_web([pairs], read_facts({"metrics": [], "model": {"intended_use": ["a"]}}, partial=True))


def test_estimate_is_not_below_what_is_measured() -> None:
    document = large()
    for require in (
        "facts.metrics.all(m, m.value > 0.1 && m.n >= 0)",
        "facts.metrics.filter(m, m.n >= 0).size() > 0",
        "facts.metrics.map(m, m.name + 'x').size() > 0",
        "facts.metrics.all(m, !(m.name in facts.model.intended_use))",
    ):
        policy = load_policy(rule(f'"{require}"'))
        evaluate([policy], document)
        took = min(seconds(lambda p=policy: evaluate([p], document)) for _ in range(3))
        # A step is meant as 50 ns; a busy machine may take ten times as long.
        assert took < bounds.cost_estimate([policy], document) * 50e-9 * 10 + 0.1, require


def test_document_beyond_its_limits_is_refused() -> None:
    for sections in (
        {"metrics": [{"n": i} for i in range(2001)]},
        {"card": {"template": "a" * 20_001}},
        {"model": {"intended_use": ["a" * 1000] * 2000}},
    ):
        with pytest.raises(GateError):
            read_facts(sections, partial=True)
