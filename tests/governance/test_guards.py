"""What the database refuses by itself: each guard tried with raw SQL as the application's role."""

import re
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from governance.choices import TRANSITIONS, ReleaseState
from governance.migrations import __path__ as migrations_path
from governance.models import Approval, Release
from tests.factories import governance, people

pytestmark = pytest.mark.django_db

INSERT = """INSERT INTO governance_approval
 (release_id, decision_id, decision_digest, person_id, role, choice, reason, decided_at)
 VALUES (%s, %s, %s, %s, 'validator', %s, 'because', %s)"""


def insert(release: Release, person, *, digest=None, decision=None, choice="approve") -> None:
    values = [release.pk, decision or release.decision_id, digest or release.decision.digest, person.pk, choice]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(INSERT, [*values, timezone.now()])


def move(release: Release, state: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE governance_release SET state = %s, live_at = now() WHERE id = %s", [state, release.pk])


def test_tests_run_as_the_application(settings) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("gatehouse_app",)


def test_requester_trainer_and_author_cannot_approve_by_sql() -> None:
    who = governance.cast()
    release = governance.release_in_review(who)
    for person in (who.owner, who.developer):
        with pytest.raises(DatabaseError, match="does not decide"):
            insert(release, person)
    trainer = people.person("developer", who.team)
    run = governance.run("theirs", trained_by=trainer)
    other = governance.release_in_review(who, version=governance.ready_version(who, run=run))
    with pytest.raises(DatabaseError, match="does not decide"):
        insert(other, trainer)
    with transaction.atomic():  # the good sample, taken back because it has no ledger entry
        insert(release, who.reviewers["validator"])
        transaction.set_rollback(True)


def test_approval_of_another_decision_or_digest_is_refused() -> None:
    who = governance.cast()
    release = governance.release_in_review(who)
    validator = who.reviewers["validator"]
    with pytest.raises(DatabaseError, match="bound to the current decision"):
        insert(release, validator, digest="0" * 64)
    other = governance.release_in_review(who)
    with pytest.raises(DatabaseError, match="bound to the current decision"):
        insert(release, validator, decision=other.decision_id)


def test_approval_of_a_refused_release_is_refused() -> None:
    who = governance.cast()
    release = governance.release_in_review(who, version=governance.ready_version(who, accuracy=0.2))
    assert release.state == "blocked"
    with pytest.raises(DatabaseError, match="not open for decisions"):
        insert(release, who.reviewers["validator"])


def test_approval_is_never_changed() -> None:
    who = governance.cast()
    release = governance.release_in_review(who)
    row = governance.decide(release, who.reviewers["validator"], "validator")
    for statement in ("UPDATE governance_approval SET choice = 'reject'", "DELETE FROM governance_approval"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"{statement} WHERE id = %s", [row.pk])
    assert Approval.objects.get(pk=row.pk).choice == "approve"


def test_live_without_approval_and_odd_transitions_are_refused() -> None:
    release = governance.release_in_review()
    with pytest.raises(DatabaseError, match="no approval of its current decision"):
        move(release, "live")
    for state in ("superseded", "checking"):
        with pytest.raises(DatabaseError, match="cannot go from"):
            move(release, state)
    with pytest.raises(DatabaseError, match="are fixed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE governance_release SET requested_by_id = (SELECT min(id) FROM accounts_user"
            " WHERE id <> requested_by_id) WHERE id = %s",
            [release.pk],
        )


def test_release_starts_in_checking() -> None:
    release = governance.release_in_review()
    with pytest.raises(DatabaseError, match="starts in the state checking"), transaction.atomic():
        Release.objects.create(
            version=governance.ready_version(governance.cast()),
            endpoint=release.endpoint,
            requested_by=release.requested_by,
            decision=release.decision,
            state=ReleaseState.IN_REVIEW,
        )


def test_trigger_and_code_hold_the_same_table() -> None:
    text = (Path(next(iter(migrations_path))) / "0007_life_guards.py").read_text(encoding="utf-8")
    text = text.split("NOT (OLD.state, NEW.state) IN (")[1].split(") THEN")[0]
    pairs = set(re.findall(r"\('([a-z_]+)', '([a-z_]+)'\)", text))
    assert pairs == {(str(one), str(other)) for one, others in TRANSITIONS.items() for other in others}
