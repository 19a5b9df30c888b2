"""API: lending a role, standing back, committees, and how much a release differs from what is live."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.models import Endpoint, RegisteredModel
from catalog.selectors import endpoint_named, missing, model_named
from governance import selectors, selectors_seats
from governance.api import seat_serializers as s
from governance.api.releases import release_of
from governance.services import committees, delegation, materiality
from portal.access import Permission
from portal.accounts.models import Team
from portal.api.views import GatehouseView, keyset_page

P = Permission


class DelegationsView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ, "POST": P.GOVERNANCE_RELEASE_DECIDE}

    @extend_schema(operation_id="delegations_list", responses=s.PageOfDelegations)
    def get(self, request: Request) -> Response:
        """Who may fill whose seats, from when until when; newest first."""
        rows = selectors_seats.delegations_for(self.actor)
        return keyset_page(request, rows, serialize=lambda row: s.DelegationOut(row).data)

    @extend_schema(operation_id="delegations_give", request=s.DelegationIn, responses={201: s.DelegationOut})
    def post(self, request: Request) -> Response:
        """Let a deputy fill your seats of a role you hold, for a time, in one team, model or endpoint."""
        given = s.DelegationIn(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        scope = self._scope(data)
        team = scope if isinstance(scope, Team) else scope.team
        row = delegation.delegate(
            actor=self.actor,
            deputy=selectors_seats.person_of(team, data["deputy"], "deputy"),
            role=data["role"],
            scope=scope,
            starts_at=data["starts_at"],
            until=data["until"],
            reason=data["reason"],
        )
        return Response(s.DelegationOut(row).data, status=201)

    def _scope(self, data: dict[str, Any]) -> Team | RegisteredModel | Endpoint:
        if "model" in data:
            return model_named(self.actor, data["model"])
        if "endpoint" in data:
            return endpoint_named(self.actor, data["endpoint"])
        everywhere = any(team is None for _, team in self.actor.grants)
        mine = Team.objects.all() if everywhere else Team.objects.filter(pk__in=[t for _, t in self.actor.grants])
        team = mine.filter(slug__iexact=data["team"]).first()
        if team is None:
            raise missing("team", data["team"])
        return team


class DelegationRevokeView(GatehouseView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_DECIDE}

    @extend_schema(operation_id="delegations_revoke", request=None, responses=s.DelegationOut)
    def post(self, request: Request, delegation_id: int) -> Response:
        """End a delegation that you gave or hold."""
        row = selectors_seats.delegation_numbered(self.actor, delegation_id)
        return Response(s.DelegationOut(delegation.revoke_delegation(row, actor=self.actor)).data)


class RecusalsView(GatehouseView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_DECIDE}

    @extend_schema(operation_id="releases_recuse", request=s.RecusalIn, responses={201: s.RecusalOut})
    def post(self, request: Request, release: str) -> Response:
        """Stand back from a release: your seat is open again, and your deputy or another holder is asked."""
        row = release_of(self.actor, release)
        given = s.RecusalIn(data=request.data)
        given.is_valid(raise_exception=True)
        made = delegation.recuse(row, actor=self.actor, **given.validated_data)
        return Response(s.RecusalOut(made).data, status=201)


class MaterialityView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ, "POST": P.GOVERNANCE_RELEASE_DECIDE}

    @extend_schema(operation_id="releases_materiality", responses=s.MaterialityOut(many=True))
    def get(self, request: Request, release: str) -> Response:
        """How much the release differs from what is live, the newest class first."""
        row = release_of(self.actor, release)
        rows = row.materialities.select_related("set_by", "decision", "live_decision").order_by("-pk")[:50]
        return Response(s.MaterialityOut(rows, many=True).data)

    @extend_schema(operation_id="releases_class", request=s.MaterialityIn, responses={201: s.MaterialityOut})
    def post(self, request: Request, release: str) -> Response:
        """Raise or lower the class, with a reason. Only the second line does."""
        row = release_of(self.actor, release)
        given = s.MaterialityIn(data=request.data)
        given.is_valid(raise_exception=True)
        made = materiality.set_class(row, actor=self.actor, **given.validated_data)
        return Response(s.MaterialityOut(made).data, status=201)


class SittingsView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ, "POST": P.GOVERNANCE_RELEASE_DECIDE}

    @extend_schema(operation_id="releases_sittings", responses=s.SittingOut(many=True))
    def get(self, request: Request, release: str) -> Response:
        """The committees that sat on a release, with each vote."""
        return Response(s.SittingOut(selectors_seats.sittings_of(release_of(self.actor, release)), many=True).data)

    @extend_schema(operation_id="sittings_open", request=s.SittingIn, responses={201: s.SittingOut})
    def post(self, request: Request, release: str) -> Response:
        """Call the committee of a seat; you are its chair."""
        row = selectors.release_numbered(self.actor, release_of(self.actor, release).pk)
        given = s.SittingIn(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data | {
            "members": selectors_seats.people_of(row.version.model.team_id, given.validated_data["members"], "members")
        }
        made = committees.open_sitting(row, actor=self.actor, **data)
        return Response(s.SittingOut(selectors_seats.sitting_numbered(self.actor, made.pk)).data, status=201)


class SittingView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ}

    @extend_schema(operation_id="sittings_get", responses=s.SittingOut)
    def get(self, request: Request, sitting: int) -> Response:
        """One sitting: agenda, members, votes, digest of the minutes."""
        return Response(s.SittingOut(selectors_seats.sitting_numbered(self.actor, sitting)).data)


class VotesView(GatehouseView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_DECIDE}

    @extend_schema(operation_id="sittings_vote", request=s.VoteIn, responses={201: s.VoteOut})
    def post(self, request: Request, sitting: int) -> Response:
        """Vote as a member, once, with the reason."""
        row = selectors_seats.sitting_numbered(self.actor, sitting)
        given = s.VoteIn(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(s.VoteOut(committees.cast_vote(row, actor=self.actor, **given.validated_data)).data, status=201)


class SittingCloseView(GatehouseView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_DECIDE}

    @extend_schema(operation_id="sittings_close", request=s.CloseIn, responses=s.SittingOut)
    def post(self, request: Request, sitting: int) -> Response:
        """End the sitting with its minutes' digest; its decision fills the seat."""
        row = selectors_seats.sitting_numbered(self.actor, sitting)
        given = s.CloseIn(data=request.data)
        given.is_valid(raise_exception=True)
        committees.close_sitting(row, actor=self.actor, **given.validated_data)
        return Response(s.SittingOut(selectors_seats.sitting_numbered(self.actor, sitting)).data)
