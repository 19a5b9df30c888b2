"""What a facts document says about a version beside the one that is live. Pure: documents in, rows out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LOWER_IS_BETTER = frozenset(
    {"brier", "brier_score", "ece", "error_rate", "fpr", "false_positive_rate", "latency_ms", "log_loss", "mae", "mse"}
    | {"psi", "rmse", "loss", "selection_rate_difference", "equalized_odds_difference"}
)
# More or less of these is neither better nor worse.
NEUTRAL = frozenset({"selection_rate", "favourable_rate"})
# Shown with the gaps of error rates, which compare the same numbers.
ELSEWHERE = frozenset({"equalized_odds_difference"})
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Measured:
    """One number with its 95 % interval, the rows it was counted over and the evidence it was read from.

    note: what else belongs to it, such as the group that it is a ratio to.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    n: int | None = None
    evidence: str = ""
    note: str = ""

    @property
    def has_interval(self) -> bool:
        return self.lower is not None and self.upper is not None


@dataclass(frozen=True)
class Change:
    """A measured value before (live) and after (this version).

    direction: better, worse, same, or empty where one side is missing; clear: whether the intervals are apart.
    note: what a reader must know to read it.
    """

    what: str
    before: Measured | None
    after: Measured | None
    direction: str = ""
    clear: bool = False
    note: str = ""

    @property
    def delta(self) -> float | None:
        if self.before is None or self.after is None or self.before.value is None or self.after.value is None:
            return None
        return self.after.value - self.before.value

    @property
    def both_have_intervals(self) -> bool:
        return bool(self.before and self.after and self.before.has_interval and self.after.has_interval)

    @property
    def must_be_read(self) -> bool:
        """Whether it differs for all that is known: the intervals are apart, or there are none to judge by."""
        return self.clear or (self.direction in ("better", "worse") and not self.both_have_intervals)


def changes(facts: Mapping[str, Any], live_bias: Rows = ()) -> list[Change]:
    """Every measured value of this version beside the live one's: metrics, impact ratios, gaps of error rates.

    live_bias: the live version's bias rows, in the form of the document's own; the document holds their ratios only.
    """
    return [*_metric_changes(facts), *_ratio_changes(facts, live_bias), *_odds_changes(facts, live_bias)]


def worsened(rows: Iterable[Change]) -> list[Change]:
    """The changes for the worse, largest first."""
    worse = [row for row in rows if row.direction == "worse" and row.delta is not None]
    return sorted(worse, key=lambda row: (not row.clear, -abs(row.delta or 0)))


def compare(
    what: str,
    before: Measured | None,
    after: Measured | None,
    *,
    lower_is_better: bool = False,
    neutral: bool = False,
    note: str = "",
) -> Change:
    """The change between two numbers, with its direction."""
    if before is None or after is None or before.value is None or after.value is None:
        return Change(what, before, after, note=note)
    gain = (before.value - after.value) if lower_is_better else (after.value - before.value)
    direction = "" if neutral else "same" if abs(gain) < 0.0005 else "better" if gain > 0 else "worse"
    clear = False
    if before.has_interval and after.has_interval:
        clear = bool(before.upper < after.lower or after.upper < before.lower)  # type: ignore[operator]
    return Change(what, before, after, direction, clear, note)


def newest_evidence(rows: Rows, key: str = "evidence") -> str:
    """The newest evidence that these rows name, such as EV-12; empty where they name none."""
    numbers = [
        int(number) for number in (str(row.get(key) or "").removeprefix("EV-") for row in rows) if number.isdecimal()
    ]
    return f"EV-{max(numbers)}" if numbers else ""


def _measured(row: Mapping[str, Any] | None) -> Measured | None:
    if row is None or row.get("value") is None:
        return None
    return Measured(row["value"], row.get("lower"), row.get("upper"), row.get("n"), row.get("evidence", ""))


def _metric_changes(facts: Mapping[str, Any]) -> list[Change]:
    if not facts.get("baseline_metrics"):
        return []
    now = {_metric_key(row): row for row in facts.get("metrics") or []}
    live = {_metric_key(row): row for row in facts.get("baseline_metrics") or []}
    return [
        compare(
            _metric_name(key),
            _measured(live.get(key)),
            _measured(now.get(key)),
            lower_is_better=key[0] in LOWER_IS_BETTER,
            neutral=key[0] in NEUTRAL,
        )
        for key in dict.fromkeys([*now, *live])
        if key[0] not in ELSEWHERE
    ]


def _metric_key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row.get("name", ""), row.get("split", ""), row.get("segment", "")


def _metric_name(key: tuple[str, str, str]) -> str:
    name, split, segment = key
    where = ", ".join(part for part in (split, "" if segment == "all" else segment) if part)
    return f"{name.replace('_', ' ')} ({where})" if where else name.replace("_", " ")


def _group_key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row.get("evidence", ""), row.get("attribute", ""), row.get("group", "")


def _ratio(row: Mapping[str, Any]) -> Measured:
    """A group's ratio. The reference's own ratio is 1 by definition: it has no interval."""
    if row.get("reference") and row.get("group") == row["reference"]:
        return Measured(1.0, n=row.get("n"), evidence=row.get("evidence", ""), note="the reference group")
    numbers = (row.get("ratio"), row.get("ratio_lower"), row.get("ratio_upper"), row.get("n"))
    against = f"to {row['reference']}" if row.get("reference") else ""
    return Measured(*numbers, row.get("evidence", ""), against)


def _ratio_changes(facts: Mapping[str, Any], live_bias: Rows) -> list[Change]:
    now = {_group_key(row): row for row in facts.get("bias") or []}
    live = {_group_key(row): row for row in live_bias}
    found = []
    for row in facts.get("bias_changes") or []:
        attribute, group = row.get("attribute", ""), row.get("group", "")
        after = now.get((row.get("evidence", ""), attribute, group)) or {**row, "reference": ""}
        before = live.get((row.get("evidence_live", ""), attribute, group)) or {
            "ratio": row.get("ratio_live"),
            "evidence": row.get("evidence_live", ""),
        }
        if group and after.get("reference") == before.get("reference") == group:
            continue
        moved = before.get("reference") and before["reference"] != after.get("reference")
        note = "The reference is another group than in what is live." if moved else ""
        found.append(compare(f"impact ratio, {attribute} {group}", _ratio(before), _ratio(after), note=note))
    return found


def _odds_changes(facts: Mapping[str, Any], live_bias: Rows) -> list[Change]:
    least = {row.get("attribute"): row.get("min_group", 1) for row in facts.get("odds") or []}
    found = []
    for row in facts.get("odds_changes") or []:
        attribute = row.get("attribute", "")
        judged = (attribute, least.get(attribute, 1))
        before = _gap(row.get("gap_live"), row.get("evidence_live", ""), live_bias, *judged)
        after = _gap(row.get("gap"), row.get("evidence", ""), facts.get("bias") or [], *judged)
        found.append(compare(f"gap of error rates by {attribute}", before, after, lower_is_better=True))
    return found


def _gap(value: float | None, evidence: str, rows: Rows, attribute: str, least: int) -> Measured | None:
    """The widest gap, with the people in the groups that it was looked for in. No interval is computed for it."""
    if value is None:
        return None
    judged = [
        row["n"]
        for row in rows
        if row.get("attribute") == attribute
        and (row.get("n") or 0) >= least
        and row.get("tpr") is not None
        and row.get("fpr") is not None
    ]
    note = f"widest of {len(judged)} groups" if judged else ""
    return Measured(value, n=sum(judged) or None, evidence=evidence, note=note)
