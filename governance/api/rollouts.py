"""API: signals of an endpoint, the rollout of a release, the desired state, admission."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.selectors import endpoint_named, missing
from governance.api import rollout_serializers as s
from governance.api.releases import release_of
from governance.models import Release, Rollout
from governance.selectors_rollouts import rollout_view
from governance.services import admission, desired, rollout_plans, rollouts
from governance.services.signals import record_signals
from portal.access import Permission
from portal.api.views import GatehouseView
from portal.errors import InvalidInput

P = Permission


def rollout_of(release: Release) -> Rollout:
    """Raises NotFound where the release has no plan."""
    found = Rollout.objects.filter(release=release).first()
    if found is None:
        raise missing("rollout", release.public_id)
    found.release = release
    return found


class SignalsView(GatehouseView):
    permissions = {"POST": P.CATALOG_FACT_RECORD}

    @extend_schema(operation_id="signals_record", request=s.SignalBatchIn, responses={201: s.SignalBatchOut})
    def post(self, request: Request, name: str) -> Response:
        """Record signals. The same delivery again answers 200; the same id with other contents 409."""
        endpoint = endpoint_named(self.actor, name)
        given = s.SignalBatchIn(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        batch, is_new = record_signals(
            endpoint,
            actor=self.actor,
            producer=data["producer"],
            batch_id=data["batch_id"],
            model=data["model"],
            signals=data["signals"],
        )
        return Response(s.SignalBatchOut(batch).data, status=201 if is_new else 200)


class RolloutView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ, "PUT": P.GOVERNANCE_RELEASE_REQUEST}

    @extend_schema(operation_id="rollout_get", responses=s.RolloutOut)
    def get(self, request: Request, release: str) -> Response:
        """The plan, where it is, and what the numbers of the step say now."""
        return Response(rollout_view(rollout_of(release_of(self.actor, release))))

    @extend_schema(operation_id="rollout_plan", request=s.RolloutIn, responses=s.RolloutOut)
    def put(self, request: Request, release: str) -> Response:
        """Attach the plan, before anybody decides. The same plan again changes nothing."""
        row = release_of(self.actor, release)
        given = s.RolloutIn(data=request.data)
        given.is_valid(raise_exception=True)
        rollout_plans.plan_rollout(row, actor=self.actor, **given.validated_data)
        return Response(rollout_view(rollout_of(row)))


class RolloutStepsView(GatehouseView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_REQUEST}

    @extend_schema(operation_id="rollout_step", request=s.RolloutStepIn, responses=s.ToldOut)
    def post(self, request: Request, release: str) -> Response:
        """May I go to this share: yes, wait or roll_back. Or, with act reached: I am at this share."""
        row = release_of(self.actor, release)
        given = s.RolloutStepIn(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        if data["act"] == "reached":
            told = rollouts.reached(
                row, actor=self.actor, share=data["share"], digest=data["digest"], at=data.get("at")
            )
        else:
            told = rollouts.ask(row, actor=self.actor, share=data["share"], digest=data["digest"])
        return Response(told.document())


class ShareApprovalsView(GatehouseView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_DECIDE}

    @extend_schema(operation_id="rollout_share_approve", request=s.ShareApprovalIn, responses={201: s.RolloutOut})
    def post(self, request: Request, release: str) -> Response:
        """Approve more real traffic than the release's approvals reach."""
        rollout = rollout_of(release_of(self.actor, release))
        given = s.ShareApprovalIn(data=request.data)
        given.is_valid(raise_exception=True)
        rollout_plans.approve_share(rollout, actor=self.actor, **given.validated_data)
        return Response(rollout_view(rollout), status=201)


class DesiredStateView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ}

    @extend_schema(operation_id="desired_state", responses=s.EnvelopeOut)
    def get(self, request: Request, name: str) -> Response:
        """What may answer at the endpoint, signed (DSSE, Ed25519). 304 while it is what If-None-Match names."""
        endpoint = endpoint_named(self.actor, name)
        envelope, etag = desired.signed(desired.desired_state(endpoint))
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        known = [one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")]
        if etag in known or "*" in known:
            return Response(status=304, headers=headers)
        return Response(envelope, headers=headers)


class DesiredStateKeyView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ}

    @extend_schema(operation_id="desired_state_key", responses=s.DesiredStateKeyOut)
    def get(self, request: Request) -> Response:
        """The public key that desired states are signed with; give it to a gateway once, by another way."""
        return Response(desired.public_key())


class AdmissionView(GatehouseView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_READ}

    @extend_schema(operation_id="admission_review", request=s.AdmissionIO, responses=s.AdmissionIO)
    def post(self, request: Request) -> Response:
        """AdmissionReview v1: may this object run? Refuses what the desired state of its endpoint does not hold."""
        document: Any = request.data
        try:
            return Response(admission.review(document, actor=self.actor))
        except admission.BadReview as error:
            raise InvalidInput(str(error), code="no-review", field="request") from error
