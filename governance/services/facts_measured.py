"""Rows of the facts document that come from measurements: metrics, bias, error rates, and what changes against live."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from catalog.models import BiasMeasure, Metric, ModelVersion
from portal.ledger.encoding import instant

MIN_GROUP = 100


def metric_row(row: Metric) -> dict[str, Any]:
    return {
        "name": row.name,
        "split": row.split,
        "segment": row.segment,
        "value": row.value,
        "lower": row.lower,
        "upper": row.upper,
        "n": row.n,
        "evidence": row.evidence.public_id,
        "measured_at": instant(row.evidence.measured_at),
    }


def bias_row(row: BiasMeasure) -> dict[str, Any]:
    numbers = {name: getattr(row, name) for name in BiasMeasure.NUMBERS}
    return {
        "attribute": row.attribute,
        "group": row.group,
        "reference": row.reference,
        "favourable": row.favourable,
        **numbers,
        "evidence": row.evidence.public_id,
        "measured_at": instant(row.evidence.measured_at),
    }


def odds_rows(rows: Iterable[BiasMeasure]) -> Iterable[dict[str, Any]]:
    """Spread of error rates by attribute, over the groups large enough to judge."""
    groups: dict[str, list[tuple[float, float, BiasMeasure]]] = {}
    for row in rows:
        if row.n >= MIN_GROUP and row.tpr is not None and row.fpr is not None:
            groups.setdefault(row.attribute, []).append((row.tpr, row.fpr, row))
    for attribute, judged in sorted(groups.items()):
        if len(judged) < 2:
            continue
        gap_tpr = max(tpr for tpr, _, _ in judged) - min(tpr for tpr, _, _ in judged)
        gap_fpr = max(fpr for _, fpr, _ in judged) - min(fpr for _, fpr, _ in judged)
        yield {
            "attribute": attribute,
            "groups": len(judged),
            "min_group": MIN_GROUP,
            "gap_tpr": gap_tpr,
            "gap_fpr": gap_fpr,
            "gap": max(gap_tpr, gap_fpr),
            "evidence": judged[0][2].evidence.public_id,
            "measured_at": instant(min(row.evidence.measured_at for _, _, row in judged)),
        }


def baseline(
    version: ModelVersion,
    live: ModelVersion | None,
    metrics: dict[int, list[Metric]],
    bias: dict[int, list[BiasMeasure]],
) -> dict[str, Any]:
    """The live version's numbers, and how this version's differ; empty lists when nothing is live."""
    if live is None:
        return {"baseline_metrics": [], "bias_changes": [], "odds_changes": []}
    found: dict[str, Any] = {"baseline_metrics": [metric_row(row) for row in metrics[live.pk]] or None}
    if bias[version.pk] and bias[live.pk]:
        found["bias_changes"] = list(_bias_changes(bias[version.pk], bias[live.pk]))
        before = {row["attribute"]: row for row in odds_rows(bias[live.pk])}
        found["odds_changes"] = [
            {
                "attribute": row["attribute"],
                "gap": row["gap"],
                "gap_live": before[row["attribute"]]["gap"],
                "gap_change": row["gap"] - before[row["attribute"]]["gap"],
                "evidence": row["evidence"],
                "evidence_live": before[row["attribute"]]["evidence"],
                "measured_at": min(row["measured_at"], before[row["attribute"]]["measured_at"]),
            }
            for row in odds_rows(bias[version.pk])
            if row["attribute"] in before
        ]
    return found


def _bias_changes(now: list[BiasMeasure], live: list[BiasMeasure]) -> Iterable[dict[str, Any]]:
    before = {(row.attribute, row.group): row for row in live}
    for row in now:
        old = before.get((row.attribute, row.group))
        if old is None or row.ratio is None or old.ratio is None:
            continue
        yield {
            "attribute": row.attribute,
            "group": row.group,
            "n": min(row.n, old.n),
            "ratio": row.ratio,
            "ratio_live": old.ratio,
            "ratio_change": row.ratio - old.ratio,
            "evidence": row.evidence.public_id,
            "evidence_live": old.evidence.public_id,
            "measured_at": instant(min(row.evidence.measured_at, old.evidence.measured_at)),
        }
