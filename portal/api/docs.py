"""The API describes itself: OpenAPI 3.1, and a page of it that needs nothing from elsewhere."""

from __future__ import annotations

from typing import Any, ClassVar

from django.views.generic import TemplateView
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import Permission
from portal.api.views import GatehouseView

SchemaView = SpectacularAPIView


class DocsPage(TemplateView):
    """Every operation by its address, with its parameters and answers."""

    template_name = "portal/api_docs.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        schema = SchemaGenerator().get_schema(request=None, public=True)
        rows = [
            {"method": method.upper(), "path": path, **operation}
            for path, methods in schema["paths"].items()
            for method, operation in methods.items()
        ]
        return super().get_context_data(operations=sorted(rows, key=lambda row: row["path"]), **kwargs)


class MeSerializer(serializers.Serializer):
    username = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())


class MeView(GatehouseView):
    """Who the token stands for."""

    permissions: ClassVar = {"GET": Permission.PORTAL_HOME_READ}

    @extend_schema(responses=MeSerializer, summary="Who the token stands for")
    def get(self, request: Request) -> Response:
        user = self.actor
        return Response({"username": user.username, "name": user.name, "kind": user.kind, "roles": user.roles})
