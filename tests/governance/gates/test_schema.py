"""Facts schemas: the old one is frozen and still read, the new one holds all of it, another is refused by name."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum

import pytest
from jsonschema import Draft202012Validator

from governance.gates.attested import ATTESTED, read_section
from governance.gates.descriptors import messages_by_path
from governance.gates.errors import FactsError
from governance.gates.evaluate import evaluate
from governance.gates.facts import parse_facts, read_facts
from governance.gates.facts_docs import facts_reference_markdown, json_schema
from governance.gates.policy import load_policy
from governance.gates.replay import replay
from governance.gates.schema import FACTS, FACTS_SCHEMA, SCHEMAS, narrowed, schema_of
from governance.gates.shapes import Message

FIRST, SECOND = "gatehouse.facts/1", "gatehouse.facts/2"
# Released schemas never change. A new fact needs a new version, not another digest here.
FROZEN = {
    FIRST: "5075630a781dda960b7815ce102c8ff6a06437fc8f7f3531c7de2aadec66c1c4",
    SECOND: "f2c44369db0db560fec97914194a5c19534d0d7669dca5815bf71c9855d22c68",
}
RULE = """
apiVersion: gatehouse/v1
kind: Policy
metadata: {name: fresh, owner: risk, description: Accuracy is known.}
rules:
  - id: known
    require: "facts.metrics.exists(m, m.name == 'accuracy')"
    message: "'Accuracy is not measured.'"
