"""Reads of datasets and their snapshots."""

from __future__ import annotations

from django.db.models import OuterRef, QuerySet, Subquery

from catalog.models import Dataset, DatasetSnapshot, VersionDataset
from catalog.selectors.common import missing, plain
from portal.accounts.models import User


def datasets_for(actor: User) -> QuerySet[Dataset]:
    newest = DatasetSnapshot.objects.filter(dataset=OuterRef("pk")).order_by("-pk")
    return (
        Dataset.objects.visible_to(actor)
        .select_related("team")
        .annotate(
            newest_label=Subquery(newest.values("label")[:1]),
            newest_rows=Subquery(newest.values("rows")[:1]),
            newest_residency=Subquery(newest.values("residency")[:1]),
        )
    )


def dataset_named(actor: User, name: str) -> Dataset:
    row = Dataset.objects.visible_to(actor).select_related("team").filter(name__iexact=plain(name)).first()
    if row is None:
        raise missing("dataset", name)
    return row


def snapshots_for(actor: User) -> QuerySet[DatasetSnapshot]:
    """Snapshots that may be named as what a version was made from, newest first."""
    return DatasetSnapshot.objects.visible_to(actor).select_related("dataset").order_by("dataset__name", "-pk")


def snapshot_named(actor: User, dataset: str, label: str) -> DatasetSnapshot:
    row = (
        DatasetSnapshot.objects.visible_to(actor)
        .select_related("dataset")
        .filter(dataset__name__iexact=plain(dataset), label__iexact=plain(label))
        .first()
    )
    if row is None:
        raise missing("snapshot", f"{dataset} {label}")
    return row


def snapshots_of(dataset: Dataset) -> QuerySet[DatasetSnapshot]:
    """Snapshots of a dataset, newest first."""
    return dataset.snapshots.select_related("dataset", "created_by").order_by("-pk")


def uses_of(dataset: Dataset) -> list[VersionDataset]:
    """Which versions were made from a dataset, newest first."""
    rows = VersionDataset.objects.filter(snapshot__dataset=dataset, version__model__team=dataset.team_id)
    return list(rows.select_related("version__model", "snapshot").order_by("-pk")[:50])
