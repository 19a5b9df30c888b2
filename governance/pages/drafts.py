"""Pages: drafts of policies, from the first line to the owners' approval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse

from governance.choices import DraftChoice
from governance.gates.policy import Policy as ParsedPolicy
from governance.models import PolicyDraft
from governance.pages.draft_view import draft_context, summary
from governance.pages.params import typed_params
from governance.selectors_policies import draft_numbered, drafts_for, seats_for
from governance.services import backtests, drafts, fixtures, library, policies
from governance.services.checks import check_source, mutants_of
from portal.access import Permission, can
from portal.errors import DomainError, InvalidInput, NotFound
from portal.pages.base import Page, ReadPage

P = Permission
SAID = {
    "save": "The draft is saved.",
    "propose": "The owners are asked. You can take it back until one of them decides.",
    "backtest": "The back-test runs.",
    "shadow-on": "The draft runs beside every new decision and decides nothing.",
    "shadow-off": "Shadow mode is off.",
    "abandon": "The draft is given up.",
    "take-back": "The draft is yours to change again.",
    "rebase": "The draft goes on from the version in force.",
    "add-case": "The test is added at the end. Read it and save what you change.",
}
FILTERS = (
    ("open", "Open"),
    ("active", "In force"),
    ("rejected", "Rejected"),
    ("abandoned", "Given up"),
    ("all", "All"),
)
BLANK = """apiVersion: gatehouse/v1
kind: Policy
metadata:
  name: my-policy
  owner: risk
  description: Say in one sentence what must hold.
  reviewBy: "2027-12-31"
params:
  floor: {type: double, default: 0.8, description: Lowest value allowed}
variables:
  - name: measured
    expression: "facts.metrics.filter(m, m.name == 'accuracy' && m.split == 'test')"
rules:
  - id: reaches-the-floor
    title: Accuracy reaches the floor
    require: "variables.measured.all(m, m.value >= params.floor)"
    message: "'Accuracy is under %f.'.format([params.floor])"
enforcement: block
tests:
  - name: at the floor
    facts: {metrics: [{name: accuracy, split: test, segment: all, value: 0.8}]}
    expect: {reaches-the-floor: pass}
  - name: under the floor
    facts: {metrics: [{name: accuracy, split: test, segment: all, value: 0.79}]}
    expect: {reaches-the-floor: fail}
  - name: not measured
    facts: {metrics: []}
    expect: {reaches-the-floor: unknown}
