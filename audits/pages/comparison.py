"""The worst pair of groups, of a version and of the one that is live, as rows on the page of a release.

A policy reads groups of one attribute. Who belongs to two of them can fare far worse than in either, so a reviewer
sees the worst pair whatever the gates say.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from audits.fairness import Counts
from audits.fairness.intersections import worst_intersections
from catalog.models import Blob, Evidence
from catalog.services.blobs import open_blob
from governance.pages.reading import Change, Measured, compare

# Documents kept in memory. Above so many cells, a page takes what the evidence keeps, its ten worst.
KEPT, MAX_CELLS = 64, 5_000
EXPLORATORY = "Exploratory: the lowest of many is low by chance too, and no gate looks at it."
# Attributes and values of a pair, and what was measured for it.
Key = tuple[tuple[str, ...], tuple[str, ...]]
Pairs = Mapping[Key, Mapping[str, Any]]


def worst_pairs(live: Evidence | None, now: Evidence) -> list[Change]:
    """This version's worst pair beside the same pair live; then the live version's worst, where it is another."""
    before, after = _pairs_of(live), _pairs_of(now)
    if after is None:
        return [Change("worst pair of groups", None, None, note=f"The document of {now.public_id} cannot be read.")]
    first, second = next(iter(after), None), next(iter(before or ()), None)
    found = [(f"worst pair: {_words(first)}", first)] if first else []
    if second and second != first:
        found.append((f"worst pair of what is live: {_words(second)}", second))
    return [_row(what, (before or {}).get(key), live, after.get(key), now) for what, key in found]


def _words(key: Key) -> str:
    return " and ".join(f"{name} {value}" for name, value in zip(*key, strict=True))


def _row(
    what: str,
    before: Mapping[str, Any] | None,
    live: Evidence | None,
    after: Mapping[str, Any] | None,
    now: Evidence,
) -> Change:
    return compare(what, _measured(before, live), _measured(after, now), note=EXPLORATORY)


def _measured(row: Mapping[str, Any] | None, evidence: Evidence | None) -> Measured | None:
    if row is None or evidence is None:
        return None
    ratio, against = row["ratio"], f"to {' and '.join(row['reference'])}"
    return Measured(ratio["value"], ratio["lower"], ratio["upper"], row["n"], evidence.public_id, against)


def _pairs_of(evidence: Evidence | None) -> Pairs | None:
    """The judged pairs of a bias test, lowest ratio first; {} where it compared none, None where it cannot be read."""
    if evidence is None or evidence.blob_id is None:
        return {}
    try:
        return _pairs(evidence.blob_id)
    except (OSError, ValueError, KeyError):
        return None


@lru_cache(maxsize=KEPT)
def _pairs(sha256: str) -> Pairs:
    """Kept in memory, because the bytes under a digest never change."""
    with open_blob(Blob(sha256=sha256)) as stream:
        document = json.load(stream)
    rows = document["worst_intersections"]
    if len(document["counts"]["cells"]) <= MAX_CELLS:
        counts, report = Counts.from_document(document["counts"]), document["report"]
        chosen = {key: report[key] for key in ("favourable", "min_group", "confidence")}
        rows = [row.as_document() for row in worst_intersections(counts, depth=2, most=sys.maxsize, **chosen)]
    return {(tuple(row["attributes"]), tuple(row["values"])): row for row in rows if len(row["attributes"]) == 2}
