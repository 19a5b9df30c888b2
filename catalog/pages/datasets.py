"""Pages: datasets, one dataset with its snapshots, a new dataset, a new snapshot."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.urls import reverse

from catalog import selectors
from catalog.models import Dataset
from catalog.pages.forms import DatasetForm, SnapshotForm
from catalog.pages.lists import page_of
from catalog.services.datasets import add_snapshot, register_dataset
from portal.access import Permission, can
from portal.ledger.selectors import entries_about
from portal.pages.base import ActPage, ReadPage

P = Permission


class DatasetsPage(ReadPage):
    permission = P.CATALOG_MODEL_READ
    nav = "datasets"
    template_name = "catalog/datasets.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        q = selectors.plain(self.request.GET.get("q", ""))[:200].strip()
        rows = selectors.datasets_for(self.actor).order_by("name")
        if q:
            rows = rows.filter(Q(name__icontains=q) | Q(title__icontains=q) | Q(newest_residency__icontains=q))
        page = page_of(self.request, rows)
        may_register = can(self.actor, P.CATALOG_DATASET_CREATE)
        return super().get_context_data(page=page, datasets=page.object_list, q=q, may_register=may_register, **kwargs)


class DatasetPage(ReadPage):
    permission = P.CATALOG_MODEL_READ
    nav = "datasets"
    template_name = "catalog/dataset.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        dataset = selectors.dataset_named(self.actor, self.kwargs["name"])
        page = page_of(self.request, selectors.snapshots_of(dataset))
        return super().get_context_data(
            dataset=dataset,
            page=page,
            snapshots=list(page.object_list),
            uses=selectors.uses_of(dataset),
            may_add=can(self.actor, P.CATALOG_DATASET_CREATE, dataset.team_id),
            entries=entries_about("dataset", dataset.pk)[:10],
            **kwargs,
        )


class DatasetNewPage(ActPage):
    permission = P.CATALOG_DATASET_CREATE
    nav = "datasets"
    template_name = "catalog/dataset_new.html"
    form_class = DatasetForm
    success_message = "The dataset is registered. Add its first snapshot."

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "actor": self.actor}

    def act(self, form: DatasetForm) -> str:
        row = register_dataset(actor=self.actor, **form.cleaned_data)
        return reverse("dataset", kwargs={"name": row.name})


class SnapshotNewPage(ActPage):
    permission = P.CATALOG_DATASET_CREATE
    nav = "datasets"
    template_name = "catalog/snapshot_new.html"
    form_class = SnapshotForm
    success_message = "The snapshot is added. It cannot be changed; other data is another snapshot."

    @property
    def dataset(self) -> Dataset:
        return selectors.dataset_named(self.actor, self.kwargs["name"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(dataset=self.dataset, **kwargs)

    def act(self, form: SnapshotForm) -> str:
        fields = dict(form.cleaned_data)
        fields["schema"] = fields.pop("columns")
        dataset = self.dataset
        add_snapshot(dataset, actor=self.actor, **fields)
        return reverse("dataset", kwargs={"name": dataset.name})
