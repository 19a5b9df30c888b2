"""What a bias report says in words: its first line, and one line a report for the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audits.choices import FOUR_FIFTHS, MIN_GROUP
from audits.selectors import BiasReport
from catalog.models import BiasMeasure, Evidence
from portal.shell.plots import reading


@dataclass(frozen=True)
class FirstLine:
    """The answer of the page. tone: pass, warn, fail or idle; icon: of the sprite."""

    tone: str
    icon: str
    title: str
    text: str


@dataclass(frozen=True)
class Listed:
    """A report in the list, with the lowest ratio among its judged groups (None when there is none)."""

    evidence: Evidence
    lowest: BiasMeasure | None
    attributes: str
    n: int


def span(row: BiasMeasure) -> str:
    if row.ratio_lower is None or row.ratio_upper is None:
        return "no interval"
    return f"95 % interval {row.ratio_lower:.2f} to {row.ratio_upper:.2f}"


def first_line(report: BiasReport) -> FirstLine:
    """Where the lowest judged group stands to the four-fifths line, in words."""
    row = report.lowest
    if row is None:
        return FirstLine(
            "idle",
            "circle-dashed",
            "Nothing can be concluded",
            f"No group beside the reference has {report.min_group} people or more and a defined ratio.",
        )
    where = f"Lowest group: {row.attribute} {row.group}, ratio {row.ratio:.2f} to {row.reference}, {span(row)}"
    where += f", n {row.n:,}."
    found = reading(row.ratio, row.ratio_lower, row.ratio_upper, FOUR_FIFTHS)
    under = sum(1 for one in report.judged if (one.ratio or 0.0) < FOUR_FIFTHS)
    if found == "below":
        groups = "One group is" if under == 1 else f"{under} groups are"
        sure = row.ratio_upper is not None and row.ratio_upper < FOUR_FIFTHS
        title = f"{groups} below the four-fifths line" + ("" if sure else ", but not surely")
        return FirstLine("fail", "octagon-x", title, where)
    if found == "crosses":
        return FirstLine("warn", "triangle-alert", "Above the four-fifths line, but not surely", where)
    return FirstLine("pass", "circle-check", "Every judged group is above the four-fifths line", where)


def reports_with_reading(rows: Sequence[Evidence]) -> list[Listed]:
    """The list's rows; one further query for all of them."""
    measures: dict[int, list[BiasMeasure]] = {row.pk: [] for row in rows}
    for one in BiasMeasure.objects.filter(evidence__in=measures).order_by("pk"):
        measures[one.evidence_id].append(one)
    return [_listed(row, measures[row.pk]) for row in rows]


def _listed(evidence: Evidence, measures: list[BiasMeasure]) -> Listed:
    judged = [one for one in measures if one.n >= MIN_GROUP and one.ratio is not None and one.group != one.reference]
    names = list(dict.fromkeys(one.attribute for one in measures))
    first = names[0] if names else ""
    return Listed(
        evidence=evidence,
        lowest=min(judged, key=lambda one: one.ratio or 0.0, default=None),
        attributes=", ".join(names),
        n=sum(one.n for one in measures if one.attribute == first),
    )
