"""API: releases, what people decide on them, and decisions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.selectors import endpoint_named, missing, plain, version_named
from governance import selectors
from governance.api import serializers as s
from governance.choices import ReleaseState
from governance.models import Release
from governance.policies import condition_owners
from governance.services.approvals import ConditionDraft, decide_release
from governance.services.fallbacks import Fallback
from governance.services.releases import request_release, withdraw_release
from portal.access import Permission
from portal.accounts.models import User
from portal.api.views import GatehouseView, keyset_page
from portal.errors import InvalidInput

P = Permission
FILTERS = [
    OpenApiParameter("state", str, enum=list(ReleaseState.values)),
    OpenApiParameter("model", str),
    OpenApiParameter("endpoint", str),
    OpenApiParameter("after", int, description="`next` of the page before"),
    OpenApiParameter("limit", int),
]


def number_of(text: str, prefix: str, what: str) -> int:
    """12 of "R-12", "r-12" or "12". Raises NotFound for anything else, as for what is not there."""
    digits = text.upper().removeprefix(f"{prefix}-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise missing(what, text)
    return int(digits)


def release_of(actor: User, text: str) -> Release:
    return selectors.release_numbered(actor, number_of(text, "R", "release"))


def detail(release: Release, actor: User) -> dict[str, Any]:
    """A release with its seats, approvals and rules."""
    review = selectors.review_of(release, actor=actor)
    return s.ReleaseDetail(_Detail(release, review.seats)).data


class _Detail:
    """A release as the serializer reads it, with what the review adds."""

    def __init__(self, release: Release, seats: Any) -> None:
        self._release = release
        self.seats = seats
        self.rules = release.decision.result.get("rules", []) if release.decision else []
        rows = release.approvals.select_related("person", "decision", "delegation__giver")
        rows = rows.prefetch_related("conditions__owner")
        self.approvals = list(rows.order_by("-pk"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._release, name)


class ReleasesView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ, "POST": P.GOVERNANCE_RELEASE_REQUEST}

    @extend_schema(operation_id="releases_list", parameters=FILTERS, responses=s.PageOfReleases)
    def get(self, request: Request) -> Response:
        """Releases, newest first."""
        rows = selectors.releases_for(self.actor)
        if state := request.query_params.get("state"):
            if state not in ReleaseState.values:
                how = f"One of: {', '.join(ReleaseState.values)}."
                raise InvalidInput(f"There is no state {state!r}.", code="bad-state", field="state", how=how)
            rows = rows.filter(state=state)
        if model := request.query_params.get("model"):
            rows = rows.filter(version__model__name__iexact=model)
        if endpoint := request.query_params.get("endpoint"):
            rows = rows.filter(endpoint__name__iexact=endpoint)
        return keyset_page(request, rows, serialize=lambda row: s.ReleaseOut(row).data)

    @extend_schema(operation_id="releases_request", request=s.ReleaseIn, responses={201: s.ReleaseDetail})
    def post(self, request: Request) -> Response:
        """Ask that a version may answer at an endpoint. The gates run at once, or when the last fact is computed."""
        given = s.ReleaseIn(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        version = version_named(self.actor, data["model"], data["version"])
        endpoint = endpoint_named(self.actor, data["endpoint"])
        release = request_release(
            version,
            endpoint,
            actor=self.actor,
            words=data["words"],
            due_at=data["due_at"],
            valid_until=data["valid_until"],
            fallback=self._fallback(data),
            draft=data["draft"],
        )
        body = detail(selectors.release_numbered(self.actor, release.pk), self.actor)
        return Response(body, status=201, headers={"Location": body["url"]})

    def _fallback(self, data: dict[str, Any]) -> Fallback | None:
        given = data["fallback"]
        if given is None:
            return None
        named = version_named(self.actor, data["model"], given["version"]) if given["version"] else None
        return Fallback(given["kind"], named, given["text"])


class ReleaseView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ}

    @extend_schema(operation_id="releases_get", responses=s.ReleaseDetail)
    def get(self, request: Request, release: str) -> Response:
        """One release: its state, the seats that must approve, and each rule with its facts."""
        return Response(detail(release_of(self.actor, release), self.actor))


class ReleaseDecisionsView(GatehouseView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_DECIDE}

    @extend_schema(operation_id="releases_decide", request=s.DecisionIn, responses={201: s.ReleaseDetail})
    def post(self, request: Request, release: str) -> Response:
        """Decide in one role about the decision you saw. 409 when it has moved on meanwhile."""
        row = release_of(self.actor, release)
        given = s.DecisionIn(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        decide_release(
            row,
            actor=self.actor,
            role=data["role"],
            choice=data["choice"],
            decision_digest=data["decision_digest"],
            reason=data["reason"],
            conditions=[self._draft(row, index, one) for index, one in enumerate(data["conditions"])],
            opinion=data["opinion"],
        )
        return Response(detail(selectors.release_numbered(self.actor, row.pk), self.actor), status=201)

    @staticmethod
    def _draft(release: Release, index: int, data: dict[str, Any]) -> ConditionDraft:
        """One answer for who does not exist and for who has no part here: the API is no list of user names."""
        owner = condition_owners(release).filter(username__iexact=plain(data["owner"])).first()
        if owner is None:
            raise InvalidInput(
                f"There is no person {data['owner']!r} to give the condition to.",
                code="no-such-person",
                field=f"conditions[{index}].owner",
                how="Give the user name of an active person with a role in the model's team.",
            )
        return ConditionDraft(**{**data, "owner": owner})


class ReleaseWithdrawView(GatehouseView):
    permissions = {"POST": P.GOVERNANCE_RELEASE_WITHDRAW}

    @extend_schema(operation_id="releases_withdraw", request=s.WithdrawIn, responses=s.ReleaseDetail)
    def post(self, request: Request, release: str) -> Response:
        """Take a release back before it is decided."""
        row = release_of(self.actor, release)
        given = s.WithdrawIn(data=request.data)
        given.is_valid(raise_exception=True)
        withdraw_release(row, actor=self.actor, reason=given.validated_data["reason"])
        return Response(detail(selectors.release_numbered(self.actor, row.pk), self.actor))


class DecisionView(GatehouseView):
    permissions = {"GET": P.GOVERNANCE_RELEASE_READ}

    @extend_schema(operation_id="decisions_get", responses=s.DecisionOut)
    def get(self, request: Request, decision: str) -> Response:
        """A stored decision: the facts it was made on and the verdict per rule."""
        row = selectors.decision_numbered(self.actor, number_of(decision, "D", "decision"))
        return Response(s.DecisionOut(row).data)
