"""Who a token stands for."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import ROLE_PERMISSIONS, Permission
from portal.api.views import GatehouseView


class HeldRoleSerializer(serializers.Serializer):
    role = serializers.CharField()
    team = serializers.CharField(allow_null=True, help_text="null: the whole organisation.")


class MeSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="uuid")
    username = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=["person", "service"])
    roles = HeldRoleSerializer(many=True)
    permissions = serializers.ListField(child=serializers.CharField(), help_text="Held in at least one team.")


class MeView(GatehouseView):
    permissions = {"GET": Permission.PORTAL_HOME_READ}

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """The account that the token stands for, and what it may do."""
        actor = self.actor
        held = actor.memberships.filter(ended_at=None).select_related("team").order_by("role", "team__slug")
        may = {str(permission) for row in held for permission in ROLE_PERMISSIONS.get(row.role, ())}
        found = {"uuid": actor.uuid, "username": actor.username, "name": actor.name, "kind": actor.kind}
        roles = [{"role": row.role, "team": row.team.slug if row.team else None} for row in held]
        return Response(MeSerializer(found | {"roles": roles, "permissions": sorted(may)}).data)
