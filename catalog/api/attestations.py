"""API: what is attested about a model, a version or an endpoint."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import selectors
from catalog.api.collections import PAGING, checked, created, listed
from catalog.api.fields import PlainObjectField, Strict
from catalog.api.inputs import text
from catalog.models import Attestation, Endpoint, ModelVersion, RegisteredModel
from catalog.services.attestations import attest
from portal.access import Permission
from portal.api.views import GatehouseView

P = Permission
ROOT = "/api/v1"


class AttestationIn(Strict):
    section = serializers.CharField(max_length=30, help_text="Section of the facts, such as provider or reviews.")
    value = PlainObjectField(help_text="The section, or one row of it where it is a list; see the facts schema.")
    source = text(300, help_text="Where to look it up: a document, a ticket, a tool.")
    attested_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    valid_until = serializers.DateField(
        required=False, allow_null=True, default=None, help_text="Last day; after it the section is not known."
    )


class AttestationOut(serializers.ModelSerializer):
    id = serializers.CharField(source="public_id")
    model = serializers.CharField(source="model.name", default=None, allow_null=True)
    version = serializers.CharField(source="version.__str__", default=None, allow_null=True)
    endpoint = serializers.CharField(source="endpoint.name", default=None, allow_null=True)
    recorded_by = serializers.CharField(source="recorded_by.username")
    url = serializers.SerializerMethodField()

    class Meta:
        model = Attestation
        fields = (
            *("id", "model", "version", "endpoint", "section", "key", "value", "source", "sha256"),
            *("recorded_by", "recorded_at", "attested_at", "valid_until", "url"),
        )

    def get_url(self, row: Attestation) -> str:
        return f"{ROOT}/attestations/{row.public_id}"


class AttestationPage(serializers.Serializer):
    results = AttestationOut(many=True)
    next = serializers.IntegerField(allow_null=True, help_text="Give it as `after` for the next page.")


class _About(GatehouseView):
    """Attestations about one thing: list them, add one."""

    permissions = {"GET": P.CATALOG_MODEL_READ, "POST": P.CATALOG_ATTESTATION_RECORD}

    def about(self, **names: str) -> RegisteredModel | ModelVersion | Endpoint:
        raise NotImplementedError

    def get(self, request: Request, **names: str) -> Response:
        return listed(request, selectors.attestations_about(self.about(**names)), AttestationOut)

    def post(self, request: Request, **names: str) -> Response:
        fields: dict[str, Any] = checked(request, AttestationIn)
        row = attest(self.about(**names), actor=self.actor, **fields)
        return created(AttestationOut(selectors.attestation_numbered(self.actor, row.pk)).data)


def _described(name: str, what: str) -> Any:
    """The two operations of such a view, described."""
    return extend_schema_view(
        get=extend_schema(
            operation_id=f"{name}_attestations",
            parameters=PAGING,
            responses=AttestationPage,
            description=f"What was attested about {what}, newest first.",
        ),
        post=extend_schema(
            operation_id=f"{name}_attest",
            request=AttestationIn,
            responses={201: AttestationOut},
            description=f"Attest a section of the facts about {what}. The newest counts; judgements are for reviewers.",
        ),
    )


@_described("models", "a model")
class ModelAttestationsView(_About):
    def about(self, **names: str) -> RegisteredModel:
        return selectors.model_named(self.actor, names["model"])


@_described("versions", "a version")
class VersionAttestationsView(_About):
    def about(self, **names: str) -> ModelVersion:
        return selectors.version_named(self.actor, names["model"], names["version"])


@_described("endpoints", "an endpoint")
class EndpointAttestationsView(_About):
    def about(self, **names: str) -> Endpoint:
        return selectors.endpoint_named(self.actor, names["endpoint"])


class AttestationView(GatehouseView):
    permissions = {"GET": P.CATALOG_MODEL_READ}

    @extend_schema(operation_id="attestations_get", responses=AttestationOut)
    def get(self, request: Request, attestation: str) -> Response:
        """One attestation, such as AT-12."""
        digits = attestation.upper().removeprefix("AT-")
        if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
            raise selectors.missing("attestation", attestation)
        return Response(AttestationOut(selectors.attestation_numbered(self.actor, int(digits))).data)
