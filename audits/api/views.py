"""API of audits: submit predictions, follow a test run, make and fetch evidence packs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from audits import selectors
from audits.api.parsers import RawParser
from audits.api.serializers import (
    PackListSerializer,
    PackSerializer,
    PredictionsSerializer,
    TestRunSerializer,
    pack_body,
    test_run_body,
)
from audits.pages.forms import references_from
from audits.services.bias import submit_predictions
from audits.services.packs import request_pack
from catalog.selectors import missing, version_named
from catalog.services.blobs import chunks_of, open_blob
from portal.access import Permission
from portal.api.views import GatehouseView, keyset_page
from portal.errors import Conflict, InvalidInput


def numbered(text: str, prefix: str) -> int:
    """12 for "R-12" and for "12". Raises NotFound for anything else."""
    digits = text.removeprefix(f"{prefix}-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise missing("thing numbered", text)
    return int(digits)


class PredictionsView(GatehouseView):
    permissions = {"POST": Permission.AUDITS_TEST_RUN_CREATE}
    parser_classes = [MultiPartParser, RawParser]

    @extend_schema(
        operation_id="predictions_submit",
        summary="Submit predictions for a bias test",
        request={"multipart/form-data": PredictionsSerializer, "application/octet-stream": OpenApiTypes.BINARY},
        responses={202: TestRunSerializer},
    )
    def post(self, request: Request, model: str, version: str) -> Response:
        pieces, name, given = _upload(request)
        run = submit_predictions(
            version_named(self.actor, model, version),
            actor=self.actor,
            pieces=pieces,
            file_name=name,
            label=given("label", "y_true"),
            prediction=given("prediction", "y_pred"),
            protected=given("protected", "").split(","),
            favourable={"0": 0, "1": 1}.get(given("favourable", "1"), -1),
            references=references_from(given("reference", "")),
            title=given("title", ""),
        )
        body = test_run_body(run)
        return Response(body, status=202, headers={"Location": body["url"]})


def _upload(request: Request) -> tuple[Iterable[bytes], str, Any]:
    """The file in pieces, its name, and a reader of the fields beside it (in the form, else in the address)."""
    form = request.data if request.content_type.startswith("multipart/") else None

    def given(name: str, default: str) -> str:
        in_form = form.get(name) if form is not None else None
        return str(in_form if isinstance(in_form, str) else request.query_params.get(name, default))

    if form is None:
        return chunks_of(request.data), given("file_name", ""), given
    file = request.FILES.get("file")
    if file is None:
        raise InvalidInput("The form has no file.", code="no-file", field="file", how="Send it as the part named file.")
    return file.chunks(), file.name, given


class TestRunView(GatehouseView):
    __test__ = False

    permissions = {"GET": Permission.CATALOG_MODEL_READ}

    @extend_schema(operation_id="test_run_read", summary="Read a test run", responses=TestRunSerializer)
    def get(self, request: Request, run: str) -> Response:
        return Response(test_run_body(selectors.test_run_numbered(self.actor, numbered(run, "T"))))


class ReleasePacksView(GatehouseView):
    permissions = {
        "GET": Permission.AUDITS_EVIDENCE_PACK_READ,
        "POST": Permission.AUDITS_EVIDENCE_PACK_CREATE,
    }

    @extend_schema(
        operation_id="release_packs_list", summary="List the packs of a release", responses=PackListSerializer
    )
    def get(self, request: Request, release: str) -> Response:
        found = selectors.release_numbered(self.actor, numbered(release, "R"))
        return keyset_page(request, selectors.packs_for(self.actor).filter(release=found), serialize=pack_body)

    @extend_schema(
        operation_id="release_pack_create",
        summary="Make an evidence pack of a release",
        request=None,
        responses={202: PackSerializer},
    )
    def post(self, request: Request, release: str) -> Response:
        found = selectors.release_numbered(self.actor, numbered(release, "R"))
        body = pack_body(request_pack(found, actor=self.actor))
        return Response(body, status=202, headers={"Location": body["url"]})


class PackView(GatehouseView):
    permissions = {"GET": Permission.AUDITS_EVIDENCE_PACK_READ}

    @extend_schema(operation_id="pack_read", summary="Read an evidence pack", responses=PackSerializer)
    def get(self, request: Request, pack: str) -> Response:
        return Response(pack_body(selectors.pack_numbered(self.actor, numbered(pack, "P"))))


class PackReportView(GatehouseView):
    permissions = {"GET": Permission.AUDITS_EVIDENCE_PACK_READ}

    @extend_schema(
        operation_id="pack_report",
        summary="Download the sealed PDF",
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pack: str) -> FileResponse:
        found = selectors.pack_numbered(self.actor, numbered(pack, "P"))
        if found.blob is None:
            raise Conflict("The pack is not made yet.", code="pack-not-ready", how="Poll its job until it is done.")
        return FileResponse(
            open_blob(found.blob), as_attachment=True, filename=found.file_name, content_type="application/pdf"
        )
