"""The catalog over HTTP. Each view parses, calls one service or selector, and answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import selectors
from catalog.api import serializers as shapes
from catalog.choices import CARD_SECTIONS
from catalog.services import cards, datasets, endpoints, facts, models, versions
from catalog.services.blobs import CHUNK
from portal.access import Permission
from portal.accounts.models import Team
from portal.api.views import GatehouseView, keyset_page
from portal.errors import InvalidInput

ANY = OpenApiTypes.OBJECT
READ = Permission.CATALOG_MODEL_READ


def parsed(kind: type[shapes.Strict], request: Request) -> dict[str, Any]:
    """The body in the shape that the call asks for; a validation error names each field."""
    body = kind(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def team_of(data: dict[str, Any]) -> Team:
    slug = data.pop("team")
    team = Team.objects.filter(slug__iexact=slug).first()
    if team is None:
        raise InvalidInput(f"There is no team {slug}.", code="team-unknown", field="team", how="Name an existing team.")
    return team


class ModelsView(GatehouseView):
    permissions: ClassVar = {"GET": READ, "POST": Permission.CATALOG_MODEL_CREATE}

    @extend_schema(responses=ANY, summary="Models, newest first; ?q= filters")
    def get(self, request: Request) -> Response:
        rows = selectors.search_models(selectors.models_for(self.actor), request.query_params.get("q", ""))
        return keyset_page(request, rows, serialize=shapes.model_out)

    @extend_schema(request=shapes.ModelIn, responses={201: ANY}, summary="Register a model")
    def post(self, request: Request) -> Response:
        data = parsed(shapes.ModelIn, request)
        row = models.register_model(actor=self.actor, team=team_of(data), **data)
        return Response(shapes.model_out(row), status=201)


class ModelView(GatehouseView):
    permissions: ClassVar = {"GET": READ}

    @extend_schema(responses=ANY, summary="One model")
    def get(self, request: Request, model: str) -> Response:
        return Response(shapes.model_out(selectors.model_named(self.actor, model)))


class VersionsView(GatehouseView):
    permissions: ClassVar = {"GET": READ, "POST": Permission.CATALOG_VERSION_CREATE}

    @extend_schema(responses=ANY, summary="Versions of a model, newest first")
    def get(self, request: Request, model: str) -> Response:
        found = selectors.model_named(self.actor, model)
        rows = found.versions.select_related("model", "created_by", "training_run").prefetch_related("artifacts")
        return keyset_page(request, rows, serialize=lambda row: shapes.version_out(row, set()))

    @extend_schema(request=shapes.VersionIn, responses={201: ANY}, summary="Register a version")
    def post(self, request: Request, model: str) -> Response:
        found, data = selectors.model_named(self.actor, model), parsed(shapes.VersionIn, request)
        training = data.get("training")
        uses = [
            (selectors.snapshot_named(self.actor, use["dataset"], use["snapshot"]), use["role"])
            for use in data.get("datasets", [])
        ]
        row = versions.register_version(
            found,
            actor=self.actor,
            version=data["version"],
            artifacts=[versions.DeclaredArtifact(**file) for file in data["artifacts"]],
            run=_run(training) if training else None,
            datasets=uses,
            notes=data.get("notes", ""),
        )
        return Response(shapes.version_out(row, set()), status=201)


def _run(data: dict[str, Any]) -> versions.DeclaredRun:
    extra = {name: data[name] for name in ("provider", "region") if name in data}
    return versions.DeclaredRun(data["job_id"], data["code_revision"], data.get("parameters", {}), extra=extra)


class VersionView(GatehouseView):
    permissions: ClassVar = {"GET": READ}

    @extend_schema(responses=ANY, summary="One version with its artifacts")
    def get(self, request: Request, model: str, version: str) -> Response:
        row = selectors.version_named(self.actor, model, version)
        stored = selectors.uploaded_digests([file.sha256 for file in row.artifacts.all()])
        return Response(shapes.version_out(row, stored))


class AnyBytes(BaseParser):
    """Leaves the body to the view, whatever its type says, so that it is streamed and never loaded whole."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return stream


class ArtifactView(GatehouseView):
    permissions: ClassVar = {"PUT": Permission.CATALOG_VERSION_CREATE}
    parser_classes: ClassVar = [AnyBytes]

    @extend_schema(request=OpenApiTypes.BINARY, responses={201: ANY}, summary="Upload the bytes of an artifact")
    def put(self, request: Request, model: str, version: str, name: str) -> Response:
        row = selectors.version_named(self.actor, model, version)
        artifact = selectors.artifact_named(row, name)
        blob = versions.upload_artifact(artifact, actor=self.actor, pieces=_pieces(request))
        return Response({"name": artifact.name, "sha256": blob.sha256, "size": blob.size}, status=201)


def _pieces(request: Request) -> Iterator[bytes]:
    stream = request._request
    while piece := stream.read(CHUNK):
        yield piece


