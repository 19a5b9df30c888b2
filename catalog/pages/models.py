"""Pages: the list of models, the list as a file, one model, a new model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from catalog import selectors
from catalog.choices import RiskTier
from catalog.models import RegisteredModel
from catalog.pages import extensions
from catalog.pages.forms import ModelForm
from catalog.pages.lists import MAX_EXPORT, as_csv, as_json, page_of
from catalog.services.models import register_model
from portal.access import Permission, can
from portal.ledger.selectors import entries_about
from portal.pages.base import ActPage, Page, ReadPage

SORTS = {
    "name": ("Name", ["name"]),
    "newest": ("Newest first", ["-pk"]),
    "team": ("Team", ["team__name", "name"]),
    "live": ("Live first", ["-live_version", "name"]),
}
COLUMNS = (
    "name",
    "title",
    "team",
    "owner",
    "risk_tier",
    "intended_use",
    "newest_version",
    "live_version",
    "live_endpoint",
)
VERSIONS_SHOWN = 50


class ModelList(Page):
    """What the list and its exports share: the same search, the same order."""

    permission = Permission.CATALOG_MODEL_READ
    nav = "models"

    @property
    def query(self) -> str:
        return self.request.GET.get("q", "")[:200].strip()

    @property
    def sort(self) -> str:
        wanted = self.request.GET.get("sort", "")
        return wanted if wanted in SORTS else "name"

    def rows(self) -> QuerySet[RegisteredModel]:
        found = selectors.search_models(selectors.models_for(self.actor), self.query)
        if self.sort == "live":
            return found.order_by(selectors.live_first(), "name")
        return found.order_by(*SORTS[self.sort][1])


class ModelsPage(ModelList, ReadPage):
    template_name = "catalog/models.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = page_of(self.request, self.rows())
        models = list(page.object_list)
        ratios = selectors.lowest_ratios([row.newest_version_id for row in models if row.newest_version_id])
        for row in models:
            row.lowest = ratios.get(row.newest_version_id)
        return super().get_context_data(
            page=page,
            models=models,
            total=RegisteredModel.objects.visible_to(self.actor).count(),
            q=self.query,
            sort=self.sort,
            sorts=[(key, label) for key, (label, _) in SORTS.items()],
            tiers=RiskTier.choices,
            may_register=can(self.actor, Permission.CATALOG_MODEL_CREATE),
            **kwargs,
        )


class ModelsExport(ModelList):
    """The list as a file. `form`: csv or json."""

    form = "csv"

    def get(self, request: HttpRequest) -> HttpResponse:
        write = as_json if self.form == "json" else as_csv
        return write("models", COLUMNS, self._lines())

    def _lines(self) -> Iterator[tuple[Any, ...]]:
        for row in self.rows()[:MAX_EXPORT]:
            values = {"team": row.team.slug, "owner": row.owner.username}
            yield tuple(values.get(name, getattr(row, name)) for name in COLUMNS)


class ModelPage(ReadPage):
    permission = Permission.CATALOG_MODEL_READ
    nav = "models"
    template_name = "catalog/model.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        model = selectors.model_named(self.actor, self.kwargs["name"])
        versions = list(selectors.versions_of(model)[: VERSIONS_SHOWN + 1])
        ids = [row.pk for row in versions]
        ratios, numbers = selectors.lowest_ratios(ids), selectors.headline_metrics(ids)
        for row in versions:
            row.lowest, row.headline = ratios.get(row.pk), numbers.get(row.pk)
        return super().get_context_data(
            model=model,
            versions=versions[:VERSIONS_SHOWN],
            more_versions=len(versions) > VERSIONS_SHOWN,
            live=list(selectors.live_deployments_of_model(model)),
            may_add=can(self.actor, Permission.CATALOG_VERSION_CREATE, model.team_id),
            panels=extensions.panels("model", self.request, model),
            entries=entries_about("model", model.pk)[:10],
            **kwargs,
        )


class ModelNewPage(ActPage):
    permission = Permission.CATALOG_MODEL_CREATE
    nav = "models"
    template_name = "catalog/model_new.html"
    form_class = ModelForm
    success_message = "The model is registered. Add its first version."

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "actor": self.actor}

    def act(self, form: ModelForm) -> str:
        row = register_model(actor=self.actor, **form.cleaned_data)
        return reverse("model", kwargs={"name": row.name})
