"""What must hold of every policy and every document: the unknown never helps, order never counts."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.gates.evaluate import Result, evaluate
from governance.gates.facts import read_facts
from governance.gates.policy import Policy, load_policy

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "governance" / "library"
FILES = [path for path in sorted(LIBRARY.rglob("*.yaml")) if "\nkind: Policy\n" in path.read_text()]
STARTERS = list({policy.name: policy for policy in (load_policy(path.read_text()) for path in FILES)}.values())
MANY = settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
SOME = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
FEW = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))

# ---------------------------------------------------------------------- rules
WORDS = ["high", "limited", "eu-central-1", "us-east-1", "train", "test", "sex", "race"]
BOOLS = ["facts.card.complete", "facts.card.approved", "facts.model.affects_legal_or_safety"]
TEXTS = ["facts.model.risk_tier", "facts.training.region", "facts.card.template"]
NUMBERS = ["facts.training.budget", "facts.telemetry.psi", "facts.endpoint.slo.availability"]
COUNTS = ["facts.risk.mitigations_open", "facts.ledger_index", "variables.judged.size()", "variables.few"]
# list, the loop's bools, texts, numbers and counts
LISTS = {
    "facts.bias": ([], ["r.attribute", "r.group"], ["r.ratio", "r.ratio_lower"], ["r.n"]),
    "variables.judged": ([], ["r.attribute", "r.group"], ["r.ratio", "r.ratio_lower"], ["r.n"]),
    "variables.low": ([], ["r.attribute", "r.group"], ["r.ratio"], ["r.n"]),
    "facts.datasets": (["r.contains_personal_data"], ["r.role", "r.residency"], [], ["r.rows"]),
    "facts.model.intended_use": ([], ["r"], [], []),
}


def atoms(bools: list[str], texts: list[str], numbers: list[str], counts: list[str]) -> st.SearchStrategy[str]:
    word = st.sampled_from(WORDS).map(lambda text: f"'{text}'")
    kinds = []
    if bools:
        kinds.append(st.sampled_from(bools))
    if texts:
        text = st.sampled_from(texts)
        kinds.append(st.tuples(text, st.sampled_from(["==", "!=", "<"]), word).map(" ".join))
        kinds.append(st.tuples(text, word, word).map(lambda one: f"{one[0]} in [{one[1]}, {one[2]}]"))
        kinds.append(text.map(lambda one: f"{one}.startsWith('eu-')"))
    compare = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    if numbers:
        kinds.append(
            st.tuples(st.sampled_from(numbers), compare, st.sampled_from(["0.5", "0.8", "params.limit"])).map(" ".join)
        )
    if counts:
        kinds.append(
            st.tuples(st.sampled_from(counts), compare, st.sampled_from(["0", "1", "params.least"])).map(" ".join)
        )
    return st.one_of(kinds)


def combined(leaf: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            inner.map(lambda one: f"!({one})"),
            st.tuples(inner, st.sampled_from(["&&", "||", "==", "!="]), inner).map(
                lambda one: f"({one[0]}) {one[1]} ({one[2]})"
            ),
            st.tuples(inner, inner, inner).map(lambda one: f"(({one[0]}) ? ({one[1]}) : ({one[2]}))"),
        ),
        max_leaves=4,
    )


@st.composite
def loops(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(sorted(LISTS)))
    inner = draw(combined(atoms(*LISTS[name])))
    form = draw(st.sampled_from(["all", "exists", "exists_one", "filter", "in"]))
    if form == "filter":
        return f"{name}.filter(r, {inner}).size() {draw(st.sampled_from(['==', '>', '<']))} 1"
    if form == "in" and name == "facts.model.intended_use":
        return f"'{draw(st.sampled_from(WORDS))}' in {name}"
    return f"{name}.{'exists' if form == 'in' else form}(r, {inner})"


RULES = combined(st.one_of(atoms(BOOLS, TEXTS, NUMBERS, COUNTS), loops()))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    quoted = json.dumps
    lines = [
        "apiVersion: gatehouse/v1",
        "kind: Policy",
        "metadata: {name: generated, owner: risk, description: Generated.}",
        "params: {limit: {type: double, default: 0.8}, least: {type: int, default: 100}}",
        "variables:",
        '  - {name: judged, expression: "facts.bias.filter(b, b.n >= params.least && b.ratio != 0.7)"}',
        '  - {name: low, expression: "variables.judged.filter(b, !(b.ratio >= params.limit))"}',
        '  - {name: few, expression: "facts.bias.filter(b, b.n < params.least).size() - variables.low.size()"}',
    ]
    lines += draw(
        st.lists(
            st.sampled_from(
                [
                    "appliesTo: {riskTier: [high, limited], target: [production]}",
                    "freshness: {bias: 90d}",
                    "enforcement: {mode: block, from: '2026-01-01'}",
                ]
            ),
            unique=True,
        )
    )
    lines.append("rules:")
    for number in range(draw(st.integers(1, 2))):
        lines += [f"  - id: r{number}", f"    require: {quoted(draw(RULES))}", "    message: \"'no'\""]
        if draw(st.booleans()):
            lines.append(f"    otherwise: {{when: {quoted(draw(RULES))}, verdict: ask, role: legal}}")
        if draw(st.booleans()):
            lines.append("    emptyPasses: Generated.")
    return load_policy("\n".join(lines) + "\n")


# ------------------------------------------------------------------ documents
def maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


WORD, NUMBER, COUNT = (
    st.sampled_from(WORDS),
    st.sampled_from([0.3, 0.5, 0.8, 0.95, 1.0]),
    st.sampled_from([0, 1, 99, 100]),
)
BIAS = st.lists(
    maybe(
        attribute=st.sampled_from(["sex", "race"]),
        group=WORD,
        n=COUNT,
        ratio=NUMBER,
        ratio_lower=NUMBER,
        measured_at=st.sampled_from(["2026-11-01T00:00:00Z", "2020-01-01T00:00:00Z"]),
    ),
    max_size=3,
    unique_by=lambda row: (row.get("attribute"), row.get("group")),
)
CHANGES = st.lists(
    maybe(attribute=st.sampled_from(["sex", "age"]), group=WORD, n=COUNT, ratio=NUMBER, ratio_change=st.just(-0.2)),
    max_size=3,
    unique_by=lambda row: (row.get("attribute"), row.get("group")),
)
METRIC = st.lists(
    maybe(name=st.just("accuracy"), split=st.just("test"), segment=st.just("all"), value=NUMBER), max_size=1
)
DOCUMENTS = maybe(
    evaluated_at=st.just("2026-11-25T00:00:00Z"),
    subject=maybe(target=st.sampled_from(["production", "staging"])),
    model=maybe(
        risk_tier=st.sampled_from(["high", "limited", "minimal"]),
        affects_legal_or_safety=st.booleans(),
        intended_use=st.lists(WORD, max_size=2),
    ),
    card=maybe(complete=st.booleans(), approved=st.booleans(), template=WORD),
    training=maybe(region=WORD, budget=NUMBER),
    telemetry=maybe(psi=NUMBER),
    endpoint=maybe(slo=maybe(availability=NUMBER), regions=st.lists(WORD, max_size=2)),
    risk=maybe(mitigations_open=COUNT),
    ledger_index=COUNT,
    bias=BIAS,
    bias_changes=CHANGES,
    odds_changes=st.lists(maybe(attribute=st.just("sex"), gap_change=NUMBER), max_size=1),
    metrics=METRIC,
    baseline_metrics=METRIC,
    datasets=st.lists(
        maybe(id=WORD, role=WORD, residency=WORD, rows=COUNT, contains_personal_data=st.booleans()),
        max_size=2,
        unique_by=lambda row: row.get("id"),
    ),
)


def without_one(value: Any) -> Iterator[Any]:
    """The document without one key, for every key at any depth. A row of a list is another fact: rows stay."""
    if isinstance(value, dict):
        for name in value:
            yield {key: item for key, item in value.items() if key != name}
        for name, item in value.items():
            for smaller in without_one(item):
                yield {**value, name: smaller}
    elif isinstance(value, list):
        for place, item in enumerate(value):
            for smaller in without_one(item):
                yield [*value[:place], smaller, *value[place + 1 :]]


def shuffled(value: Any, seed: int) -> Any:
    chance = random.Random(seed)
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)
        return {name: shuffled(value[name], seed + 1) for name in names}
    if isinstance(value, list):
        items = [shuffled(item, seed + 1) for item in value]
        chance.shuffle(items)
        return items
    return value


def decide(policy: list[Policy], document: dict[str, Any]) -> Result:
    return evaluate(policy, read_facts(document, partial=True))


def check_deletions(policy: list[Policy], document: dict[str, Any]) -> None:
    """No smaller document passes, as a whole, by a policy or by a rule, where the document itself does not."""
    before = decide(policy, document)
    passing = {(one.policy, one.id) for one in before.rules if one.verdict == "pass"}
    good = {one.name for one in before.policies if one.verdict == "pass"}
    for smaller in without_one(document):
        after = decide(policy, smaller)
        assert before.verdict == "pass" or after.verdict != "pass", smaller
        for one in after.rules:
            assert one.verdict != "pass" or (one.policy, one.id) in passing, (one, smaller)
        assert {one.name for one in after.policies if one.verdict == "pass"} <= good, smaller


@MANY
@given(policies(), DOCUMENTS)
def test_deleting_a_fact_never_makes_a_generated_rule_pass(policy: Policy, document: dict[str, Any]) -> None:
    check_deletions([policy], document)


@FEW
@given(DOCUMENTS)
def test_deleting_a_fact_never_makes_the_starters_pass(document: dict[str, Any]) -> None:
    check_deletions(STARTERS, document)


@pytest.mark.parametrize("policy", STARTERS, ids=lambda policy: policy.name)
def test_deleting_a_fact_of_a_case_never_makes_it_pass(policy: Policy) -> None:
    for case in policy.tests:
        check_deletions([policy], _subject_of(policy, case.facts))


def _subject_of(policy: Policy, facts: Any) -> dict[str, Any]:
    """The facts of a case, with a subject that the policy is for where the case names none."""
    found = {name: dict(value) if isinstance(value, dict) else value for name, value in facts.items()}
    found.setdefault("evaluated_at", "2026-11-25T00:00:00Z")
    for selector, section, name in (("riskTier", "model", "risk_tier"), ("target", "subject", "target")):
        if selector in policy.applies_to:
            found.setdefault(section, {}).setdefault(name, policy.applies_to[selector][0])
    return found


@FEW
@given(policies(), DOCUMENTS, st.integers(0, 2**16))
def test_order_of_lists_and_keys_decides_nothing(policy: Policy, document: dict[str, Any], seed: int) -> None:
    both = [policy, *STARTERS]
    one, other = decide(both, document), decide(both, shuffled(document, seed))
    assert {**one.document(), "facts_digest": ""} == {**other.document(), "facts_digest": ""}


@SOME
@given(policies(), DOCUMENTS)
def test_worst_rule_decides(policy: Policy, document: dict[str, Any]) -> None:
    result = decide([policy], document)
    verdicts = {one.verdict for one in result.rules}
    assert result.verdict == next((v for v in ("unknown", "fail", "ask", "pass") if v in verdicts), "not_applicable")
    for one in result.rules:
        assert one.message
        assert one.verdict == "unknown" or not one.missing


def test_bytes_are_the_same_under_other_hash_seeds() -> None:
    documents = [_subject_of(policy, case.facts) for policy in STARTERS for case in policy.tests]
    code = (
        "import json, sys\n"
        "from governance.gates.evaluate import evaluate\n"
        "from governance.gates.facts import read_facts\n"
        "from governance.gates.policy import load_policy\n"
        "sources, documents = json.load(sys.stdin)\n"
        "policies = [load_policy(source) for source in sources]\n"
        "for document in documents:\n"
        "    sys.stdout.buffer.write(evaluate(policies, read_facts(document, partial=True)).canonical + b'\\n')\n"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps([[policy.source for policy in STARTERS], documents]).encode(),
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "4242")
    }
    assert answers == {b"".join(decide(STARTERS, document).canonical + b"\n" for document in documents)}


def test_the_check_of_deletions_notices_a_rule_that_lets_the_unknown_through() -> None:
    guarded = load_policy(
        "apiVersion: gatehouse/v1\nkind: Policy\nmetadata: {name: p, owner: risk, description: A policy.}\n"
        'rules:\n  - id: one\n    require: "!has(facts.card.complete) || facts.card.complete"\n'
        "    message: \"'no'\"\n    unknownPasses: To see that the check works.\n"
    )
    with pytest.raises(AssertionError):
        check_deletions([guarded], {"card": {"complete": False}})
