"""The statement that a decision form is about to sign: made for the page's script, read back before it is signed."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from governance import selectors
from governance.choices import DECIDING_ROLES, DecisionChoice, Opinion
from governance.models import PendingStatement, Release
from governance.pages.forms import DecisionForm
from governance.policies import condition_owners
from governance.services import statements
from portal.access import Permission
from portal.accounts import passkeys_use
from portal.accounts.choices import Role
from portal.accounts.models import User
from portal.api.problems import problem_of
from portal.errors import DomainError
from portal.pages.base import Page


class ReleaseStatementPage(Page):
    """Takes the decision form before it is sent, and answers with what the person's key would sign."""

    permission = Permission.GOVERNANCE_RELEASE_DECIDE
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, number: str) -> HttpResponse:
        try:
            release = selectors.release_numbered(self.actor, int(number))
            form = DecisionForm(request.POST, roles=DECIDING_ROLES, people=list(condition_owners(release)))
            if not form.is_valid():
                return JsonResponse({"type": "urn:gatehouse:problem:invalid", "status": 422}, status=422)
            data = form.cleaned_data
            row = statements.statement_for(
                release,
                actor=self.actor,
                role=data["role"],
                choice=data["choice"],
                decision_digest=data["decision_digest"],
                reason=data["reason"],
                conditions=data["conditions"],
                opinion=data["opinion"],
            )
        except DomainError as error:
            return JsonResponse(problem_of(error), status=error.status)
        response = JsonResponse(answer(row, self.actor, data))
        response["Cache-Control"] = "no-store"
        return response


def answer(row: PendingStatement, actor: User, data: dict[str, Any]) -> dict[str, Any]:
    """The statement, its challenge and the person's keys, and the same in words."""
    return {
        "statement": row.text,
        "digest": row.digest,
        "seconds": int((row.expires_at - row.made_at).total_seconds()),
        "publicKey": passkeys_use.begin(actor, row.text.encode()),
        "shown": shown(row.release, json.loads(row.text), actor, data),
    }


def shown(release: Release, told: dict[str, Any], actor: User, data: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines that are read back. Texts stand in the statement by their digests, and here as they were typed."""
    point = told["checkpoint"]
    lines = [
        ("Decision", str(DecisionChoice(told["choice"]).label)),
        ("By", str(actor)),
        ("As", str(Role(told["seat"]).label)),
        ("On", f"{release.public_id}: {told['subject']['version']} to {told['subject']['endpoint']}"),
        ("Having seen", f"the facts and rules of decision {told['decision'][:12]}…"),
    ]
    if told["opinion"]:
        lines.append(("Opinion", str(Opinion(told["opinion"]).label)))
    if told["in_place_of"]:
        giver = User.objects.get(uuid=told["in_place_of"].removeprefix("user:"))
        lines.append(("In place of", str(giver)))
    for condition in data["conditions"]:
        lines.append(("Condition", f"{condition.text} ({condition.owner}, until {condition.due_on.isoformat()})"))
    lines.append(("Reason", data["reason"] or "none given"))
    lines.append(("Audit log", f"{point['size']} entries, root {point['root'][:12]}…"))
    return lines
