"""Pages: datasets with their snapshots, endpoints with what answered at them when."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from catalog import selectors
from catalog.pages.forms import DatasetForm, EndpointForm
from catalog.pages.models import teams_for
from catalog.services.datasets import register_dataset
from catalog.services.endpoints import register_endpoint
from portal.access import Permission, can
from portal.ledger.selectors import entries_about
from portal.pages.base import ActPage, ReadPage


class DatasetsPage(ReadPage):
    permission = Permission.CATALOG_MODEL_READ
    nav = "datasets"
    template_name = "catalog/datasets.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = list(selectors.datasets_for(self.actor).order_by("name")[:200])
        may = can(self.actor, Permission.CATALOG_DATASET_CREATE)
        return super().get_context_data(datasets=rows, may_create=may, **kwargs)


class DatasetPage(ReadPage):
    permission = Permission.CATALOG_MODEL_READ
    nav = "datasets"
    template_name = "catalog/dataset.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        row = selectors.dataset_named(self.actor, kwargs.pop("name"))
        snapshots = row.snapshots.select_related("created_by").prefetch_related("uses__version__model").order_by("-pk")
        return super().get_context_data(
            dataset=row, snapshots=list(snapshots[:100]), entries=entries_about("dataset", row.pk), **kwargs
        )


class DatasetNewPage(ActPage):
    permission = Permission.CATALOG_DATASET_CREATE
    nav = "datasets"
    template_name = "catalog/form.html"
    form_class = DatasetForm
    success_message = "The dataset is registered."
    extra_context = {"title": "Register a dataset", "say": "Its states are snapshots, each fixed by a digest."}

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"teams": teams_for(self.actor, self.permission)}

    def act(self, form: DatasetForm) -> str:
        row = register_dataset(actor=self.actor, **form.cleaned_data)
        return reverse("dataset", kwargs={"name": row.name})


class EndpointsPage(ReadPage):
    permission = Permission.CATALOG_MODEL_READ
    nav = "endpoints"
    template_name = "catalog/endpoints.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = list(selectors.endpoints_for(self.actor).order_by("name")[:200])
        may = can(self.actor, Permission.CATALOG_ENDPOINT_CREATE)
        return super().get_context_data(endpoints=rows, may_create=may, **kwargs)


class EndpointPage(ReadPage):
    """`?at=2026-11-25T08:00:00Z` asks what answered at that moment."""

    permission = Permission.CATALOG_MODEL_READ
    nav = "endpoints"
    template_name = "catalog/endpoint.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        row = selectors.endpoint_named(self.actor, kwargs.pop("name"))
        asked, bad = self._moment()
        rows = row.deployments.select_related("version__model")
        return super().get_context_data(
            endpoint=row,
            deployments=list(rows.order_by("-pk")[:100]),
            live=rows.filter(during__upper_inf=True).first(),
            asked=asked,
            bad_moment=bad,
            then=rows.filter(during__contains=asked).first() if asked else None,
            entries=entries_about("endpoint", row.pk),
            **kwargs,
        )

    def _moment(self) -> tuple[dt.datetime | None, str]:
        text = self.request.GET.get("at", "").strip()
        if not text:
            return None, ""
        try:
            moment = parse_datetime(text)
        except ValueError:
            moment = None
        if moment is None:
            return None, f"{text[:40]} is no time; write 2026-11-25T08:00:00Z."
        return (moment if timezone.is_aware(moment) else moment.replace(tzinfo=dt.UTC)), ""


class EndpointNewPage(ActPage):
    permission = Permission.CATALOG_ENDPOINT_CREATE
    nav = "endpoints"
    template_name = "catalog/form.html"
    form_class = EndpointForm
    success_message = "The endpoint is registered."
    extra_context = {"title": "Register an endpoint", "say": "Nothing answers there until a release is approved."}

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"teams": teams_for(self.actor, self.permission)}

    def act(self, form: EndpointForm) -> str:
        row = register_endpoint(actor=self.actor, **form.cleaned_data)
        return reverse("endpoint", kwargs={"name": row.name})
