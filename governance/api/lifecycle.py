"""API: what is done to a release after it was asked for, and what was promised and found about it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as fields
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.selectors import endpoint_named, missing, plain, version_named
from governance import selectors
from governance.api import lifecycle_serializers as s
from governance.api.releases import detail, number_of, release_of
from governance.api.serializers import ReleaseDetail
from governance.models import Condition, Finding
from governance.policies import team_people
from governance.services import conditions, emergency, fallbacks, findings, lifecycle, releases
from portal.access import Permission
from portal.accounts.models import User
from portal.api.views import GatehouseView
from portal.errors import Conflict, InvalidInput

P = Permission


def person_named(team_id: int, name: str) -> User:
    """An active person of the team by user name; one answer for who does not exist and who has no part here."""
    found = team_people(team_id).filter(username__iexact=plain(name)).first()
    if found is None:
        how = "Give the user name of an active person with a role in the model's team."
        raise InvalidInput(f"There is no person {name!r} here.", code="no-such-person", field="owner", how=how)
    return found


class _ActView(GatehouseView):
    """One act on a release: what it takes is read, the act is done, the release as it is now comes back."""

    takes: type[fields.Serializer] = s.ReleaseReasonIn

    def done(self, request: Request, release: str) -> Response:
        row = release_of(self.actor, release)
        given = self.takes(data=request.data)
        given.is_valid(raise_exception=True)
        self.act(row, given.validated_data)
        return Response(detail(selectors.release_numbered(self.actor, row.pk), self.actor))

    def act(self, release: Any, data: Any) -> None:
        raise NotImplementedError


class ReleaseSubmitView(_ActView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_REQUEST}
    takes = fields.Serializer

    @extend_schema(operation_id="releases_submit", request=None, responses=ReleaseDetail)
    def post(self, request: Request, release: str) -> Response:
        """Ask for what was a draft: the gates run."""
        return self.done(request, release)

    def act(self, release: Any, data: Any) -> None:
        releases.submit_release(release, actor=self.actor)


class ReleaseHoldView(_ActView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_HOLD}

    @extend_schema(operation_id="releases_hold", request=s.ReleaseReasonIn, responses=ReleaseDetail)
    def post(self, request: Request, release: str) -> Response:
        """Let nothing move on; what answers goes on answering."""
        return self.done(request, release)

    def act(self, release: Any, data: Any) -> None:
        lifecycle.hold(release, actor=self.actor, reason=data["reason"])


class ReleaseSuspendView(_ActView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_HOLD}

    @extend_schema(operation_id="releases_suspend", request=s.ReleaseReasonIn, responses=ReleaseDetail)
    def post(self, request: Request, release: str) -> Response:
        """Close the deployment: the version answers nobody."""
        return self.done(request, release)

    def act(self, release: Any, data: Any) -> None:
        lifecycle.suspend(release, actor=self.actor, reason=data["reason"])


class ReleaseResumeView(_ActView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_HOLD}

    @extend_schema(operation_id="releases_resume", request=s.ReleaseReasonIn, responses=ReleaseDetail)
    def post(self, request: Request, release: str) -> Response:
        """Let a held or suspended release go on where it was."""
        return self.done(request, release)

    def act(self, release: Any, data: Any) -> None:
        lifecycle.resume(release, actor=self.actor, reason=data["reason"])


class ReleaseRollBackView(_ActView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_ROLL_BACK}

    @extend_schema(operation_id="releases_roll_back", request=s.ReleaseReasonIn, responses=ReleaseDetail)
    def post(self, request: Request, release: str) -> Response:
        """Go to the fallback that the release names; where that is not verified any more, suspend."""
        return self.done(request, release)

    def act(self, release: Any, data: Any) -> None:
        fallbacks.roll_back(release, actor=self.actor, reason=data["reason"])


class ReleaseEmergencyView(_ActView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_EMERGENCY}
    takes = s.EmergencyIn

    @extend_schema(operation_id="releases_emergency", request=s.EmergencyIn, responses=ReleaseDetail)
    def post(self, request: Request, release: str) -> Response:
        """Let it go live at once although seats are open. Never past a gate; reviewed after the fact."""
        return self.done(request, release)

    def act(self, release: Any, data: Any) -> None:
        emergency.declare_emergency(release, actor=self.actor, role=data["role"], reason=data["reason"])


class EmergencyReviewView(_ActView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_DECIDE}
    takes = s.EmergencyReviewIn

    @extend_schema(operation_id="releases_emergency_review", request=s.EmergencyReviewIn, responses=ReleaseDetail)
    def post(self, request: Request, release: str) -> Response:
        """Say after the fact whether the emergency was right."""
        return self.done(request, release)

    def act(self, release: Any, data: Any) -> None:
        row = getattr(release, "emergency", None)
        if row is None:
            raise Conflict(f"{release} was no emergency.", code="no-emergency", how="There is nothing to review.")
        emergency.review_emergency(row, actor=self.actor, outcome=data["outcome"], review=data["review"])


class ReleaseConditionsView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ, "POST": P.GOVERNANCE_RELEASE_HOLD}

    @extend_schema(operation_id="conditions_list", responses=s.ConditionFull(many=True))
    def get(self, request: Request, release: str) -> Response:
        """The conditions of a release, in the order in which they were set."""
        rows = release_of(self.actor, release).conditions.select_related("owner", "approval__person", "set_by")
        return Response(s.ConditionFull(rows.order_by("pk"), many=True).data)

    @extend_schema(operation_id="conditions_open", request=s.PromiseIn, responses={201: s.ConditionFull})
    def post(self, request: Request, release: str) -> Response:
        """Set a condition beside an approval."""
        row = release_of(self.actor, release)
        given = s.PromiseIn(data=request.data)
        given.is_valid(raise_exception=True)
        data = dict(given.validated_data)
        data["owner"] = person_named(row.version.model.team_id, data["owner"])
        made = conditions.open_condition(row, conditions.ConditionDraft(**data), actor=self.actor)
        return Response(s.ConditionFull(made).data, status=201)


class ConditionCloseView(GatehouseView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_READ}

    @extend_schema(operation_id="conditions_close", request=s.ProofIn, responses=s.ConditionFull)
    def post(self, request: Request, condition: int) -> Response:
        """Close a condition with what shows that it is done."""
        seen = selectors.releases_for(self.actor).values("pk")
        row = Condition.objects.filter(pk=condition, release__in=seen).first()
        if row is None:
            raise missing("condition", str(condition))
        given = s.ProofIn(data=request.data)
        given.is_valid(raise_exception=True)
        closed = conditions.close_condition(row, actor=self.actor, proof=given.validated_data["proof"])
        return Response(s.ConditionFull(closed).data)


class FindingsView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ, "POST": P.GOVERNANCE_FINDING_RAISE}

    @extend_schema(operation_id="findings_list", responses=s.FindingOut(many=True))
    def get(self, request: Request, model: str, version: str) -> Response:
        """The findings on a version, newest first."""
        rows = version_named(self.actor, model, version).findings.select_related("owner", "raised_by", "release")
        return Response(s.FindingOut(rows.order_by("-pk"), many=True).data)

    @extend_schema(operation_id="findings_raise", request=s.FindingIn, responses={201: s.FindingOut})
    def post(self, request: Request, model: str, version: str) -> Response:
        """Record what is wrong with a version."""
        row = version_named(self.actor, model, version)
        given = s.FindingIn(data=request.data)
        given.is_valid(raise_exception=True)
        data = dict(given.validated_data)
        named = data.pop("release")
        data["owner"] = person_named(row.model.team_id, data["owner"])
        release = release_of(self.actor, named) if named else None
        made = findings.raise_finding(row, findings.FindingDraft(**data), actor=self.actor, release=release)
        return Response(s.FindingOut(made).data, status=201)


class FindingCloseView(GatehouseView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_DECIDE}

    @extend_schema(operation_id="findings_close", request=s.ProofIn, responses=s.FindingOut)
    def post(self, request: Request, finding: str) -> Response:
        """Validation closes a finding, with proof."""
        number = number_of(finding, "F", "finding")
        row = Finding.objects.visible_to(self.actor).filter(pk=number).first()
        if row is None:
            raise missing("finding", finding)
        given = s.ProofIn(data=request.data)
        given.is_valid(raise_exception=True)
        closed = findings.close_finding(row, actor=self.actor, proof=given.validated_data["proof"])
        return Response(s.FindingOut(closed).data)


class ReleaseRulesView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ, "PUT": P.GOVERNANCE_RELEASE_HOLD}

    @extend_schema(operation_id="release_rules_get", responses=s.ReleaseRulesIO)
    def get(self, request: Request, endpoint: str) -> Response:
        """What the endpoint says about releases to it."""
        return Response(s.ReleaseRulesIO(lifecycle.rules_of(endpoint_named(self.actor, endpoint).pk)).data)

    @extend_schema(operation_id="release_rules_set", request=s.ReleaseRulesIO, responses=s.ReleaseRulesIO)
    def put(self, request: Request, endpoint: str) -> Response:
        """Say how the endpoint takes a second release, what is due, and emergencies."""
        row = endpoint_named(self.actor, endpoint)
        given = s.ReleaseRulesIO(data=request.data)
        given.is_valid(raise_exception=True)
        saved = emergency.set_release_rules(row, actor=self.actor, **given.validated_data)
        return Response(s.ReleaseRulesIO(saved).data)
