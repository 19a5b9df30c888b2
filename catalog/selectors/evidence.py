"""Reads of evidence and of the numbers that count now."""

from __future__ import annotations

from django.db.models import QuerySet

from catalog.models import BiasMeasure, Evidence, Metric, ModelVersion
from catalog.selectors.common import missing
from portal.accounts.models import User

# What stands for a version in a list, the first that is measured on the test split as a whole.
HEADLINES = ("accuracy", "auc", "roc_auc", "f1", "r2", "rmse", "mae")


def evidence_of(version: ModelVersion) -> QuerySet[Evidence]:
    """Evidence about a version with its numbers, newest first."""
    return (
        version.evidence.select_related("version__model", "recorded_by")
        .prefetch_related("metrics", "bias_measures")
        .order_by("-pk")
    )


def evidence_numbered(actor: User, pk: int) -> Evidence:
    row = (
        Evidence.objects.visible_to(actor)
        .select_related("version__model__team", "recorded_by", "blob")
        .prefetch_related("metrics", "bias_measures")
        .filter(pk=pk)
        .first()
    )
    if row is None:
        raise missing("evidence", f"EV-{pk}")
    return row


def current_metrics(version_ids: list[int]) -> dict[int, list[Metric]]:
    """The newest number per (split, segment, name) of each version: {version id: [Metric, …]}; one query."""
    rows = (
        Metric.objects.filter(version__in=version_ids)
        .select_related("evidence")
        .order_by("version", "split", "segment", "name", "-pk")
        .distinct("version", "split", "segment", "name")
    )
    found: dict[int, list[Metric]] = {pk: [] for pk in version_ids}
    for row in rows:
        found[row.version_id].append(row)
    return found


def current_bias(version_ids: list[int]) -> dict[int, list[BiasMeasure]]:
    """The newest measure per (attribute, group) of each version: {version id: [BiasMeasure, …]}; one query."""
    rows = (
        BiasMeasure.objects.filter(version__in=version_ids)
        .select_related("evidence")
        .order_by("version", "attribute", "group", "-pk")
        .distinct("version", "attribute", "group")
    )
    found: dict[int, list[BiasMeasure]] = {pk: [] for pk in version_ids}
    for row in rows:
        found[row.version_id].append(row)
    return found


def headline_metrics(version_ids: list[int]) -> dict[int, Metric]:
    """Each version's best known number on the whole test split; absent where none is measured."""
    found: dict[int, Metric] = {}
    for pk, rows in current_metrics(version_ids).items():
        whole = {row.name.lower(): row for row in rows if row.split == "test" and row.segment == "all"}
        name = next((name for name in HEADLINES if name in whole), None)
        if name:
            found[pk] = whole[name]
    return found


def lowest_ratios(version_ids: list[int]) -> dict[int, BiasMeasure]:
    """Each version's lowest current ratio of a group that is not its reference; absent where none is measured."""
    found: dict[int, BiasMeasure] = {}
    for pk, rows in current_bias(version_ids).items():
        judged = [row for row in rows if row.group != row.reference and row.ratio is not None]
        if judged:
            found[pk] = min(judged, key=lambda row: row.ratio)  # type: ignore[arg-type,return-value]
    return found
