"""API: ask the gates, read the facts they would see."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.selectors import endpoint_named, version_named
from governance.api import serializers as s
from governance.models import Decision
from governance.services.decisions import preview
from governance.services.facts import build_facts
from governance.services.gate_checks import check_gate
from portal.access import Permission, require
from portal.api.views import GatehouseView
from portal.errors import InvalidInput
from portal.jobs.models import Job

P = Permission


def pending(job: Job) -> Response:
    """202: a fact is still being computed; where to look."""
    url = f"/api/v1/jobs/{job.pk}"
    detail = "A fact is still being computed. Poll the job; when it is done, ask again."
    return Response({"state": job.state, "detail": detail, "job": url}, status=202, headers={"Location": url})


class GateChecksView(GatehouseView):
    permissions = {"POST": P.GOVERNANCE_GATE_CHECK}

    @extend_schema(
        operation_id="gate_checks_create", request=s.GateCheckIn, responses={200: s.VerdictOut, 202: s.PendingOut}
    )
    def post(self, request: Request, model: str, version: str) -> Response:
        """The verdict on this version for an endpoint: within two seconds, or 202 with a job to poll meanwhile."""
        subject = version_named(self.actor, model, version)
        given = s.GateCheckIn(data=request.data)
        given.is_valid(raise_exception=True)
        endpoint = endpoint_named(self.actor, given.validated_data["endpoint"])
        require(self.actor, P.GOVERNANCE_GATE_CHECK, subject.model.team_id)
        if given.validated_data["dryRun"]:
            result = preview(subject, endpoint)
            return Response(self._body(result.document(), result.digest))
        found = check_gate(subject, endpoint, actor=self.actor, wait=settings.GATE_CHECK_WAIT_SECONDS)
        if isinstance(found, Decision):
            return Response(self._body(found.result, found.digest, found.public_id))
        return pending(found)

    @staticmethod
    def _body(document: dict[str, Any], digest: str, number: str | None = None) -> dict[str, Any]:
        return {
            "id": number,
            "url": f"/api/v1/decisions/{number}" if number else None,
            "verdict": document["verdict"],
            "digest": digest,
            "facts_digest": document["facts_digest"],
            "dry_run": number is None,
            "rules": document["rules"],
        }


class FactsView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ}

    @extend_schema(
        operation_id="facts_get",
        parameters=[OpenApiParameter("endpoint", str, required=True)],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, model: str, version: str) -> Response:
        """The facts document as the gates would read it now. What is not in it is not known."""
        subject = version_named(self.actor, model, version)
        name = request.query_params.get("endpoint", "")
        if not name:
            how = "Add ?endpoint=NAME: facts speak of a version at an endpoint."
            raise InvalidInput("No endpoint is named.", code="endpoint-missing", field="endpoint", how=how)
        endpoint = endpoint_named(self.actor, name)
        return Response(dict(build_facts(subject, endpoint, now=timezone.now())))
