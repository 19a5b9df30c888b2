"""The worst intersections of protected attributes: exploratory, and said to be so."""

from __future__ import annotations

from itertools import combinations

from audits.fairness.counts import Counts
from audits.fairness.measure import measure
from audits.fairness.report import IntersectionResult


def worst_intersections(
    counts: Counts, *, favourable: int, min_group: int, confidence: float = 0.95, most: int = 10, depth: int = 3
) -> list[IntersectionResult]:
    """The `most` intersections of 2 to `depth` attributes with the lowest ratio, each against the best of its set.

    Only groups of at least min_group rows compete. The lowest of many lies below its true value by chance and
    its interval does not correct for the search, so these are shown and never gated on by themselves.
    """
    found: list[IntersectionResult] = []
    for size in range(2, min(depth, len(counts.attributes)) + 1):
        for names in combinations(counts.attributes, size):
            found += _of_set(counts, names, favourable, min_group, confidence)
    found.sort(key=lambda row: (row.ratio.value, row.attributes, row.values))
    return found[:most]


def _of_set(
    counts: Counts, names: tuple[str, ...], favourable: int, min_group: int, confidence: float
) -> list[IntersectionResult]:
    groups = counts.by(*names)
    places = {str(place): values for place, values in enumerate(groups)}
    joined = Counts.of(["cell"], [((place,), groups[values]) for place, values in places.items()])
    cell = measure(joined, favourable=favourable, min_group=min_group, confidence=confidence).attribute("cell")
    if cell.reference is None:
        return []
    judged = [row for row in cell.groups if row.judged and row.group != cell.reference and row.ratio.value is not None]
    return [
        IntersectionResult(
            attributes=names,
            values=places[row.group],
            reference=places[cell.reference],
            n=row.n,
            rate=row.rate,
            ratio=row.ratio,
            compared=len(judged),
            too_small=sum(not other.judged for other in cell.groups),
        )
        for row in judged
    ]
