"""API: the policies and sets in force, and what a text is worth before it is kept."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.selectors import missing
from governance.api import policy_serializers as s
from governance.models import Policy
from governance.services.bundles import current_bundle
from governance.services.checks import check_source
from governance.services.policies import in_force
from portal.access import Permission
from portal.api.views import GatehouseView

P = Permission


class PoliciesView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_POLICY_READ}

    @extend_schema(operation_id="policies_list", responses=s.PoliciesOut)
    def get(self, request: Request) -> Response:
        """The versions in force: policies, then policy sets."""
        return Response({"results": s.PolicyVersionOut(in_force(), many=True).data})


class PolicyView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_POLICY_READ}

    @extend_schema(operation_id="policies_get", responses=s.PolicyOut)
    def get(self, request: Request, policy: str) -> Response:
        """One policy: its text in force and all its versions."""
        row = Policy.objects.filter(name__iexact=policy).prefetch_related("versions__author").first()
        if row is None:
            raise missing("policy", policy)
        return Response(s.PolicyOut(row).data)


class PolicyCheckView(GatehouseView):
    permissions = {"POST": P.GOVERNANCE_POLICY_READ}

    @extend_schema(operation_id="policy_checks_create", request=s.SourceIn, responses=s.CheckOut)
    def post(self, request: Request) -> Response:
        """What is wrong with a text, with line, column and caret, and how its tests end. Nothing is kept."""
        given = s.SourceIn(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(s.CheckOut(check_source(given.validated_data["source"])).data)


class PolicyBundleView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_POLICY_READ}

    @extend_schema(operation_id="policies_bundle", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """All texts in force in one signed document, for a folder in Git."""
        return Response(current_bundle())
