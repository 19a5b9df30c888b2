"""What the report's template shows beside the document: words, rows and the plot, all made from the document."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from audits.choices import FOUR_FIFTHS, MIN_GROUP
from portal.shell import plots

# verdict or choice: (tone of the print style sheet, mark, word)
MARKS = {
    "pass": ("pass", "check", "Pass"),
    "ask": ("warn", "person", "Asks a person"),
    "fail": ("warn", "cross", "Fails"),
    "unknown": ("idle", "open", "Unknown"),
    "not_applicable": ("idle", "open", "Not applicable"),
    "approve": ("pass", "check", "Approved"),
    "conditions": ("pass", "check", "Approved with conditions"),
    "changes": ("warn", "person", "Changes asked"),
    "reject": ("warn", "cross", "Rejected"),
}
# what one rule does, and what several do
SAID = {
    "pass": ("passes", "pass"),
    "ask": ("asks a person", "ask a person"),
    "fail": ("fails", "fail"),
    "unknown": ("cannot conclude", "cannot conclude"),
    "not_applicable": ("does not apply", "do not apply"),
}
NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def view_of(document: dict[str, Any]) -> dict[str, Any]:
    """Everything the template needs that is not in the document as it stands."""
    result = _result(document)
    return {
        "as_of": said(document["pack"]["as_of"]),
        "rules": [_rule(row) for row in result.get("rules", [])],
        "approvals": [_approval(row) for row in document["approvals"]],
        "conditions": [row | {"open": row["state"] == "open"} for row in document["conditions"]],
        "evidence": [row | {"at": said(row["measured_at"])} for row in document["evidence"]],
        "facts": list(_facts(document)),
        "metrics": [row | {"text": estimate(row)} for row in sorted(document["metrics"], key=_overall_first)],
        "bias": [_group(row) for row in document["bias"]],
        "plot": _plot(document["bias"]),
        "summary": list(_summary(document, result)),
        "engine": _engine(result),
        "times": {name: said(document["release"][name]) for name in ("requested_at", "due_at", "live_at", "ended_at")},
        "decided_at": said(document["decision"]["made_at"]) if document["decision"] else "",
        "entries": document["ledger"]["entries"],
        "line": FOUR_FIFTHS,
    }


def said(at: str | None) -> str:
    """A time in words: "23 Nov 2026, 09:14:05 UTC"; "" for none."""
    if not at:
        return ""
    moment = dt.datetime.fromisoformat(at).astimezone(dt.UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M:%S} UTC"


def counted(n: int) -> str:
    """A small number as a word."""
    return NUMBERS[n] if n < len(NUMBERS) else f"{n:,}"


def number(value: Any) -> str:
    """A value as the report prints it; what is undefined is called so."""
    if value is None:
        return "undefined"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.4f}"
    if isinstance(value, int | float):
        return f"{int(value):,}"
    return str(value)


def estimate(row: dict[str, Any]) -> str:
    """A metric with its interval and count."""
    text = number(row["value"])
    if row["lower"] is not None and row["upper"] is not None:
        text += f" ({number(row['lower'])} to {number(row['upper'])})"
    return text + (f", n {row['n']:,}" if row["n"] is not None else "")


def _result(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document["decision"]["result_text"]) if document["decision"] else {}
    return found


def _engine(result: dict[str, Any]) -> str:
    engine = result.get("engine", "")
    if isinstance(engine, dict):
        return " ".join(str(value) for value in engine.values())
    return str(engine)


def _rule(row: dict[str, Any]) -> dict[str, Any]:
    tone, mark, word = MARKS.get(row.get("verdict", ""), MARKS["unknown"])
    facts = row.get("facts") or []
    return {
        "name": row.get("id", ""),
        "policy": row.get("policy", ""),
        "tone": tone,
        "mark": mark,
        "word": word,
        "advisory": row.get("enforcement") == "advisory",
        "message": row.get("message") or "",
        "role": row.get("role") or "",
        "facts": "; ".join(f"{fact.get('path')} = {number(fact.get('value'))}" for fact in facts[:12])
        + (f"; and {len(facts) - 12} more" if len(facts) > 12 else ""),
        "missing": ", ".join(row.get("missing") or []),
        "evidence": ", ".join(sorted({str(fact["evidence"]) for fact in facts if fact.get("evidence")})),
    }


def _approval(row: dict[str, Any]) -> dict[str, Any]:
    tone, mark, _ = MARKS.get(row["choice"], MARKS["unknown"])
    return row | {"tone": tone, "mark": mark, "at": said(row["decided_at"])}


def _facts(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if document["decision"]:
        yield from flatten(json.loads(document["decision"]["facts_text"]))


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of every leaf of a facts document; list items by their place."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from flatten(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for place, inner in enumerate(value):
            text = ", ".join(f"{key} {number(one)}" for key, one in inner.items() if not isinstance(one, dict | list))
            yield f"{path}[{place}]", text
    else:
        yield path, ", ".join(map(str, value)) if isinstance(value, list | dict) else number(value)


def _overall_first(row: dict[str, Any]) -> tuple[bool, str, str, str]:
    return row["segment"] != "all", row["name"], row["split"], row["segment"]


def _group(row: dict[str, Any]) -> dict[str, Any]:
    reference = row["group"] == row["reference"]
    span = "" if row["ratio_lower"] is None else f"{row['ratio_lower']:.2f} to {row['ratio_upper']:.2f}"
    return row | {
        "is_reference": reference,
        "too_small": row["n"] < MIN_GROUP,
        "rate_text": "undefined" if row["rate"] is None else f"{row['rate'] * 100:.1f} %",
        "ratio_text": "undefined" if row["ratio"] is None else f"{row['ratio']:.2f}",
        "span": "reference" if reference else span,
        "tpr_text": "undefined" if row["tpr"] is None else f"{row['tpr']:.3f}",
        "fpr_text": "undefined" if row["fpr"] is None else f"{row['fpr']:.3f}",
    }


def _plot(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    shown = [
        plots.Estimate(
            label=row["group"],
            value=row["ratio"],
            lower=row["ratio_lower"],
            upper=row["ratio_upper"],
            n=row["n"],
            heading=row["attribute"].replace("_", " ").capitalize(),
            is_reference=row["group"] == row["reference"],
        )
        for row in rows
    ]
    return plots.interval_plot(shown, FOUR_FIFTHS, title="Ratio by group", limit_label="four-fifths line 0.80")


def _summary(document: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    rules = [row for row in result.get("rules", []) if row.get("enforcement") != "off"]
    found = Counter(str(row.get("verdict")) for row in rules)
    if rules:
        parts = [f"{counted(n)} {SAID[key][n > 1]}" for key in SAID if (n := found.get(key))]
        head = "One rule was" if len(rules) == 1 else f"{counted(len(rules)).capitalize()} rules were"
        yield f"{head} evaluated: {', '.join(parts)}."
    else:
        yield "No rule of a policy applied."
    lowest = [
        row
        for row in document["bias"]
        if row["ratio"] is not None and row["n"] >= MIN_GROUP and row["group"] != row["reference"]
    ]
    if lowest:
        row = min(lowest, key=lambda one: one["ratio"])
        side = "below" if row["ratio"] < FOUR_FIFTHS else "not below"
        yield (
            f"The lowest disparate impact is {row['ratio']:.2f} ({row['attribute']} {row['group']}, 95 % interval "
            f"{row['ratio_lower']:.2f} to {row['ratio_upper']:.2f}, n {row['n']:,}). It is {side} four fifths."
        )
    accuracy = [row for row in document["metrics"] if row["name"] == "accuracy" and row["segment"] == "all"]
    if accuracy:
        yield f"Accuracy on the {accuracy[0]['split']} split is {estimate(accuracy[0])}."
    given = [row for row in document["approvals"] if row["choice"] in ("approve", "conditions")]
    who = ", ".join(f"{row['person']} ({row['role_label']})" for row in given)
    head = "One approval was" if len(given) == 1 else f"{counted(len(given)).capitalize()} approvals were"
    yield f"{head} given: {who}." if given else "Nobody has approved."
    due = sum(1 for row in document["conditions"] if row["state"] == "open")
    head = "One condition is" if due == 1 else f"{counted(due).capitalize()} conditions are"
    yield f"{head} still open." if due else "No condition is open."
