"""What a bias test leaves behind: its evidence document, and its numbers as the catalog keeps them."""

from __future__ import annotations

from typing import Any

from audits.choices import FOUR_FIFTHS, WORST_KEPT
from audits.fairness import Counts, Report
from audits.fairness.intersections import worst_intersections
from audits.models import TestRun

TOOL = "gatehouse bias test 1"
DOCUMENT_SCHEMA = "gatehouse.bias-evidence/1"
NO_REFERENCE = "(none large enough)"


def evidence_document(run: TestRun, counts: Counts, result: Report) -> dict[str, Any]:
    """What the evidence consists of: the counts, from which everything else follows, and the report."""
    worst = worst_intersections(
        counts, favourable=result.favourable, min_group=result.min_group, confidence=result.confidence, most=WORST_KEPT
    )
    return {
        "schema": DOCUMENT_SCHEMA,
        "tool": TOOL,
        "version": str(run.version),
        "source": {"sha256": run.blob.sha256, "size": run.blob.size, "name": run.file_name},
        "columns": run.columns,
        "line": FOUR_FIFTHS,
        "counts": counts.as_document(),
        "report": result.as_document(),
        "worst_intersections": [row.as_document() for row in worst],
    }


def measures_of(result: Report) -> list[dict[str, Any]]:
    """One row per group of each attribute, with the fields of BiasMeasure."""
    rows = []
    for attribute in result.attributes:
        for group in attribute.groups:
            rows.append(
                {
                    "attribute": attribute.attribute,
                    "group": group.group,
                    "reference": attribute.reference or NO_REFERENCE,
                    "favourable": result.favourable,
                    "n": group.n,
                    "selected": group.rate.k,
                    "rate": group.rate.value,
                    "rate_lower": group.rate.lower,
                    "rate_upper": group.rate.upper,
                    "tpr": group.tpr.value,
                    "fpr": group.fpr.value,
                    "ratio": group.ratio.value,
                    "ratio_lower": group.ratio.lower,
                    "ratio_upper": group.ratio.upper,
                    "gap_tpr": group.gap_tpr.value,
                    "gap_fpr": group.gap_fpr.value,
                }
            )
    return rows


def metrics_of(result: Report) -> list[dict[str, Any]]:
    """The numbers over all rows, and the spread of error rates by attribute."""
    rows = [
        {"name": name, "value": found.value, "lower": found.lower, "upper": found.upper, "n": found.n}
        for name, found in result.overall.items()
        if found.value is not None
    ]
    rows += [
        {
            "name": "equalized_odds_difference",
            "segment": attribute.attribute,
            "value": attribute.equalized_odds_difference,
            "n": result.n,
        }
        for attribute in result.attributes
        if attribute.equalized_odds_difference is not None
    ]
    return rows
