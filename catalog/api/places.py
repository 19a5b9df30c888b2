"""API: datasets with their snapshots, and endpoints."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import selectors
from catalog.api import inputs
from catalog.api import serializers as s
from catalog.api.collections import PAGING, checked, created, listed, register_in_team
from catalog.services.datasets import add_snapshot, register_dataset
from catalog.services.endpoints import register_endpoint
from portal.access import Permission
from portal.api.views import GatehouseView

P = Permission


class DatasetsView(GatehouseView):
    permissions = {"GET": P.CATALOG_MODEL_READ, "POST": P.CATALOG_DATASET_CREATE}

    @extend_schema(operation_id="datasets_list", parameters=PAGING, responses=s.DatasetPage)
    def get(self, request: Request) -> Response:
        """The datasets you may see, newest first."""
        return listed(request, selectors.datasets_for(self.actor), s.DatasetOut)

    @extend_schema(operation_id="datasets_create", request=inputs.DatasetIn, responses={201: s.DatasetOut})
    def post(self, request: Request) -> Response:
        """Register a dataset. What is in it is a snapshot."""
        fields = checked(request, inputs.DatasetIn)
        row = register_in_team(register_dataset, fields, actor=self.actor, permission=P.CATALOG_DATASET_CREATE)
        return created(s.DatasetOut(row).data, f"{s.ROOT}/datasets/{row.name}")


class DatasetView(GatehouseView):
    permissions = {"GET": P.CATALOG_MODEL_READ}

    @extend_schema(operation_id="datasets_get", responses=s.DatasetOut)
    def get(self, request: Request, dataset: str) -> Response:
        """One dataset."""
        named = selectors.dataset_named(self.actor, dataset)
        return Response(s.DatasetOut(selectors.datasets_for(self.actor).get(pk=named.pk)).data)


class SnapshotsView(GatehouseView):
    permissions = {"GET": P.CATALOG_MODEL_READ, "POST": P.CATALOG_DATASET_CREATE}

    @extend_schema(operation_id="snapshots_list", parameters=PAGING, responses=s.SnapshotPage)
    def get(self, request: Request, dataset: str) -> Response:
        """Snapshots of a dataset, newest first."""
        rows = selectors.snapshots_of(selectors.dataset_named(self.actor, dataset))
        return listed(request, rows, s.SnapshotOut)

    @extend_schema(operation_id="snapshots_create", request=inputs.SnapshotIn, responses={201: s.SnapshotOut})
    def post(self, request: Request, dataset: str) -> Response:
        """Fix one state of a dataset: its digest, schema, rows, where it is kept, until when, on what terms."""
        named = selectors.dataset_named(self.actor, dataset)
        fields = checked(request, inputs.SnapshotIn)
        fields["schema"] = [dict(column) for column in fields["schema"]]
        row = add_snapshot(named, actor=self.actor, **fields)
        return Response(s.SnapshotOut(selectors.snapshot_named(self.actor, named.name, row.label)).data, status=201)


class EndpointsView(GatehouseView):
    permissions = {"GET": P.CATALOG_MODEL_READ, "POST": P.CATALOG_ENDPOINT_CREATE}

    @extend_schema(operation_id="endpoints_list", parameters=PAGING, responses=s.EndpointPage)
    def get(self, request: Request) -> Response:
        """The endpoints you may see, newest first, each with what answers there now."""
        return listed(request, selectors.endpoints_for(self.actor), s.EndpointOut)

    @extend_schema(operation_id="endpoints_create", request=inputs.EndpointIn, responses={201: s.EndpointOut})
    def post(self, request: Request) -> Response:
        """Register an endpoint."""
        fields = checked(request, inputs.EndpointIn)
        row = register_in_team(register_endpoint, fields, actor=self.actor, permission=P.CATALOG_ENDPOINT_CREATE)
        return created(s.EndpointOut(row).data, f"{s.ROOT}/endpoints/{row.name}")


class EndpointView(GatehouseView):
    permissions = {"GET": P.CATALOG_MODEL_READ}

    @extend_schema(operation_id="endpoints_get", responses=s.EndpointDetail)
    def get(self, request: Request, endpoint: str) -> Response:
        """One endpoint with its deployments, newest first."""
        row = selectors.endpoint_named(self.actor, endpoint)
        row.timeline = list(selectors.deployments_of(row)[:100])  # type: ignore[attr-defined]
        row.live_deployments = [item for item in row.timeline if item.is_live]  # type: ignore[attr-defined]
        return Response(s.EndpointDetail(row).data)
