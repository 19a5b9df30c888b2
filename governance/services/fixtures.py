"""A test of a draft made from a decision that really was made."""

from __future__ import annotations

import re

from governance.gates.cases import add_case, case_from
from governance.gates.errors import GateError
from governance.gates.policy import Policy as ParsedPolicy
from governance.models import Decision, PolicyDraft
from governance.services import drafts, policies
from portal.accounts.models import User
from portal.errors import InvalidInput, NotFound

_NUMBER = re.compile(r"(?:D-)?([1-9][0-9]{0,17})", re.ASCII)


def case_of(draft: PolicyDraft, decision: Decision) -> str:
    """The YAML of the test: the facts of the decision that the draft reads, and what the draft says of them."""
    document = policies.read_or_refuse(draft.source)
    if not isinstance(document, ParsedPolicy):
        raise InvalidInput("A policy set has no tests.", code="not-a-policy", how="Open the draft of a policy.")
    try:
        return case_from(decision.facts, decision.result, f"as decided in {decision.public_id}", policy=document)
    except GateError as error:
        raise InvalidInput(error.message, code="case", field="decision", how=error.how) from error


def add_case_from_decision(draft: PolicyDraft, *, actor: User, decision: str) -> PolicyDraft:
    """Add such a test to the draft and save it. Raises NotFound for a decision that the person may not see."""
    match = _NUMBER.fullmatch(decision.strip())
    row = Decision.objects.visible_to(actor).filter(pk=int(match.group(1))).first() if match else None
    if row is None:
        raise NotFound("There is no such decision.", code="not-found", field="decision", how="Give it as D-12.")
    try:
        text = add_case(draft.source, case_of(draft, row))
    except GateError as error:
        raise InvalidInput(error.message, code="case", field="decision", how=error.how) from error
    return drafts.save_draft(draft, actor=actor, source=text)
