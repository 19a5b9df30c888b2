"""Pages: one decision with the facts it was made on and the verdict it gave; both as the bytes that were digested."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from governance import selectors
from governance.choices import Verdict
from governance.models import Decision, Release
from portal.access import Permission
from portal.ledger.selectors import entries_about
from portal.pages.base import Page, ReadPage

ANSWERS = {
    Verdict.PASS: "Every rule that applied passes.",
    Verdict.ASK: "No rule refuses; a person is asked.",
    Verdict.FAIL: "A rule refuses.",
    Verdict.UNKNOWN: "A fact is not known, so a rule cannot conclude, and that refuses.",
    Verdict.NOT_APPLICABLE: "No policy applied.",
}


class DecisionPage(ReadPage):
    permission = Permission.GOVERNANCE_RELEASE_READ
    nav = "releases"
    template_name = "governance/decision.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        decision = selectors.decision_numbered(self.actor, int(kwargs.pop("number")))
        bundle = decision.bundle.select_related("policy_version__policy").order_by("position")
        return super().get_context_data(
            decision=decision,
            bundle=[row.policy_version for row in bundle],
            releases=Release.objects.visible_to(self.actor).filter(decision=decision),
            answer=ANSWERS[Verdict(decision.verdict)],
            replay=f"./gatehouse manage replay_decision {decision.public_id}",
            entries=entries_about("decision", decision.pk),
            rules=decision.result.get("rules", []),
            **kwargs,
        )


class _Document(Page):
    """A document of a decision as a download: exactly the bytes whose digest the page names."""

    permission = Permission.GOVERNANCE_RELEASE_READ
    name = ""

    def text(self, decision: Decision) -> str:
        raise NotImplementedError

    def get(self, request: HttpRequest, number: str) -> HttpResponse:
        decision = selectors.decision_numbered(self.actor, int(number))
        response = HttpResponse(self.text(decision), content_type="application/json")
        response["Content-Disposition"] = f'attachment; filename="{decision.public_id}-{self.name}.json"'
        return response


class DecisionFacts(_Document):
    name = "facts"

    def text(self, decision: Decision) -> str:
        return decision.facts_text


class DecisionResult(_Document):
    name = "result"

    def text(self, decision: Decision) -> str:
        return decision.result_text
