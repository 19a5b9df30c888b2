"""API: models and their versions."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import selectors
from catalog.api import inputs
from catalog.api import serializers as s
from catalog.api.collections import PAGING, checked, created, listed, register_in_team
from catalog.api.lookups import user_named
from catalog.models import ModelVersion, RegisteredModel
from catalog.services.models import register_model
from catalog.services.versions import DeclaredArtifact, DeclaredRun, register_version
from portal.access import Permission
from portal.api.views import GatehouseView

P = Permission
QUERY = OpenApiParameter("q", str, description="Words, and tier:high, team:lending, use:credit.")


class ModelsView(GatehouseView):
    permissions = {"GET": P.CATALOG_MODEL_READ, "POST": P.CATALOG_MODEL_CREATE}

    @extend_schema(operation_id="models_list", parameters=[QUERY, *PAGING], responses=s.ModelPage)
    def get(self, request: Request) -> Response:
        """The models you may see, newest first."""
        rows = selectors.search_models(selectors.models_for(self.actor), request.query_params.get("q", ""))
        return listed(request, rows, s.ModelOut)

    @extend_schema(operation_id="models_create", request=inputs.ModelIn, responses={201: s.ModelOut})
    def post(self, request: Request) -> Response:
        """Register a model."""
        fields = checked(request, inputs.ModelIn)
        owner = user_named(fields.pop("owner"), field="owner")
        may = P.CATALOG_MODEL_CREATE
        row = register_in_team(register_model, fields, actor=self.actor, permission=may, owner=owner)
        return created(s.ModelOut(_fresh(row)).data)


def _fresh(row: RegisteredModel) -> RegisteredModel:
    """With what the database filled in, such as the time."""
    return RegisteredModel.objects.select_related("team", "owner").get(pk=row.pk)


class ModelView(GatehouseView):
    permissions = {"GET": P.CATALOG_MODEL_READ}

    @extend_schema(operation_id="models_get", responses=s.ModelOut)
    def get(self, request: Request, model: str) -> Response:
        """One model."""
        named = selectors.model_named(self.actor, model)
        return Response(s.ModelOut(selectors.models_for(self.actor).get(pk=named.pk)).data)


class VersionsView(GatehouseView):
    permissions = {"GET": P.CATALOG_MODEL_READ, "POST": P.CATALOG_VERSION_CREATE}

    @extend_schema(operation_id="versions_list", parameters=PAGING, responses=s.VersionPage)
    def get(self, request: Request, model: str) -> Response:
        """Versions of a model, newest first."""
        rows = selectors.versions_of(selectors.model_named(self.actor, model)).select_related("model", "created_by")
        return listed(request, rows, s.VersionRow)

    @extend_schema(operation_id="versions_create", request=inputs.VersionIn, responses={201: s.VersionOut})
    def post(self, request: Request, model: str) -> Response:
        """Register a version: immutable from then on. The bytes of its artifacts are PUT afterwards."""
        named = selectors.model_named(self.actor, model)
        row = self._register(named, checked(request, inputs.VersionIn))
        return created(version_body(selectors.version_named(self.actor, named.name, row.version)))

    @transaction.atomic
    def _register(self, model: RegisteredModel, data: dict[str, Any]) -> ModelVersion:
        uses = [
            (selectors.snapshot_named(self.actor, use["dataset"], use["snapshot"]), use["role"])
            for use in data["datasets"]
        ]
        return register_version(
            model,
            actor=self.actor,
            version=data["version"],
            notes=data["notes"],
            artifacts=[DeclaredArtifact(**item) for item in data["artifacts"]],
            run=_run(data["training_run"]),
            datasets=uses,
        )


def _run(data: dict[str, Any] | None) -> DeclaredRun | None:
    if data is None:
        return None
    fields = dict(data)
    trained_by = user_named(fields.pop("trained_by"), field="training_run.trained_by")
    main = {name: fields.pop(name) for name in ("job_id", "code_revision", "parameters")}
    return DeclaredRun(**main, trained_by=trained_by, extra=fields)


def version_body(row: ModelVersion) -> Any:
    """A version with its artifacts, and which of them are uploaded."""
    uploaded = selectors.uploaded_digests([artifact.sha256 for artifact in row.artifacts.all()])
    return s.VersionOut(row, context={"uploaded": uploaded, "version": row}).data


class VersionView(GatehouseView):
    permissions = {"GET": P.CATALOG_MODEL_READ}

    @extend_schema(operation_id="versions_get", responses=s.VersionOut)
    def get(self, request: Request, model: str, version: str) -> Response:
        """One version with its artifacts, training run and datasets."""
        return Response(version_body(selectors.version_named(self.actor, model, version)))
