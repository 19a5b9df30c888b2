"""What a facts document says about a version beside the one that is live. Pure: documents in, rows out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


@dataclass(frozen=True)
class Measured:
    """One number with its 95 % interval and the evidence it was read from."""

    value: float | None
    lower: float | None = None
    upper: float | None = None
    n: int | None = None
    evidence: str = ""

    @property
    def has_interval(self) -> bool:
        return self.lower is not None and self.upper is not None


@dataclass(frozen=True)
class Change:
    """A measured value before (live) and after (this version).

    direction: better, worse, same, or empty where one side is missing; clear: whether the intervals are apart.
    """

    what: str
    before: Measured | None
    after: Measured | None
    direction: str = ""
    clear: bool = False

    @property
    def delta(self) -> float | None:
        if self.before is None or self.after is None or self.before.value is None or self.after.value is None:
            return None
        return self.after.value - self.before.value


def changes(facts: Mapping[str, Any]) -> list[Change]:
    """Every measured value of this version beside the live one's: metrics, impact ratios, gaps of error rates."""
    return [*_metric_changes(facts), *_ratio_changes(facts), *_odds_changes(facts)]


def worsened(rows: Iterable[Change]) -> list[Change]:
    """The changes for the worse, largest first."""
    worse = [row for row in rows if row.direction == "worse" and row.delta is not None]
    return sorted(worse, key=lambda row: (not row.clear, -abs(row.delta or 0)))


def _measured(row: Mapping[str, Any] | None, key: str = "value") -> Measured | None:
    if row is None or row.get(key) is None:
        return None
    stem = "" if key == "value" else f"{key}_"
    lower, upper = row.get(f"{stem}lower"), row.get(f"{stem}upper")
    return Measured(row[key], lower, upper, row.get("n"), row.get("evidence", ""))


def _change(
    what: str, before: Measured | None, after: Measured | None, *, lower_is_better: bool = False, neutral: bool = False
) -> Change:
    if before is None or after is None or before.value is None or after.value is None:
        return Change(what, before, after)
    gain = (before.value - after.value) if lower_is_better else (after.value - before.value)
    direction = "" if neutral else "same" if abs(gain) < 0.0005 else "better" if gain > 0 else "worse"
    clear = False
    if before.has_interval and after.has_interval:
        clear = bool(before.upper < after.lower or after.upper < before.lower)  # type: ignore[operator]
    return Change(what, before, after, direction, clear)


def _metric_changes(facts: Mapping[str, Any]) -> list[Change]:
    if not facts.get("baseline_metrics"):
        return []
    now = {_metric_key(row): row for row in facts.get("metrics") or []}
    live = {_metric_key(row): row for row in facts.get("baseline_metrics") or []}
    return [
        _change(
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


def _ratio_changes(facts: Mapping[str, Any]) -> list[Change]:
    measured = {(row.get("attribute"), row.get("group")): row for row in facts.get("bias") or []}
    found = []
    for row in facts.get("bias_changes") or []:
        key = (row.get("attribute"), row.get("group"))
        after = _measured(measured.get(key), "ratio") or _measured(row, "ratio")
        live = row.get("ratio_live")
        before = None if live is None else Measured(live, evidence=row.get("evidence_live", ""))
        found.append(_change(f"impact ratio, {key[0]} {key[1]}", before, after))
    return found


def _odds_changes(facts: Mapping[str, Any]) -> list[Change]:
    found = []
    for row in facts.get("odds_changes") or []:
        live, now = row.get("gap_live"), row.get("gap")
        before = None if live is None else Measured(live, evidence=row.get("evidence_live", ""))
        after = None if now is None else Measured(now, evidence=row.get("evidence", ""))
        found.append(_change(f"gap of error rates by {row.get('attribute')}", before, after, lower_is_better=True))
    return found
