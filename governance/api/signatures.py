"""API: the signatures behind a release's approvals, to be checked by whoever wants to."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance import selectors_signatures
from governance.api.releases import release_of
from portal.access import Permission
from portal.api.views import GatehouseView


class SignatureSerializer(serializers.Serializer):
    """A statement, the assertion that signs it, and the public key with the time in which it counted."""

    approval = serializers.IntegerField()
    person = serializers.CharField()
    role = serializers.CharField()
    choice = serializers.CharField()
    decision = serializers.CharField(help_text="Digest of the decision that was seen")
    statement = serializers.CharField(help_text="Canonical JSON; its SHA-256 is the challenge")
    statement_sha256 = serializers.CharField()
    assertion = serializers.JSONField()
    rp_id = serializers.CharField()
    origin = serializers.CharField()
    signed_at = serializers.CharField()
    key = serializers.JSONField()


class SignaturesSerializer(serializers.Serializer):
    results = SignatureSerializer(many=True)


class ReleaseSignaturesView(GatehouseView):
    permissions = {"GET": Permission.GOVERNANCE_RELEASE_READ}

    @extend_schema(operation_id="release_signatures", responses=SignaturesSerializer)
    def get(self, request: Request, release: str) -> Response:
        """All signatures of one release, oldest first."""
        rows = selectors_signatures.signatures_of(release_of(self.actor, release))
        return Response({"results": selectors_signatures.documents(rows)})
