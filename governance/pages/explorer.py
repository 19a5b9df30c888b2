"""What a policy can read: the schema for the editor, and the facts of a real decision beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from governance.choices import DraftState, PolicyKind
from governance.gates.schema import FACTS
from governance.gates.shapes import Message
from governance.models import Decision, PolicyDraft
from governance.seats import flat_facts
from portal.access import Permission
from portal.pages.base import Page

RECENT = 30
MAX_SHOWN = 200


def schema_paths(message: Message = FACTS, prefix: str = "facts.") -> Iterator[dict[str, Any]]:
    """Every path that an expression can name: {path, type, doc, list}."""
    for field in message.fields:
        path = f"{prefix}{field.name}"
        yield {"path": path, "type": field.kind, "doc": field.doc, "list": field.repeated}
        if field.message is not None:
            yield from schema_paths(field.message, f"{path}[]." if field.repeated else f"{path}.")


class FactsSchema(Page):
    """The paths, for completion in the editor."""

    permission = Permission.GOVERNANCE_POLICY_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse({"paths": list(schema_paths())})


class FactsExplorer(Page):
    """`?decision=12&q=bias`: the facts of a stored decision, a part of the editor's page."""

    permission = Permission.GOVERNANCE_RELEASE_READ
    nav = "policies"

    def get(self, request: HttpRequest) -> HttpResponse:
        number, q = request.GET.get("decision", ""), request.GET.get("q", "").strip().lower()
        rows = Decision.objects.visible_to(self.actor).select_related("version__model", "endpoint").order_by("-pk")
        recent = list(rows[:RECENT])
        chosen = rows.filter(pk=int(number)).first() if number.isdecimal() and len(number) < 18 else None
        chosen = chosen or (recent[0] if recent else None)
        facts = [(path, value) for path, value in flat_facts(chosen.facts) if q in path.lower()] if chosen else []
        context = {
            "recent": recent,
            "chosen": chosen,
            "facts": facts[:MAX_SHOWN],
            "more": max(0, len(facts) - MAX_SHOWN),
            "q": request.GET.get("q", ""),
            "draft": self._draft(request.GET.get("draft", "")),
        }
        part = request.headers.get("HX-Request") == "true"
        name = "governance/parts/explorer.html" if part else "governance/explorer.html"
        return render(request, name, context)

    def _draft(self, number: str) -> PolicyDraft | None:
        """The reader's own draft that a test of the decision may go into."""
        mine = PolicyDraft.objects.filter(author=self.actor, state=DraftState.EDITING, kind=PolicyKind.POLICY)
        return mine.filter(pk=int(number)).first() if number.isdecimal() and len(number) < 18 else None
