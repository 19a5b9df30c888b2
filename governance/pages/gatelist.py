"""The rules of a decision as the page of a release lists them: what refuses, then what asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.models import ModelVersion
from governance.choices import Verdict
from governance.pages.readfacts import ReadRow, in_order
from governance.pages.supply import Supply, supply

LOOKS = {
    Verdict.FAIL: ("block", "Fails", "fails", "fail"),
    Verdict.UNKNOWN: ("block", "Cannot conclude", "cannot conclude", "cannot conclude"),
    Verdict.ASK: ("ask", "Asks a person", "asks a person", "ask a person"),
    Verdict.PASS: ("", "Passes", "passes", "pass"),
}
ADVISORY = "advisory"


@dataclass(frozen=True)
class Row:
    """A rule as listed: its look, its verdict in words, what it read, and how to supply what it misses."""

    rule: Mapping[str, Any]
    look: str
    word: str
    supplies: Sequence[Supply]
    facts: Sequence[ReadRow]


def rows(rules: Sequence[Mapping[str, Any]], version: ModelVersion, endpoint_name: str) -> list[Row]:
    """What needs a reader: failing, inconclusive and asking rules, in this order; blocking policies before advisory."""
    order = {Verdict.FAIL: 0, Verdict.UNKNOWN: 1, Verdict.ASK: 2}
    wanted = [rule for rule in rules if rule["verdict"] in order]
    wanted.sort(key=lambda rule: (rule["enforcement"] == ADVISORY, order[rule["verdict"]]))
    found = []
    for rule in wanted:
        look, word, *_ = LOOKS[rule["verdict"]]
        supplies = _supplies(rule["missing"], version, endpoint_name)
        facts = in_order(rule["facts"], rule["message"])
        found.append(Row(rule, "" if rule["enforcement"] == ADVISORY else look, word, supplies, facts))
    return found


def passing(rule: Mapping[str, Any]) -> Row:
    """A rule that passes, as it is listed below those that need a reader."""
    return Row(rule, "", LOOKS[Verdict.PASS][1], (), in_order(rule["facts"], rule["message"]))


def _supplies(paths: Sequence[str], version: ModelVersion, endpoint_name: str) -> list[Supply]:
    """How to supply these facts; those that are supplied in the same way stand together."""
    found: dict[str, list[Supply]] = {}
    for path in paths:
        one = supply(path, version, endpoint_name)
        found.setdefault(one.how, []).append(one)
    return [Supply(", ".join(one.path for one in group), how, group[0].url) for how, group in found.items()]


def counts(rules: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(verdict, "2 rules fail") for each verdict that occurs, worst first; advisory rules do not count."""
    counted = [rule["verdict"] for rule in rules if rule["enforcement"] != ADVISORY]
    found = []
    for verdict, (_, _, one, many) in LOOKS.items():
        n = counted.count(verdict)
        if n:
            found.append((str(verdict), f"1 rule {one}" if n == 1 else f"{n} rules {many}"))
    return found


def blocking(rules: Sequence[Mapping[str, Any]], verdict: str) -> list[Mapping[str, Any]]:
    """The rules with this verdict that count."""
    return [rule for rule in rules if rule["verdict"] == verdict and rule["enforcement"] != ADVISORY]
