"""The demo's policies, brought into force the way every policy is: drafted, tested, approved by their owners."""

from __future__ import annotations

from collections.abc import Mapping

from governance.choices import DraftChoice
from governance.services import drafts, library
from portal.accounts.models import User

NAMES = ("disparate-impact", "evaluation-thresholds", "residency")
AUTHOR = "legal"
# The demo's people by the role that they hold for it.
OWNERS = {"fairness": "reviewer", "validator": "validator", "compliance": "compliance", "risk": "risk"}


def put_in_force(people: Mapping[str, User]) -> None:
    """Draft the demo's policies from the library and let their owners approve them."""
    for name in NAMES:
        draft = library.install(name, actor=people[AUTHOR], is_demo=True)
        draft = drafts.propose_draft(draft, actor=people[AUTHOR], reason="The house's first version.")
        for role in drafts.missing_owners(draft):
            drafts.decide_draft(
                draft, actor=people[OWNERS[role]], role=role, choice=DraftChoice.APPROVE, digest=draft.digest
            )