"""


class DraftsPage(ReadPage):
    """`?state=open|active|...`: drafts, newest first."""

    permission = P.GOVERNANCE_POLICY_READ
    nav = "policies"
    template_name = "governance/drafts.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        state = self.request.GET.get("state", "open")
        rows = list(drafts_for(self.actor, state=state if state != "all" else "").order_by("-pk")[:100])
        mine = {row.pk for row in rows if seats_for(self.actor, row)}
        may_draft = can(self.actor, P.GOVERNANCE_POLICY_DRAFT)
        return super().get_context_data(
            drafts=rows, mine=mine, state=state, may_draft=may_draft, filters=FILTERS, **kwargs
        )


class DraftNewPage(Page):
    """Begin a draft: `?policy=NAME` from what is in force, `?library=NAME` from the library, else from a blank."""

    permission = P.GOVERNANCE_POLICY_DRAFT
    nav = "policies"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(self._start(), status=200)

    def _start(self) -> str:
        name, shelf = self.request.GET.get("policy", ""), self.request.GET.get("library", "")
        if shelf:
            text, lost = library.upgrade_of(shelf)
            for words in lost:
                messages.warning(self.request, words)
            return text
        version = drafts.active_version(name) if name else None
        return version.source if version is not None else BLANK

    def post(self, request: HttpRequest) -> HttpResponse:
        source, shelf = request.POST.get("source", ""), request.POST.get("library", "")
        try:
            origin = {"library": shelf} if shelf else {}
            draft = drafts.begin_draft(
                source, actor=self.actor, reason=request.POST.get("reason", ""), origin=origin, is_demo=self._is_demo()
            )
        except DomainError as error:
            return self._page(source, status=error.status, refused=error)
        return redirect("policy-draft", number=draft.pk)

    def _is_demo(self) -> bool:
        return self.actor.is_demo

    def _page(self, source: str, *, status: int, refused: DomainError | None = None) -> HttpResponse:
        context = {
            "source": source,
            "refused": refused,
            "check": check_source(source.replace("\r\n", "\n")),
            "library": self.request.POST.get("library", self.request.GET.get("library", "")),
            "reason": self.request.POST.get("reason", ""),
        }
        return render(self.request, "governance/draft_new.html", context, status=status)


class DraftPage(Page):
    """One draft. A post carries the text and what is to be done: what was typed is never lost."""

    permission = P.GOVERNANCE_POLICY_READ
    nav = "policies"

    def get(self, request: HttpRequest, number: str) -> HttpResponse:
        return self._page(draft_numbered(self.actor, f"PD-{number}"))

    def post(self, request: HttpRequest, number: str) -> HttpResponse:
        draft = draft_numbered(self.actor, f"PD-{number}")
        act, source = request.POST.get("act", ""), request.POST.get("source")
        try:
            if source is not None:
                draft = drafts.save_draft(
                    draft,
                    actor=self.actor,
                    source=source,
                    seen_digest=request.POST.get("digest", ""),
                    reason=request.POST.get("reason"),
                )
            self._carry_out(draft, act)
        except NotFound:
            raise
        except DomainError as error:
            fresh = draft_numbered(self.actor, f"PD-{number}")
            return self._page(fresh, source=source, refused=error, status=error.status)
        messages.success(request, SAID[act])
        anchor = "#backtest" if act == "backtest" else ""
        return HttpResponseRedirect(reverse("policy-draft", kwargs={"number": number}) + anchor, status=303)

    def _carry_out(self, draft: PolicyDraft, act: str) -> None:
        actor = self.actor
        acts: Mapping[str, Any] = {
            "save": lambda: None,
            "propose": lambda: drafts.propose_draft(draft, actor=actor),
            "backtest": lambda: backtests.start_backtest(draft, actor=actor, selection=self._selection()),
            "shadow-on": lambda: drafts.set_shadow(draft, actor=actor, on=True),
            "shadow-off": lambda: drafts.set_shadow(draft, actor=actor, on=False),
            "abandon": lambda: drafts.abandon_draft(draft, actor=actor),
            "take-back": lambda: drafts.take_back_draft(draft, actor=actor),
            "rebase": lambda: drafts.rebase_draft(draft, actor=actor),
            "add-case": lambda: fixtures.add_case_from_decision(
                draft, actor=actor, decision=self.request.POST.get("decision", "")
            ),
        }
        if act not in acts:
            raise InvalidInput("The form names no act.", code="act-unknown", how="Use the page's buttons.")
        acts[act]()

    def _selection(self) -> dict[str, str]:
        """Which decisions to try: the filled fields of the filter."""
        given = {name: self.request.POST.get(name, "").strip() for name in backtests.SELECTORS}
        return {name: value for name, value in given.items() if value}

    def _page(
        self, draft: PolicyDraft, *, source: str | None = None, refused: DomainError | None = None, status: int = 200
    ) -> HttpResponse:
        context = draft_context(draft, self.actor, source=source)
        reason = self.request.POST.get("reason", draft.reason)
        context |= {"refused": refused, "reason": reason, "choices": DraftChoice.choices}
        return render(self.request, "governance/draft.html", context, status=status)


class DraftDecidePage(Page):
    """Takes an owner's decision from the draft's page."""

    permission = P.GOVERNANCE_POLICY_APPROVE
    nav = "policies"

    def get(self, request: HttpRequest, number: str) -> HttpResponse:
        return redirect("policy-draft", number=number)

    def post(self, request: HttpRequest, number: str) -> HttpResponse:
        draft = draft_numbered(self.actor, f"PD-{number}")
        data = request.POST
        try:
            drafts.decide_draft(
                draft,
                actor=self.actor,
                role=data.get("role", ""),
                choice=data.get("choice", ""),
                digest=data.get("digest", ""),
                reason=data.get("words", ""),
            )
        except DomainError as error:
            fresh = draft_numbered(self.actor, f"PD-{number}")
            context = draft_context(fresh, self.actor)
            context |= {"refused": error, "typed": data.get("words", "")}
            context |= {"choices": DraftChoice.choices, "reason": fresh.reason}
            return render(request, "governance/draft.html", context, status=error.status)
        draft.refresh_from_db()
        messages.success(request, f"Your decision is recorded. The draft is now: {draft.get_state_display().lower()}.")
        return redirect("policy-draft", number=number)


class DraftCheckPage(Page):
    """What is wrong with the text that is being typed, and how its tests end: a part of the page."""

    permission = P.GOVERNANCE_POLICY_READ

    def post(self, request: HttpRequest) -> HttpResponse:
        source = request.POST.get("source", "").replace("\r\n", "\n")[: drafts.MAX_SOURCE + 1]
        check = check_source(source)
        context = {"check": check, "is_policy": isinstance(check.document, ParsedPolicy)}
        return render(request, "governance/parts/draft_check.html", context)


class DraftPreviewPage(Page):
    """What a slider shows: the saved text with other parameters on the newest decisions that one may see."""

    permission = P.GOVERNANCE_POLICY_READ
    nav = "policies"

    def get(self, request: HttpRequest, number: str) -> HttpResponse:
        draft = draft_numbered(self.actor, f"PD-{number}")
        part = request.headers.get("HX-Request") == "true"
        context: dict[str, Any] = {"draft": draft}
        try:
            tally = backtests.preview_draft(draft.source, actor=self.actor, params=self._params(draft))
        except DomainError as error:
            context["refused"] = error
            status = 200 if part else error.status
        else:
            flips = backtests.named(tally.flips)
            context |= {"found": summary(tally.total, dict(tally.counts), flips, self.actor), "tally": tally}
            status = 200
        context["given"] = request.GET.items()
        name = "governance/parts/draft_preview.html" if part else "governance/draft_preview.html"
        return render(request, name, context, status=status)

    def _params(self, draft: PolicyDraft) -> dict[str, Any]:
        document = policies.read_or_refuse(draft.source)
        known = document.params.values() if isinstance(document, ParsedPolicy) else ()
        return typed_params(known, self.request.GET)


class DraftMutantsPage(Page):
    """Whether the tests would notice a wrong comparison: a part of the page, computed when it is asked for."""

    permission = P.GOVERNANCE_POLICY_READ
    nav = "policies"

    def get(self, request: HttpRequest, number: str) -> HttpResponse:
        draft = draft_numbered(self.actor, f"PD-{number}")
        context: dict[str, Any] = {"draft": draft}
        try:
            found = mutants_of(draft.source)
        except DomainError as error:
            context["refused"] = error
        else:
            context |= {"mutants": found, "left": [one for one in found if not one.noticed]}
        part = request.headers.get("HX-Request") == "true"
        name = "governance/parts/mutants.html" if part else "governance/mutants.html"
        return render(request, name, context)
