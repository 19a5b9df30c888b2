"""The reader refuses what would make a rule see something else than what was sent, and names the place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from governance.gates.errors import FactsError
from governance.gates.facts import MAX_ROWS, parse_facts, read_facts
from governance.gates.facts_docs import facts_reference_markdown, json_schema
from tests.governance.gates.test_verdicts import ROOT


def one(section: str) -> str:
    return '{"schema": "gatehouse.facts/1", ' + section + "}"


# text, path, part of the message
BAD = [
    ("", "", "Not JSON"),
    ("[]", "", "is an object, not a list"),
    ('{"schema": "gatehouse.facts/3"}', "schema", "not 'gatehouse.facts/3'"),
    ('{"schema": 2}', "schema", "not 2"),
    ('{"schema": ["gatehouse.facts/2"]}', "schema", "not ['gatehouse.facts/2']"),
    ("{}", "schema", "names no schema"),
    (one('"a": NaN'), "", "NaN is not a JSON number"),
    (one('"telemetry": {"psi": Infinity}'), "", "Infinity is not a JSON number"),
    (one('"telemetry": {"psi": 1e999}'), "telemetry.psi", "not a finite number"),
    (one('"card": {"complete": true, "complete": false}'), "complete", "appears twice"),
    (one('"card": {"complete": "true"}'), "card.complete", "not text"),
    (one('"card": {"complete": 1}'), "card.complete", "not a whole number"),
    (one('"card": {"complete": null}'), "card.complete", "Is null"),
    (one('"cards": {}'), "cards", "no such fact"),
    (one('"саrd": {}'), "саrd", "no such fact"),
    (one('"bias": null'), "bias", "Must be a list, not null"),
    (one('"bias": {}'), "bias", "Must be a list, not an object"),
    (one('"bias": [{"n": 7.0}]'), "bias[0].n", "Must be a whole number"),
    (one('"bias": [{"n": "7"}]'), "bias[0].n", "Must be a whole number"),
    (one('"bias": [{"n": true}]'), "bias[0].n", "Must be a whole number"),
    (one('"bias": [{"n": 9007199254740993}]'), "bias[0].n", "beyond"),
    (one('"bias": [{"ratio": "0.5"}]'), "bias[0].ratio", "Must be a number"),
    (one('"bias": [{"ratio": true}]'), "bias[0].ratio", "Must be a number"),
    (one('"bias": [{"ratio_lower": 1, "ratioLower": 1}]'), "bias[0].ratioLower", "no such fact"),
    (one('"bias": [{"attribute": "a", "group": "b"}, {"attribute": "a", "group": "b"}]'), "bias[1]", "second row"),
    (one('"bias": [3]'), "bias[0]", "Must be an object"),
    (one(f'"bias": {json.dumps([{} for _ in range(MAX_ROWS + 1)])}'), "bias", f"limit is {MAX_ROWS}"),
    (one('"model": {"intended_use": "x"}'), "model.intended_use", "Must be a list"),
    (one('"evaluated_at": "yesterday"'), "evaluated_at", "not a UTC time"),
    (one('"evaluated_at": "2026-13-01T00:00:00Z"'), "evaluated_at", "not a UTC time"),
    (one('"evaluated_at": "2026-11-01T00:00:00+01:00"'), "evaluated_at", "not a UTC time"),
    (one('"provider": {"dpa_until": "2026-02-30"}'), "provider.dpa_until", "not a date"),
    (one('"artifacts": [{"sha256": "ABC"}]'), "artifacts[0].sha256", "not a SHA-256"),
    (one('"model": {"risk_tier": "\\u0000"}'), "model.risk_tier", "cannot be stored"),
    (one('"model": {"risk_tier": "\\ud800"}'), "model.risk_tier", "cannot be stored"),
    ("[" * 100_000, "", "nested too deeply"),
    (one('"ledger_index": ' + "9" * 5000), "", "Not JSON"),
]


@pytest.mark.parametrize(("text", "path", "message"), BAD, ids=[f"{i}-{row[2][:20]}" for i, row in enumerate(BAD)])
def test_document_is_refused_with_its_place(text: str, path: str, message: str) -> None:
    with pytest.raises(FactsError) as caught:
        parse_facts(text)
    assert message in caught.value.message
    assert caught.value.path == path


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(FactsError, match="not UTF-8"):
        parse_facts(b'{"schema": "\xff"}')


def test_double_written_as_whole_number_is_a_float() -> None:
    found = parse_facts(one('"bias": [{"ratio": 1, "n": 2}]'))
    assert [type(found["bias"][0][name]) for name in ("ratio", "n")] == [float, int]


def test_document_is_fixed_once_read() -> None:
    found = read_facts({"schema": "gatehouse.facts/1"})
    with pytest.raises(TypeError, match="fixed"):
        found["card"] = {}


def test_json_schema_accepts_what_the_reader_accepts() -> None:
    document: dict[str, Any] = {"schema": "gatehouse.facts/1", "bias": [{"attribute": "sex", "group": "F", "n": 3}]}
    validator = Draft202012Validator(json_schema("gatehouse.facts/1"))
    assert list(validator.iter_errors(document)) == []
    assert list(validator.iter_errors({**document, "cards": {}}))


def test_reference_page_is_the_schema() -> None:
    assert (ROOT / "docs" / "facts.md").read_text() == facts_reference_markdown()
