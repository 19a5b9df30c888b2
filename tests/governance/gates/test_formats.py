"""A decision as JUnit, SARIF and Markdown: well formed whatever stands in it, and nothing in it becomes markup."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.gates.evaluate import evaluate
from governance.gates.facts import read_facts
from governance.gates.formats import MAX_MARKDOWN, as_junit, as_markdown, as_sarif, cell
from governance.gates.policy import load_policy
from tests.governance.gates.test_bad_policies import rule

# The part of the published SARIF 2.1.0 schema that a reader of results relies on.
_TEXT: dict[str, Any] = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"enum": ["2.1.0"]},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "properties": {"type": "object"},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "additionalProperties": False,
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "additionalProperties": False,
                                "properties": {
                                    "name": {"type": "string"},
                                    "version": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "additionalProperties": False,
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": _TEXT,
                                                "fullDescription": _TEXT,
                                                "help": _TEXT,
                                                "defaultConfiguration": {
                                                    "type": "object",
                                                    "properties": {
                                                        "level": {"enum": ["none", "note", "warning", "error"]}
                                                    },
                                                },
                                                "properties": {
                                                    "type": "object",
                                                    "properties": {
                                                        "tags": {
                                                            "type": "array",
                                                            "uniqueItems": True,
                                                            "items": {"type": "string"},
                                                        }
                                                    },
                                                },
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message"],
                            "additionalProperties": False,
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": -1},
                                "kind": {"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": _TEXT,
                                "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
                                "properties": {"type": "object"},
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "additionalProperties": False,
                                        "properties": {
                                            "physicalLocation": {
                                                "type": "object",
                                                "required": ["artifactLocation"],
                                                "additionalProperties": False,
                                                "properties": {
                                                    "artifactLocation": {
                                                        "type": "object",
                                                        "properties": {"uri": {"type": "string"}},
                                                    },
                                                    "region": {
                                                        "type": "object",
                                                        "properties": {"startLine": {"type": "integer", "minimum": 1}},
                                                    },
                                                },
                                            },
                                            "logicalLocations": {"type": "array", "uniqueItems": True},
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}


def one(verdict: str, **more: Any) -> dict[str, Any]:
    base = {"policy": "p", "id": f"r-{verdict.replace('_', '-')}", "title": "A rule", "verdict": verdict}
    base |= {"message": f"It is {verdict}.", "role": "legal" if verdict == "ask" else "", "enforcement": "block"}
    return base | {"controls": ["eu-ai-act/15"], "facts": [], "missing": []} | more


def document(*rules: dict[str, Any], verdict: str = "fail") -> dict[str, Any]:
    return {
        "schema": "gatehouse.decision/1",
        "engine": "e",
        "verdict": verdict,
        "facts_digest": "0" * 64,
        "rules": rules,
    }


ALL = document(*(one(verdict) for verdict in ("pass", "fail", "ask", "unknown", "not_applicable")))


def test_junit_counts_each_verdict_as_ci_understands_it() -> None:
    root = ET.fromstring(as_junit(ALL, "gates"))
    assert root.attrib == {"name": "gates", "tests": "5", "failures": "2", "errors": "1", "skipped": "1"}
    assert [[child.tag for child in case] for case in root.iter("testcase")] == [
        [],
        ["failure"],
        ["failure"],
        ["error"],
        ["skipped"],
    ]
    asked = root.find(".//failure[@type='ask']")
    assert asked is not None
    assert asked.text == "It is ask. (legal may accept it)"


def test_advisory_policy_fails_nobodys_build() -> None:
    advisory = document(one("fail", enforcement="advisory"))
    root = ET.fromstring(as_junit(advisory))
    assert (root.get("failures"), root.get("skipped")) == ("0", "1")
    assert as_sarif(advisory)["runs"][0]["results"][0]["level"] == "note"
    assert "fail (advisory)" in as_markdown(advisory)


def test_sarif_levels_rules_and_places() -> None:
    found = as_sarif(ALL, version="1.2", places={"p/r-fail": ("policies/p.yaml", 7)})
    jsonschema.validate(found, SARIF)
    run = found["runs"][0]
    assert [(row["kind"], row["level"]) for row in run["results"]] == [
        ("pass", "none"),
        ("fail", "error"),
        ("fail", "warning"),
        ("fail", "error"),
        ("notApplicable", "none"),
    ]
    for row in run["results"]:
        assert run["tool"]["driver"]["rules"][row["ruleIndex"]]["id"] == row["ruleId"]
    (place,) = run["results"][1]["locations"]
    assert place["physicalLocation"] == {"artifactLocation": {"uri": "policies/p.yaml"}, "region": {"startLine": 7}}
    assert run["tool"]["driver"]["rules"][0]["help"]["text"].startswith("Rule r-pass of the policy p: A rule.")


def test_markdown_shows_the_worst_first() -> None:
    text = as_markdown(ALL, title="R-7", url="https://gatehouse.example/releases/R-7")
    assert text.startswith("### R-7: fail\n\n5 rules: 1 unknown, 1 fail, 1 ask, 1 pass, 1 not applicable.")
    assert "[The decision](<https://gatehouse.example/releases/R-7>)" in text
    rows = [line.split("|")[1].strip() for line in text.split("\n") if line.startswith("| **")]
    assert rows == ["**unknown**", "**fail**", "**ask legal**", "**pass**", "**not applicable**"]
    assert as_markdown(document(verdict="not_applicable")) == (
        "### Gatehouse: not applicable\n\nNo policy is for this subject.\n\n"
    )
    assert "javascript" not in as_markdown(ALL, url="javascript:alert(1)")


def test_markdown_stays_below_the_limit_of_a_comment() -> None:
    text = as_markdown(document(*(one("fail", message="x" * 600) for _ in range(300))))
    assert len(text) <= MAX_MARKDOWN + 100
    assert re.search(r"\d+ more rules are not shown here", text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a | b", "a &#124; b"),
        ("line\nbreak\r\n\u2028end", "line break end"),
        ("<script>", "&#60;script&#62;"),
        ("@team look", "@<!-- -->team look"),
        ("see #12", "see #<!-- -->12"),
        ("[x](http://evil)", "&#91;x&#93;&#40;http&#58;//evil&#41;"),
        ("www.evil.example", "&#119;&#119;&#119;&#46;evil.example"),
        ("`code` \\ &lt;", "&#96;code&#96; &#92; &#38;lt;"),
    ],
)
def test_markdown_escapes(text: str, shown: str) -> None:
    assert cell(text) == shown


_ANY = st.text(max_size=80)
_RULES = st.lists(
    st.fixed_dictionaries(
        {
            "policy": _ANY,
            "id": _ANY,
            "title": _ANY,
            "verdict": st.sampled_from(["pass", "fail", "ask", "unknown", "not_applicable"]),
            "message": _ANY,
            "role": st.sampled_from(["", "legal"]),
            "enforcement": st.sampled_from(["block", "advisory"]),
            "controls": st.lists(_ANY, max_size=2, unique=True),
            "missing": st.lists(_ANY, max_size=2),
        }
    ),
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(_RULES, _ANY)
def test_every_form_is_well_formed_whatever_the_names(rules: list[dict[str, Any]], name: str) -> None:
    found = document(*rules)
    cases = list(ET.fromstring(as_junit(found, name)).iter("testcase"))
    assert len(cases) == len(rules)
    sarif = as_sarif(found)
    json.dumps(sarif).encode()
    jsonschema.validate(sarif, SARIF)
    assert len(sarif["runs"][0]["results"]) == len(rules)
    lines = as_markdown(found, title=name).rstrip("\n").split("\n")
    assert lines[0].startswith("### ")
    table = lines[lines.index("|---|---|---|") + 1 :] if rules else []
    assert len(table) == len(rules)
    for line in table:
        assert line.count("|") == 4
        assert not re.search(r"<(?!!-- -->)|[`\[\]\\\x00-\x1f]|@\w|https?:", line)


def test_forms_of_a_real_decision() -> None:
    policy = load_policy(rule('"facts.card.complete"', message="\"'<b>|%s'.format(['x'])\""))
    result = evaluate([policy], read_facts({"card": {"complete": False}}, partial=True))
    assert "&#60;b&#62;&#124;x" in as_markdown(result.document())
    jsonschema.validate(json.loads(json.dumps(as_sarif(result.document()))), SARIF)
    assert ET.fromstring(as_junit(result.document())).get("failures") == "1"
