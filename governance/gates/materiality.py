"""How much one facts document differs from another: none, minor, material or substantial.

A table of paths, read from the top; the first that names a path decides, and what no row names is material, because
a difference that nobody has thought about is not a small one. The worst difference is the class of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

LEVELS = ("none", "minor", "material", "substantial")


@dataclass(frozen=True)
class Limits:
    """Down to where a worse number is minor. All are differences of the value, not shares of it."""

    metric: float = 0.01
    ratio: float = 0.02
    gap: float = 0.02


@dataclass(frozen=True)
class Row:
    """paths: patterns of flat paths. level: the class; with `worse`, only of a number that is worse than a limit.

    worse: "lower" or "higher" is worse, "either" where both are; limit: the name of one of the Limits.
    """

    paths: tuple[str, ...]
    level: str
    why: str
    worse: str = ""
    limit: str = ""


@dataclass(frozen=True)
class Difference:
    """One fact that differs, with the class of it and why; None where it was not known."""

    path: str
    before: Any
    after: Any
    level: str
    why: str


# EU AI Act, article 3(23): a change of the intended purpose, or one that touches compliance, that was not foreseen.
TABLE = (
    Row(("schema", "evaluated_at", "ledger_index", "request.*", "telemetry.*", "waivers*"), "none", "says when or why"),
    Row(("conditions.*", "findings*"), "minor", "is a promise or a finding, which gates judge"),
    Row(("subject.*", "*.measured_at", "*.evidence", "*.evidence_live", "*.scanned_at"), "none", "names the subject"),
    Row(("baseline_metrics*", "bias_changes*", "odds_changes*"), "none", "is computed from other facts"),
    Row(("model.intended_use",), "substantial", "changes what the model may be used for"),
    Row(("model.affects_legal_or_safety", "model.risk_tier"), "substantial", "changes what is at stake for people"),
    Row(("endpoint.exposure", "endpoint.environment"), "substantial", "changes who is exposed to it"),
    Row(("endpoint.regions", "endpoint.data_classes"), "substantial", "changes where, or on what data, it is used"),
    Row(("datasets*.residency", "datasets*.purposes", "datasets*.legal_basis"), "material", "changes the data's terms"),
    Row(("datasets*",), "material", "changes the data that it was made or measured with"),
    Row(("training.code_revision", "training.provider", "training.region"), "material", "changes how it was made"),
    Row(("training*",), "minor", "is another run of the training"),
    Row(("artifacts*.format", "artifacts*.scan", "artifacts*.signature*"), "material", "changes the kind of file"),
    Row(("artifacts*",), "minor", "is another file of the same kind"),
    Row(("metrics*.value", "metrics*.lower", "metrics*.upper"), "material", "is a worse metric", "either", "metric"),
    Row(("bias*.ratio", "bias*.ratio_lower"), "material", "is a worse impact ratio", "lower", "ratio"),
    Row(("bias*.gap_tpr", "bias*.gap_fpr", "odds*.gap*"), "material", "is a wider gap of errors", "higher", "gap"),
    Row(("metrics*.n", "bias*", "odds*", "tests*", "card*", "reviews*"), "minor", "is a measurement or a text"),
    Row(("provider*", "risk*"), "material", "changes whom or what it depends on"),
    Row(("model.owner_team", "endpoint.*"), "minor", "changes who runs it, or how"),
)


@dataclass(frozen=True)
class Classified:
    """The class, and each difference, the worst first."""

    level: str
    differences: tuple[Difference, ...]


def classify(
    changes: Iterable[tuple[str, Any, Any]], limits: Limits | None = None, table: tuple[Row, ...] = TABLE
) -> Classified:
    """The class of these (path, before, after): none when nothing differs."""
    limits = limits or Limits()
    found = [_difference(path, before, after, limits, table) for path, before, after in changes if before != after]
    found.sort(key=lambda one: (-LEVELS.index(one.level), one.path))
    return Classified(found[0].level if found else "none", tuple(found))


def worst(levels: Iterable[str]) -> str:
    return max(levels, key=LEVELS.index, default="none")


def compared(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """(path, before, after) of what differs between two flat documents, in the order of the paths."""
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path):
            yield path, old.get(path), new.get(path)


def _difference(path: str, before: Any, after: Any, limits: Limits, table: tuple[Row, ...]) -> Difference:
    for row in table:
        if any(_named(path, pattern) for pattern in row.paths):
            return Difference(path, before, after, _level(row, before, after, limits), row.why)
    return Difference(path, before, after, "material", "is named by no row of the table")


def _named(path: str, pattern: str) -> bool:
    # A path names its row in brackets, which a pattern would take for a set of letters.
    return fnmatchcase(path.replace("[", "("), pattern.replace("[", "("))


def _level(row: Row, before: Any, after: Any, limits: Limits) -> str:
    if not row.worse:
        return row.level
    numbers = [one for one in (before, after) if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) < 2:
        # A number that came or went cannot be compared.
        return row.level
    change = numbers[1] - numbers[0]
    far = {"lower": -change, "higher": change, "either": abs(change)}[row.worse]
    return row.level if far > float(getattr(limits, row.limit)) + 1e-12 else "minor"
