"""Tells the demo's story by calling the services and jobs that a user's clicks would call.

Three releases of the income model on UCI Adult: one live, one that the gate refuses because the candidate gains
accuracy while its measured disparate impact falls, one that waits for the fairness reviewer. A second model from
another domain is live too. Every number is computed here.
"""

from __future__ import annotations

from django.db import transaction

from catalog.models import RegisteredModel
from demo import acts, clinic, income, people
from demo.policies import put_in_force
from portal.ledger.services import Subject, record


def is_seeded() -> bool:
    """Whether the demo is in the database."""
    return RegisteredModel.objects.filter(is_demo=True).exists()


def seed(*, say: acts.Say = lambda _line: None) -> None:
    """Fill an empty database with the demo. Raises what the services raise; nothing is skipped."""
    say("people, teams and policies")
    cast = acts.Cast(*people.make_people(), say=say)
    put_in_force(cast.people)
    income.tell(cast)
    clinic.tell(cast)
    with transaction.atomic():
        record(actor=None, event="demo:story:seeded", subject=Subject("demo.story", "1"), body={"models": 2})
