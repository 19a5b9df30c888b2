"""API: the policies in force, and publishing one."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.selectors import missing
from governance.api import serializers as s
from governance.models import Policy, PolicyVersion
from governance.services.policies import publish_policy
from portal.access import Permission
from portal.api.views import GatehouseView

P = Permission


class PoliciesView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_POLICY_READ, "POST": P.GOVERNANCE_POLICY_PUBLISH}

    @extend_schema(operation_id="policies_list", responses=s.PoliciesOut)
    def get(self, request: Request) -> Response:
        """The versions in force."""
        rows = PolicyVersion.objects.filter(retired_at=None).select_related("policy", "author").order_by("policy__name")
        return Response({"results": s.PolicyVersionOut(rows, many=True).data})

    @extend_schema(operation_id="policies_publish", request=s.PublishIn, responses={201: s.PolicyVersionOut})
    def post(self, request: Request) -> Response:
        """Publish a text. Refused with line, column and caret while it is wrong or one of its tests fails."""
        given = s.PublishIn(data=request.data)
        given.is_valid(raise_exception=True)
        version = publish_policy(given.validated_data["source"], actor=self.actor)
        body = s.PolicyVersionOut(version).data
        return Response(body, status=201, headers={"Location": f"/api/v1/policies/{version.policy.name}"})


class PolicyView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_POLICY_READ}

    @extend_schema(operation_id="policies_get", responses=s.PolicyOut)
    def get(self, request: Request, policy: str) -> Response:
        """One policy: its text in force and all its versions."""
        row = Policy.objects.filter(name__iexact=policy).prefetch_related("versions__author").first()
        if row is None:
            raise missing("policy", policy)
        return Response(s.PolicyOut(row).data)
