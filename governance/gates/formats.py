"""A decision document in the forms that other tools read: JUnit XML, SARIF 2.1.0, Markdown.

Input is the document of a decision, as `Result.document()` gives it and as it is stored. Names and messages in it
come from policies and facts, so each format escapes whatever could be markup in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

FORMATS = ("text", "json", "junit", "sarif", "markdown")
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
# A comment on a pull request may have 65,536 characters on the common forges.
MAX_MARKDOWN = 60_000
WORDS = {"pass": "pass", "fail": "fail", "ask": "ask", "unknown": "unknown", "not_applicable": "not applicable"}
_ORDER = ("unknown", "fail", "ask", "pass", "not_applicable")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What Markdown reads as markup or a link; and what a forge looks for after it: a mention, a number of an issue.
_MARKUP = re.compile(r"(?P<call>[@#](?=\w))|[\\`*_{}\[\]()<>+!|~&:$]|www\.", re.IGNORECASE)
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def _rules(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(document.get("rules", []))


def _text(value: Any) -> str:
    """What XML 1.0 and JSON can both carry."""
    return _NOT_XML.sub("\ufffd", str(value))


# ---------------------------------------------------------------------- JUnit
def as_junit(document: Mapping[str, Any], name: str = "gatehouse") -> str:
    """JUnit XML: a suite for each policy, a case for each rule.

    fail and ask are failures, unknown is an error, what does not apply is skipped; so is what an advisory policy
    says against it, with its words.
    """
    suites: dict[str, list[ET.Element]] = {}
    for rule in _rules(document):
        suites.setdefault(rule["policy"], []).append(_junit_case(rule))
    return junit_text(name, suites)


def junit_text(name: str, suites: Mapping[str, Sequence[ET.Element]]) -> str:
    """The XML of the suites with their counts."""
    root = ET.Element("testsuites", {"name": _text(name)})
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite, cases in suites.items():
        tags = [child.tag for case in cases for child in case]
        counts = {"tests": len(cases), "failures": tags.count("failure"), "errors": tags.count("error")}
        counts["skipped"] = tags.count("skipped")
        totals = {key: totals[key] + value for key, value in counts.items()}
        element = ET.SubElement(root, "testsuite", {"name": _text(suite)} | {k: str(v) for k, v in counts.items()})
        element.extend(cases)
    root.attrib.update({key: str(value) for key, value in totals.items()})
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def junit_case(suite: str, name: str, *, tag: str = "", kind: str = "", message: str = "") -> ET.Element:
    """One test case; `tag` is failure, error or skipped, or empty where it passed."""
    case = ET.Element("testcase", {"classname": _text(suite), "name": _text(name)})
    if tag:
        said = ET.SubElement(case, tag, {"message": _text(message)} | ({"type": kind} if kind else {}))
        said.text = _text(message)
    return case


def _junit_case(rule: Mapping[str, Any]) -> ET.Element:
    verdict, message = rule["verdict"], rule["message"]
    tag = {"pass": "", "fail": "failure", "ask": "failure", "unknown": "error"}.get(verdict, "skipped")
    if tag in ("failure", "error") and rule.get("enforcement") == "advisory":
        tag, message = "skipped", f"advisory: {verdict}: {message}"
    if verdict == "ask":
        message = f"{message} ({rule['role']} may accept it)"
    kind = verdict if tag in ("failure", "error") else ""
    return junit_case(rule["policy"], rule["id"], tag=tag, kind=kind, message=message)


# ---------------------------------------------------------------------- SARIF
def as_sarif(
    document: Mapping[str, Any], *, version: str = "", places: Mapping[str, tuple[str, int]] | None = None
) -> dict[str, Any]:
    """A SARIF 2.1.0 log with one run. `places`: "policy/rule" → (URI of the policy's file, line), where known.

    fail and unknown are errors, ask is a warning; advisory policies give notes.
    """
    rules = _rules(document)
    descriptors: dict[str, dict[str, Any]] = {}
    for rule in rules:
        descriptors.setdefault(f"{rule['policy']}/{rule['id']}", _descriptor(rule))
    order = list(descriptors)
    driver: dict[str, Any] = {"name": "Gatehouse", "rules": list(descriptors.values())}
    if version:
        driver["version"] = version
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(rule, order, places or {}) for rule in rules],
        "properties": {
            "verdict": document.get("verdict", ""),
            "factsDigest": document.get("facts_digest", ""),
            "engine": document.get("engine", ""),
        },
    }
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _descriptor(rule: Mapping[str, Any]) -> dict[str, Any]:
    title = _text(rule.get("title") or rule["id"])
    controls = list(dict.fromkeys(_text(one) for one in rule.get("controls", [])))
    serves = f" It serves {', '.join(controls)}." if controls else ""
    help_text = f"Rule {rule['id']} of the policy {rule['policy']}: {title}.{serves}"
    return {
        "id": _text(f"{rule['policy']}/{rule['id']}"),
        "shortDescription": {"text": title},
        "fullDescription": {"text": _text(help_text)},
        "help": {"text": _text(f"{help_text} A verdict of unknown names the fact that is missing: supply it.")},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": controls},
    }


def _level(rule: Mapping[str, Any]) -> tuple[str, str]:
    """(kind, level). What is no finding has a kind that says so, and then no level."""
    if rule["verdict"] == "pass":
        return "pass", "none"
    if rule["verdict"] == "not_applicable":
        return "notApplicable", "none"
    if rule.get("enforcement") == "advisory":
        return "fail", "note"
    return "fail", "warning" if rule["verdict"] == "ask" else "error"


def _sarif_result(
    rule: Mapping[str, Any], order: Sequence[str], places: Mapping[str, tuple[str, int]]
) -> dict[str, Any]:
    name = f"{rule['policy']}/{rule['id']}"
    kind, level = _level(rule)
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": _text(name), "kind": "member"}]}
    if name in places:
        uri, line = places[name]
        location["physicalLocation"] = {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}
    return {
        "ruleId": _text(name),
        "ruleIndex": order.index(name),
        "kind": kind,
        "level": level,
        "message": {"text": _text(rule["message"] or rule["verdict"])},
        "locations": [location],
        "partialFingerprints": {"gatehouse/rule": _text(name)},
        "properties": {
            "verdict": rule["verdict"],
            "role": rule.get("role") or None,
            "enforcement": rule.get("enforcement", ""),
            "missing": [_text(path) for path in rule.get("missing", [])],
            "controls": [_text(one) for one in rule.get("controls", [])],
        },
    }


# ---------------------------------------------------------------------- Markdown
def as_markdown(document: Mapping[str, Any], *, title: str = "Gatehouse", url: str = "") -> str:
    """A heading, one sentence and a table, worst rules first: fit for a comment on a pull request."""
    rules = sorted(_rules(document), key=lambda rule: _ORDER.index(rule["verdict"]))
    verdict = str(document.get("verdict", ""))
    head = [f"### {cell(title)}: {WORDS.get(verdict, cell(verdict))}", "", _sentence(rules)]
    if url.startswith(("https://", "http://")) and not re.search(r"[\s<>]", url):
        head[-1] += f" [The decision](<{url}>)"
    lines = [*head, ""]
    if rules:
        lines += ["| verdict | rule | what was found |", "|---|---|---|"]
    size = sum(len(line) for line in lines)
    for count, rule in enumerate(rules):
        line = f"| {_verdict(rule)} | {cell(rule['policy'])}/{cell(rule['id'])} | {cell(rule['message'])} |"
        size += len(line) + 1
        if size > MAX_MARKDOWN:
            lines += ["", f"{len(rules) - count} more rules are not shown here."]
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def cell(text: Any) -> str:
    """The text so that Markdown shows it as it is, in one line: no markup, links, mentions or further columns."""
    one_line = _BREAKS.sub(" ", _text(text)).strip()
    return _MARKUP.sub(_escaped, one_line)


def _escaped(found: re.Match[str]) -> str:
    if found["call"]:
        return f"{found.group()}<!-- -->"
    return "".join(f"&#{ord(char)};" for char in found.group())


def _verdict(rule: Mapping[str, Any]) -> str:
    shown = WORDS[rule["verdict"]]
    if rule["verdict"] == "ask" and rule.get("role"):
        shown += f" {cell(rule['role'])}"
    return f"{shown} (advisory)" if rule.get("enforcement") == "advisory" else f"**{shown}**"


def _sentence(rules: Sequence[Mapping[str, Any]]) -> str:
    if not rules:
        return "No policy is for this subject."
    counts = [(WORDS[one], sum(rule["verdict"] == one for rule in rules)) for one in _ORDER]
    total = f"{len(rules)} rule{'' if len(rules) == 1 else 's'}"
    return f"{total}: {', '.join(f'{number} {word}' for word, number in counts if number)}."
