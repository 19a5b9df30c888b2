"""The numbers on a release's page: each beside the live one's, and what of them is worse."""

from __future__ import annotations

from typing import Any

from catalog.models import BiasMeasure, Evidence
from governance import selectors
from governance.models import Release
from governance.pages import extensions, reading

NAMES = ("attribute", "group", "reference", *BiasMeasure.NUMBERS)
# How many changes for the worse are shown before the reader asks for all of them.
WORST_SHOWN = 5


def measured(release: Release, review: selectors.Review) -> dict[str, Any]:
    """What the templates of changes draw. pairs: rows from the evidence itself, which no gate looks at."""
    facts = release.decision.facts if release.decision else {}
    live = selectors.live_measures(facts)
    rows = reading.changes(facts, [_as_fact(row) for row in live])
    pairs = _pairs(facts, live, review)
    first = [row for row in rows if row.must_be_read]
    worse = reading.worsened([*rows, *pairs])
    is_first = release.decision is not None and facts.get("baseline_metrics") == [] and not rows
    return {
        "changes": [*pairs, *(first or rows)],
        "other_changes": [row for row in rows if not row.must_be_read] if first else [],
        "change_count": len(rows) + len(pairs),
        "worse_count": len(worse),
        "worsened": worse[:WORST_SHOWN],
        "also_worse": worse[WORST_SHOWN:],
        # Beside a live version, the worst pair stands with what gets worse even where it does not.
        "pairs": [] if is_first else [row for row in pairs if row not in worse],
        "is_first": is_first,
    }


def _as_fact(row: BiasMeasure) -> dict[str, Any]:
    """A measure as a facts document would hold it."""
    return {**{name: getattr(row, name) for name in NAMES}, "evidence": row.evidence.public_id}


def _pairs(facts: dict[str, Any], live: list[BiasMeasure], review: selectors.Review) -> list[reading.Change]:
    """The worst pairs of groups by the newest bias evidence of both sides."""
    mine = {row.public_id: row for row in review.evidence}
    theirs: dict[str, Evidence] = {row.evidence.public_id: row.evidence for row in live}
    newest = reading.newest_evidence(facts.get("bias") or [])
    before = theirs.get(reading.newest_evidence(facts.get("bias_changes") or [], "evidence_live"))
    return extensions.comparisons(before, mine.get(newest))
