"""API: bytes, numbers and texts about a version."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import selectors
from catalog.api import inputs
from catalog.api import serializers as s
from catalog.api.collections import PAGING
from catalog.choices import CARD_SECTIONS
from catalog.models import Evidence, ModelVersion
from catalog.services.blobs import chunks_of
from catalog.services.cards import save_card
from catalog.services.facts import record_metrics
from catalog.services.versions import upload_artifact
from portal.access import Permission
from portal.accounts.models import User
from portal.api.parsers import RawParser, body_of
from portal.api.views import GatehouseView, keyset_page
from portal.errors import InvalidInput

P = Permission


class ArtifactView(GatehouseView):
    permissions = {"PUT": P.CATALOG_VERSION_CREATE}
    parser_classes = [RawParser]

    @extend_schema(
        operation_id="artifacts_upload",
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={201: s.StoredOut},
    )
    def put(self, request: Request, model: str, version: str, name: str) -> Response:
        """Upload the bytes of a declared artifact: the raw body, kept only when size and digest are as declared."""
        artifact = selectors.artifact_named(selectors.version_named(self.actor, model, version), name)
        length = request.META.get("CONTENT_LENGTH")
        if length and int(length) != artifact.size:
            # Said before the first byte is read: a pipeline learns at once that it sends another file.
            raise InvalidInput(
                f"The body has {length} bytes; {artifact.size} were declared.",
                code="size-mismatch",
                field="size",
                how="Send the file that was declared, as the raw body (curl -T FILE).",
                details={"expected": artifact.size, "received": int(length)},
            )
        blob = upload_artifact(artifact, actor=self.actor, pieces=chunks_of(body_of(request)))
        body = {"name": artifact.name, "sha256": blob.sha256, "size": blob.size, "uploaded": True}
        return Response(body, status=201)


class MetricsView(GatehouseView):
    permissions = {"POST": P.CATALOG_FACT_RECORD}

    @extend_schema(operation_id="metrics_record", request=inputs.MetricsDoc, responses={201: s.EvidenceOut})
    def post(self, request: Request, model: str, version: str) -> Response:
        """Record measured numbers as one piece of evidence. The newest number of a name counts."""
        subject = selectors.version_named(self.actor, model, version)
        given = inputs.MetricsIn(data=request.data)
        given.is_valid(raise_exception=True)
        row = record_metrics(subject, actor=self.actor, **given.validated_data)
        body = s.EvidenceOut(evidence_numbered(self.actor, row.public_id)).data
        return Response(body, status=201, headers={"Location": body["url"]})


def evidence_numbered(actor: User, text: str) -> Evidence:
    """The evidence of "EV-12" or "12". Raises NotFound for what is not there or not a number."""
    digits = text.upper().removeprefix("EV-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise selectors.missing("evidence", text)
    return selectors.evidence_numbered(actor, int(digits))


class VersionEvidenceView(GatehouseView):
    permissions = {"GET": P.CATALOG_MODEL_READ}

    @extend_schema(operation_id="versions_evidence", parameters=PAGING, responses=s.EvidencePage)
    def get(self, request: Request, model: str, version: str) -> Response:
        """Evidence about a version, newest first."""
        rows = selectors.evidence_of(selectors.version_named(self.actor, model, version))
        return keyset_page(request, rows, serialize=lambda row: s.EvidenceOut(row).data)


class EvidenceView(GatehouseView):
    permissions = {"GET": P.CATALOG_MODEL_READ}

    @extend_schema(operation_id="evidence_get", responses=s.EvidenceOut)
    def get(self, request: Request, evidence: str) -> Response:
        """One piece of evidence with all its numbers."""
        return Response(s.EvidenceOut(evidence_numbered(self.actor, evidence)).data)


def card_body(version: ModelVersion) -> dict[str, Any]:
    """The card of a version as the API gives it."""
    state = selectors.card_state(version)
    sections = [
        {"key": key, "title": title, "measured": measured, "text": state.sections.get(key, "")}
        for key, (title, measured) in CARD_SECTIONS.items()
    ]
    body = {"complete": state.complete, "missing": state.missing, "stale": state.stale, "sections": sections}
    body["revision"] = state.revision.number if state.revision else 0
    body["digest"] = state.revision.digest if state.revision else None
    return dict(s.CardOut(body).data)


class CardView(GatehouseView):
    permissions = {"GET": P.CATALOG_MODEL_READ, "PUT": P.CATALOG_FACT_RECORD}

    @extend_schema(operation_id="card_get", responses=s.CardOut)
    def get(self, request: Request, model: str, version: str) -> Response:
        """The model card: what people wrote, and what is measured now."""
        return Response(card_body(selectors.version_named(self.actor, model, version)))

    @extend_schema(operation_id="card_save", request=inputs.CardIn, responses={200: s.CardOut})
    def put(self, request: Request, model: str, version: str) -> Response:
        """Save a revision. Measured sections are filled from evidence and refused here."""
        subject = selectors.version_named(self.actor, model, version)
        given = inputs.CardIn(data=request.data)
        given.is_valid(raise_exception=True)
        save_card(subject, actor=self.actor, **given.validated_data)
        return Response(card_body(subject))