"""


def paths(message: Message, prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for field in message.fields:
        name = prefix + field.name
        found[name] = f"{field.kind}{' list' if field.repeated else ''}"
        if field.message:
            found |= {f"{name} by": ", ".join(field.message.key)}
            found |= paths(field.message, f"{name}.")
    return found


@pytest.mark.parametrize("name", FROZEN)
def test_released_schema_is_frozen(name: str) -> None:
    assert hashlib.sha256(json.dumps(json_schema(name), sort_keys=True).encode()).hexdigest() == FROZEN[name]


def test_newer_schema_holds_all_of_the_older_one_with_the_same_types() -> None:
    for older, newer in zip(list(SCHEMAS), list(SCHEMAS)[1:], strict=False):
        before, after = paths(SCHEMAS[older]), paths(SCHEMAS[newer])
        assert {name: kind for name, kind in after.items() if name in before} == before
    assert (FACTS_SCHEMA, SCHEMAS[FACTS_SCHEMA]) == (SECOND, FACTS)
    assert len(messages_by_path()) > 20


def test_document_is_read_by_the_schema_that_it_names() -> None:
    row = '"metrics": [{"name": "accuracy", "measured_at": "2026-11-24T05:00:00Z"}]'
    assert parse_facts(f'{{"schema": "{SECOND}", {row}}}')["metrics"][0]["measured_at"]
    with pytest.raises(FactsError) as caught:
        parse_facts(f'{{"schema": "{FIRST}", {row}}}')
    assert caught.value.path == "metrics[0].measured_at"
    assert schema_of({"schema": FIRST}) == FIRST
    assert schema_of({}) == SECOND


def test_text_of_a_class_of_its_own_is_read_as_plain_text() -> None:
    class Place(StrEnum):
        LIVE = "live"

    found = read_facts({"schema": SECOND, "subject": {"moment": Place.LIVE}})["subject"]["moment"]
    assert (type(found), found) == (str, "live")


def test_newer_schema_is_refused_by_name() -> None:
    with pytest.raises(FactsError) as caught:
        schema_of({"schema": "gatehouse.facts/3"})
    assert "gatehouse.facts/1 and gatehouse.facts/2, not 'gatehouse.facts/3'" in caught.value.message


def test_decision_names_the_schema_of_its_document_and_replays_with_it() -> None:
    policy = load_policy(RULE)
    for name in SCHEMAS:
        facts = read_facts({"schema": name, "metrics": [{"name": "accuracy", "split": "test", "segment": "all"}]})
        result = evaluate([policy], facts)
        assert result.document()["facts_schema"] == name
        again = replay(json.dumps(facts), [RULE], result.canonical)
        assert (again.identical, again.text) == (True, "identical")


def test_narrowed_drops_what_came_later_and_nothing_else() -> None:
    known = {"name": "accuracy", "split": "test", "segment": "all", "value": 0.9}
    newer = {
        "schema": SECOND,
        "subject": {"model": "m", "moment": "live"},
        "metrics": [{**known, "measured_at": "2026-11-24T05:00:00Z"}],
        "baseline_metrics": [],
        "risk": {"residual": "low", "evidence": "AT-1"},
    }
    older = narrowed(newer, FIRST)
    assert older == {
        "schema": FIRST,
        "subject": {"model": "m"},
        "metrics": [known],
        "baseline_metrics": [],
        "risk": {"residual": "low"},
    }
    assert read_facts(older).digest == read_facts(narrowed(older, FIRST)).digest


@pytest.mark.parametrize("name", SCHEMAS)
def test_json_schema_of_each_version(name: str) -> None:
    schema = json_schema(name)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert list(validator.iter_errors({"schema": name, "bias": []})) == []
    other = next(one for one in SCHEMAS if one != name)
    assert list(validator.iter_errors({"schema": other}))


def test_reference_marks_what_came_later() -> None:
    text = facts_reference_markdown()
    assert "| `moment` *since 2* | string |" in text
    assert "| `model` | string |" in text


def test_every_attested_section_is_of_the_schema() -> None:
    for section, one in ATTESTED.items():
        message = FACTS.by_name[section].message
        assert message is not None
        assert set(one.fields) <= {field.name for field in message.fields}
        assert set(one.key) <= set(one.fields)
        assert set(one.about) <= {"model", "version", "endpoint"}
        assert "evidence" not in one.fields


def test_attested_value_gets_exact_types_and_the_key_of_its_row() -> None:
    assert read_section("reviews", {"kind": "annual", "done_at": "2026-11-01T00:00:00Z"})[0] == "annual"
    key, value = read_section("telemetry", {"psi": 0, "calls": 7})
    assert (key, type(value["psi"]), type(value["calls"])) == ("", float, int)
    assert read_section("provider", {}) == ("", {})


# section, value, path, part of the message
BAD_SECTIONS = [
    ("metrics", {"name": "x"}, "section", "cannot be attested"),
    ("risk", [], "value", "Must be an object"),
    ("risk", {"residual": 3}, "risk.residual", "Must be text"),
    ("risk", {"mitigations_open": 1.0}, "risk.mitigations_open", "whole number"),
    ("risk", {"mitigations_open": -1}, "risk.mitigations_open", "below 0"),
    ("risk", {"evidence": "AT-1"}, "risk.evidence", "Cannot be attested"),
    ("risk", {"assessed_at": "yesterday"}, "risk.assessed_at", "not a UTC time"),
    ("artifacts", {"scan": "clean"}, "artifacts.name", "names the row"),
    ("artifacts", {"name": "w", "stored": True}, "artifacts.stored", "Cannot be attested"),
    ("artifacts", {"name": "w", "signature": {"verified": "yes"}}, "artifacts[0].signature.verified", "true or false"),
    ("reviews", {"kind": " "}, "reviews.kind", "names the row"),
    ("telemetry", {"availability": 1.5}, "telemetry.availability", "above 1"),
    ("endpoint", {"slo": {"availability": 99.5}}, "endpoint.slo.availability", "above 1"),
    ("endpoint", {"regions": ["eu"]}, "endpoint.regions", "Cannot be attested"),
    ("training", {"cost": {"amount": -1, "currency": "EUR"}}, "training.cost.amount", "below 0"),
    ("provider", {"attestations": [{"kind": "a"}, {"kind": "a"}]}, "provider.attestations[1]", "second row"),
]


@pytest.mark.parametrize(("section", "value", "path", "message"), BAD_SECTIONS)
def test_attested_value_is_refused_with_its_place(section: str, value: object, path: str, message: str) -> None:
    with pytest.raises(FactsError) as caught:
        read_section(section, value)
    assert (caught.value.path, message in caught.value.message) == (path, True)