class MetricsView(GatehouseView):
    permissions: ClassVar = {"POST": Permission.CATALOG_FACT_RECORD}

    @extend_schema(request=shapes.MetricsIn, responses={201: ANY}, summary="Record measured values")
    def post(self, request: Request, model: str, version: str) -> Response:
        row = selectors.version_named(self.actor, model, version)
        data = parsed(shapes.MetricsIn, request)
        evidence = facts.record_metrics(row, actor=self.actor, **data)
        return Response(shapes.evidence_out(evidence), status=201)


class EvidenceListView(GatehouseView):
    permissions: ClassVar = {"GET": READ}

    @extend_schema(responses=ANY, summary="Evidence of a version, newest first")
    def get(self, request: Request, model: str, version: str) -> Response:
        row = selectors.version_named(self.actor, model, version)
        return keyset_page(request, row.evidence.select_related("recorded_by"), serialize=shapes.evidence_out)


class EvidenceView(GatehouseView):
    permissions: ClassVar = {"GET": READ}

    @extend_schema(responses=ANY, summary="One piece of evidence with its numbers")
    def get(self, request: Request, number: str) -> Response:
        row = selectors.evidence_numbered(self.actor, int(number))
        return Response({**shapes.evidence_out(row), "measures": row.measures})


class CardView(GatehouseView):
    permissions: ClassVar = {"GET": READ, "PUT": Permission.CATALOG_FACT_RECORD}

    def _answer(self, model: str, version: str) -> Response:
        state = selectors.card_state(selectors.version_named(self.actor, model, version))
        number = state.revision.number if state.revision else 0
        sections = {key: state.sections.get(key, "") for key in CARD_SECTIONS}
        body = {"revision": number, "complete": state.complete, "missing": state.missing, "stale": state.stale}
        return Response({**body, "sections": sections})

    @extend_schema(responses=ANY, summary="The model card of a version")
    def get(self, request: Request, model: str, version: str) -> Response:
        return self._answer(model, version)

    @extend_schema(request=shapes.CardIn, responses=ANY, summary="Save a new revision of the card")
    def put(self, request: Request, model: str, version: str) -> Response:
        row, data = selectors.version_named(self.actor, model, version), parsed(shapes.CardIn, request)
        cards.save_card(row, actor=self.actor, sections=data["sections"], based_on=data.get("based_on"))
        return self._answer(model, version)


class DatasetsView(GatehouseView):
    permissions: ClassVar = {"GET": READ, "POST": Permission.CATALOG_DATASET_CREATE}

    @extend_schema(responses=ANY, summary="Datasets, newest first")
    def get(self, request: Request) -> Response:
        return keyset_page(request, selectors.datasets_for(self.actor), serialize=shapes.dataset_out)

    @extend_schema(request=shapes.DatasetIn, responses={201: ANY}, summary="Register a dataset")
    def post(self, request: Request) -> Response:
        data = parsed(shapes.DatasetIn, request)
        row = datasets.register_dataset(actor=self.actor, team=team_of(data), **data)
        return Response(shapes.dataset_out(row), status=201)


class SnapshotsView(GatehouseView):
    permissions: ClassVar = {"GET": READ, "POST": Permission.CATALOG_DATASET_CREATE}

    @extend_schema(responses=ANY, summary="Snapshots of a dataset, newest first")
    def get(self, request: Request, dataset: str) -> Response:
        rows = selectors.dataset_named(self.actor, dataset).snapshots.all()
        return keyset_page(request, rows, serialize=shapes.snapshot_out)

    @extend_schema(request=shapes.SnapshotIn, responses={201: ANY}, summary="Fix a state of a dataset")
    def post(self, request: Request, dataset: str) -> Response:
        row = selectors.dataset_named(self.actor, dataset)
        snapshot = datasets.add_snapshot(row, actor=self.actor, **parsed(shapes.SnapshotIn, request))
        return Response(shapes.snapshot_out(snapshot), status=201)


class EndpointsView(GatehouseView):
    permissions: ClassVar = {"GET": READ, "POST": Permission.CATALOG_ENDPOINT_CREATE}

    @extend_schema(responses=ANY, summary="Endpoints, newest first")
    def get(self, request: Request) -> Response:
        return keyset_page(request, selectors.endpoints_for(self.actor), serialize=shapes.endpoint_out)

    @extend_schema(request=shapes.EndpointIn, responses={201: ANY}, summary="Register an endpoint")
    def post(self, request: Request) -> Response:
        data = parsed(shapes.EndpointIn, request)
        row = endpoints.register_endpoint(actor=self.actor, team=team_of(data), **data)
        return Response(shapes.endpoint_out(row), status=201)


class EndpointView(GatehouseView):
    permissions: ClassVar = {"GET": READ}

    @extend_schema(responses=ANY, summary="One endpoint, and what answers there")
    def get(self, request: Request, endpoint: str) -> Response:
        return Response(shapes.endpoint_out(get_object_or_404(selectors.endpoints_for(self.actor), name__iexact=endpoint)))


