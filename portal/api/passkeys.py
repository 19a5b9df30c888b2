"""API: one's own passkeys, as they are enrolled. Making one needs a browser."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import Permission
from portal.accounts.choices import PasskeyState
from portal.accounts.passkeys_selectors import keys_of
from portal.api.views import GatehouseView, keyset_page


class PasskeySerializer(serializers.Serializer):
    """A public key and the time in which it counts."""

    id = serializers.IntegerField(source="pk")
    label = serializers.CharField()
    state = serializers.ChoiceField(choices=PasskeyState.choices)
    credential_id = serializers.CharField(help_text="base64url")
    public_key = serializers.CharField(help_text="COSE key, base64url")
    public_key_sha256 = serializers.CharField(source="public_key_digest")
    algorithm = serializers.CharField()
    rp_id = serializers.CharField()
    origin = serializers.CharField()
    is_replacement = serializers.BooleanField()
    enrolled_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class PageOfPasskeys(serializers.Serializer):
    results = PasskeySerializer(many=True)
    next = serializers.IntegerField(allow_null=True)


class PasskeysView(GatehouseView):
    permissions = {"GET": Permission.PORTAL_PASSKEY_OWN}

    @extend_schema(operation_id="passkeys_list", responses=PageOfPasskeys)
    def get(self, request: Request) -> Response:
        """Your own passkeys, newest first, ended ones too."""
        return keyset_page(request, keys_of(self.actor), serialize=lambda row: PasskeySerializer(row).data)
