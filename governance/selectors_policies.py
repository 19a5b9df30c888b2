"""Reading policies and their drafts. Policies hold for everybody, so everybody who may read one reads all."""

from __future__ import annotations

import re

from django.db.models import QuerySet

from catalog.selectors import missing
from governance.choices import OPEN_DRAFTS, DraftState
from governance.models import PolicyDraft
from governance.services import drafts
from portal.access import Permission, can, holds_role, require
from portal.accounts.models import User

_NUMBER = re.compile(r"PD-([1-9][0-9]{0,17})", re.ASCII)


def drafts_for(actor: User, *, state: str = "") -> QuerySet[PolicyDraft]:
    """Drafts in that state; "open" for those not over; all for none."""
    require(actor, Permission.GOVERNANCE_POLICY_READ)
    rows = PolicyDraft.objects.select_related("author", "base__policy", "version")
    if state == "open":
        return rows.filter(state__in=OPEN_DRAFTS)
    if state:
        return rows.filter(state=state) if state in DraftState.values else rows.none()
    return rows


def draft_numbered(actor: User, number: str) -> PolicyDraft:
    """The draft PD-n. Raises NotFound."""
    match = _NUMBER.fullmatch(number)
    rows = drafts_for(actor).prefetch_related("approvals__person")
    found = rows.filter(pk=int(match.group(1))).first() if match else None
    if found is None:
        raise missing("policy draft", number)
    return found


def seats_for(actor: User, draft: PolicyDraft) -> list[str]:
    """The roles in which this person can decide on the draft now."""
    if draft.state != DraftState.PROPOSED or drafts.author_problem(draft, actor=actor):
        return []
    if not can(actor, Permission.GOVERNANCE_POLICY_APPROVE):
        return []
    open_roles, scope = drafts.owners_missing_now(draft), drafts.scope_of(draft)
    mine = [role for role in open_roles if holds_role(actor, role, scope)]
    return [role for role in mine if drafts.open_seat_problem(draft, role, actor=actor) is None]


def drafts_waiting_for(actor: User) -> list[PolicyDraft]:
    """Proposed drafts that this person can decide on."""
    if not can(actor, Permission.GOVERNANCE_POLICY_APPROVE):
        return []
    return [row for row in drafts_for(actor, state=DraftState.PROPOSED).order_by("pk") if seats_for(actor, row)]
