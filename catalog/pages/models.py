"""Pages: models, one model, a new model."""

from __future__ import annotations

import csv
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

from catalog import selectors
from catalog.models import Deployment
from catalog.pages.forms import ModelForm
from catalog.services.models import register_model
from portal.access import Permission, can, teams_with
from portal.accounts.models import Team, User
from portal.ledger.selectors import entries_about
from portal.pages.base import ActPage, ReadPage

PAGE_SIZE = 50


def teams_for(actor: User, permission: Permission) -> QuerySet[Team]:
    """The teams in which the actor holds the permission."""
    everywhere, teams = teams_with(actor, permission)
    rows = Team.objects.order_by("name")
    return rows if everywhere else rows.filter(pk__in=teams)


class ModelsPage(ReadPage):
    """`?q=tier:high word&after=ID&export=csv`: the filter is in the address."""

    permission = Permission.CATALOG_MODEL_READ
    nav = "models"
    template_name = "catalog/models.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.GET.get("export") == "csv":
            return self._csv()
        return super().get(request, *args, **kwargs)  # type: ignore[return-value]

    def _rows(self) -> QuerySet:
        found = selectors.search_models(selectors.models_for(self.actor), self.request.GET.get("q", ""))
        return found.order_by("-pk")

    def _csv(self) -> HttpResponse:
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="models.csv"'
        writer = csv.writer(response)
        writer.writerow(["name", "title", "team", "risk_tier", "newest", "versions", "live_version", "live_endpoint"])
        for row in self._rows().iterator(chunk_size=500):
            values = [row.name, row.title, row.team.slug, row.risk_tier, row.newest_version, row.version_count]
            # A cell that begins with these would be run as a formula by a spreadsheet.
            cells = [str(value or "") for value in [*values, row.live_version, row.live_endpoint]]
            writer.writerow([f"'{cell}" if cell[:1] in "=+-@\t\r" and cell else cell for cell in cells])
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        after = self.request.GET.get("after", "")
        rows = self._rows()
        if after.isdigit() and len(after) < 18:
            rows = rows.filter(pk__lt=int(after))
        found = list(rows[: PAGE_SIZE + 1])
        return super().get_context_data(
            models=found[:PAGE_SIZE],
            next_after=found[PAGE_SIZE - 1].pk if len(found) > PAGE_SIZE else None,
            q=self.request.GET.get("q", ""),
            may_create=can(self.actor, Permission.CATALOG_MODEL_CREATE),
            **kwargs,
        )


class ModelPage(ReadPage):
    permission = Permission.CATALOG_MODEL_READ
    nav = "models"
    template_name = "catalog/model.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        model = selectors.model_named(self.actor, kwargs.pop("name"))
        deployments = Deployment.objects.filter(version__model=model).select_related("version", "endpoint")
        return super().get_context_data(
            model=model,
            versions=list(selectors.versions_of(model)[:100]),
            deployments=list(deployments.order_by("-pk")[:20]),
            entries=entries_about("model", model.pk),
            may_register=can(self.actor, Permission.CATALOG_VERSION_CREATE, model.team_id),
            **kwargs,
        )


class ModelNewPage(ActPage):
    permission = Permission.CATALOG_MODEL_CREATE
    nav = "models"
    template_name = "catalog/form.html"
    form_class = ModelForm
    success_message = "The model is registered."
    extra_context = {"title": "Register a model", "say": "A model is known before any version of it may run."}

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"teams": teams_for(self.actor, self.permission)}

    def act(self, form: ModelForm) -> str:
        row = register_model(actor=self.actor, **form.cleaned_data)
        return reverse("model", kwargs={"name": row.name})
