"""API: the facts that the gates would read, and the schemas of such documents."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.selectors import endpoint_named, version_named
from governance.choices import Moment
from governance.gates.facts_docs import json_schema
from governance.gates.schema import FACTS_SCHEMA, SCHEMAS
from governance.services.facts import build_facts
from portal.access import Permission
from portal.api.views import GatehouseView
from portal.errors import InvalidInput, NotFound

P = Permission


class FactsView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ}

    @extend_schema(
        operation_id="facts_get",
        parameters=[
            OpenApiParameter("endpoint", str, required=True),
            OpenApiParameter("moment", str, enum=Moment.values, description="Why it is asked; a check by default."),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, model: str, version: str) -> Response:
        """The facts document as the gates would read it now. What is not in it is not known."""
        subject = version_named(self.actor, model, version)
        name = request.query_params.get("endpoint", "")
        if not name:
            how = "Add ?endpoint=NAME: facts speak of a version at an endpoint."
            raise InvalidInput("No endpoint is named.", code="endpoint-missing", field="endpoint", how=how)
        moment = request.query_params.get("moment", str(Moment.CHECK))
        if moment not in Moment.values:
            how = f"One of: {', '.join(Moment.values)}."
            raise InvalidInput(f"{moment!r:.40} is no moment.", code="moment-unknown", field="moment", how=how)
        endpoint = endpoint_named(self.actor, name)
        return Response(dict(build_facts(subject, endpoint, now=timezone.now(), moment=moment)))


class FactsSchemaView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_POLICY_READ}

    @extend_schema(
        operation_id="facts_schema_get",
        parameters=[
            OpenApiParameter("version", str, description="Such as 2, or gatehouse.facts/2; the newest by default.")
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        """A facts schema as JSON Schema (draft 2020-12). Documents name theirs; stored ones keep it for ever."""
        asked = request.query_params.get("version", "") or FACTS_SCHEMA
        name = asked if "/" in asked else f"gatehouse.facts/{asked}"
        if name not in SCHEMAS:
            known = ", ".join(SCHEMAS)
            raise NotFound(f"There is no facts schema {asked!r:.40}.", code="not-found", how=f"Known: {known}.")
        return Response(json_schema(name))
