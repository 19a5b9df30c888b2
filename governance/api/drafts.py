"""API: a policy's text on its way into force."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import policy_serializers as s
from governance.api.gates import pending
from governance.api.serializers import PendingOut
from governance.models import PolicyDraft
from governance.selectors_policies import draft_numbered, drafts_for
from governance.services import backtests, drafts
from portal.access import Permission
from portal.api.views import GatehouseView, keyset_page

P = Permission


class DraftView(GatehouseView):
    """The base of what belongs to one draft."""

    def answer(self, draft: PolicyDraft, status: int = 200) -> Response:
        body = s.DraftOut(draft_numbered(self.actor, draft.public_id)).data
        return Response(body, status=status, headers={"Location": body["url"]} if status == 201 else None)


class PolicyDraftsView(DraftView):
    permissions = {"GET": P.GOVERNANCE_POLICY_READ, "POST": P.GOVERNANCE_POLICY_DRAFT}

    @extend_schema(
        operation_id="policy_drafts_list",
        parameters=[OpenApiParameter("state", str), OpenApiParameter("after", int), OpenApiParameter("limit", int)],
        responses=s.PageOfDrafts,
    )
    def get(self, request: Request) -> Response:
        """Drafts, newest first."""
        rows = drafts_for(self.actor, state=request.query_params.get("state", ""))
        return keyset_page(request, rows, serialize=lambda row: s.DraftShort(row).data)

    @extend_schema(operation_id="policy_drafts_create", request=s.DraftIn, responses={201: s.DraftOut})
    def post(self, request: Request) -> Response:
        """Keep a text as a draft. It decides nothing until its owners have approved it."""
        given = s.DraftIn(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        draft = drafts.begin_draft(
            data["source"], actor=self.actor, reason=data["reason"], origin=data.get("git") and {"git": data["git"]}
        )
        return self.answer(draft, 201)


class PolicyDraftView(DraftView):
    permissions = {"GET": P.GOVERNANCE_POLICY_READ, "PUT": P.GOVERNANCE_POLICY_DRAFT}

    @extend_schema(operation_id="policy_drafts_get", responses=s.DraftOut)
    def get(self, request: Request, draft: str) -> Response:
        """One draft: its text, its approvals, the owners who are still to decide."""
        return self.answer(draft_numbered(self.actor, draft))

    @extend_schema(operation_id="policy_drafts_save", request=s.DraftChange, responses=s.DraftOut)
    def put(self, request: Request, draft: str) -> Response:
        """Keep a new text. 409 when another one was saved since you read it."""
        given = s.DraftChange(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        row = draft_numbered(self.actor, draft)
        row = drafts.save_draft(
            row, actor=self.actor, source=data["source"], seen_digest=data["digest"], reason=data.get("reason")
        )
        return self.answer(row)


class DraftActView(DraftView):
    """One act on a draft, without further input than a reason."""

    permissions = {"POST": P.GOVERNANCE_POLICY_DRAFT}

    def reason(self, request: Request) -> str | None:
        given = s.ReasonIn(data=request.data)
        given.is_valid(raise_exception=True)
        return given.validated_data.get("reason")


class DraftProposeView(DraftActView):
    @extend_schema(operation_id="policy_drafts_propose", request=s.ReasonIn, responses=s.DraftOut)
    def post(self, request: Request, draft: str) -> Response:
        """Ask the owners to put the text in force."""
        row, reason = draft_numbered(self.actor, draft), self.reason(request)
        return self.answer(drafts.propose_draft(row, actor=self.actor, reason=reason))


class DraftTakeBackView(DraftActView):
    @extend_schema(operation_id="policy_drafts_take_back", request=None, responses=s.DraftOut)
    def post(self, request: Request, draft: str) -> Response:
        """Take a proposed draft back to change it."""
        return self.answer(drafts.take_back_draft(draft_numbered(self.actor, draft), actor=self.actor))


class DraftAbandonView(DraftActView):
    @extend_schema(operation_id="policy_drafts_abandon", request=None, responses=s.DraftOut)
    def post(self, request: Request, draft: str) -> Response:
        """Give the draft up; it stays readable."""
        return self.answer(drafts.abandon_draft(draft_numbered(self.actor, draft), actor=self.actor))


class DraftRebaseView(DraftActView):
    @extend_schema(operation_id="policy_drafts_rebase", request=None, responses=s.DraftOut)
    def post(self, request: Request, draft: str) -> Response:
        """Go on from the version that came into force since the draft was begun."""
        return self.answer(drafts.rebase_draft(draft_numbered(self.actor, draft), actor=self.actor))


class DraftDecisionsView(DraftView):
    permissions = {"POST": P.GOVERNANCE_POLICY_APPROVE}

    @extend_schema(operation_id="policy_drafts_decide", request=s.DraftDecisionIn, responses={201: s.DraftOut})
    def post(self, request: Request, draft: str) -> Response:
        """Approve, ask for changes or reject, as an owner. The last owner's approval puts the text in force."""
        given = s.DraftDecisionIn(data=request.data)
        given.is_valid(raise_exception=True)
        row = draft_numbered(self.actor, draft)
        drafts.decide_draft(row, actor=self.actor, **given.validated_data)
        return self.answer(row, 201)


class DraftBacktestsView(DraftView):
    permissions = {"GET": P.GOVERNANCE_POLICY_READ, "POST": P.GOVERNANCE_POLICY_DRAFT}

    @extend_schema(
        operation_id="policy_backtests_list",
        parameters=[OpenApiParameter("after", int), OpenApiParameter("limit", int)],
        responses=s.PageOfBacktests,
    )
    def get(self, request: Request, draft: str) -> Response:
        """The draft's back-tests, newest first."""
        rows = draft_numbered(self.actor, draft).backtests.select_related("draft")
        return keyset_page(request, rows, serialize=lambda row: s.BacktestOut(row, context={"actor": self.actor}).data)

    @extend_schema(operation_id="policy_backtests_create", request=s.BacktestIn, responses={202: PendingOut})
    def post(self, request: Request, draft: str) -> Response:
        """Try the saved text on stored decisions; poll the job, then read the list."""
        given = s.BacktestIn(data=request.data)
        given.is_valid(raise_exception=True)
        selection = {name: str(value) for name, value in given.validated_data.get("selection", {}).items()}
        job = backtests.start_backtest(
            draft_numbered(self.actor, draft),
            actor=self.actor,
            params=given.validated_data.get("params"),
            selection=selection,
        )
        return pending(job)


class DraftShadowView(DraftView):
    permissions = {"GET": P.GOVERNANCE_POLICY_READ, "PUT": P.GOVERNANCE_POLICY_DRAFT}

    @extend_schema(
        operation_id="policy_shadow_list",
        parameters=[OpenApiParameter("after", int), OpenApiParameter("limit", int)],
        responses=s.PageOfShadow,
    )
    def get(self, request: Request, draft: str) -> Response:
        """What the draft said beside decisions made while it was in shadow mode, newest first."""
        rows = backtests.shadow_results(draft_numbered(self.actor, draft), actor=self.actor)
        return keyset_page(request, rows, serialize=lambda row: s.ShadowOut(row).data)

    @extend_schema(operation_id="policy_shadow_set", request=s.ShadowIn, responses=s.DraftOut)
    def put(self, request: Request, draft: str) -> Response:
        """Begin or end shadow mode."""
        given = s.ShadowIn(data=request.data)
        given.is_valid(raise_exception=True)
        return self.answer(
            drafts.set_shadow(draft_numbered(self.actor, draft), actor=self.actor, on=given.validated_data["on"])
        )
