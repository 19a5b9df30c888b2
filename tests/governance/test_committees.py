"""A seat that a committee fills: agenda, quorum, each vote with its reason, dissent, minutes."""

import hashlib

import pytest
from django.db import DatabaseError, connection, transaction

from governance import seats
from governance.models import Release, Vote
from governance.services import committees, delegation, releases
from portal.errors import DomainError
from tests.factories import catalog, governance, people
from tests.governance.test_seats import review

pytestmark = pytest.mark.django_db
MINUTES = hashlib.sha256(b"minutes").hexdigest()


@pytest.fixture
def who() -> governance.Cast:
    return governance.cast()


@pytest.fixture
def committee(who):
    return [people.person("risk", who.team) for _ in range(3)]


def sit(release: Release, people_, **kw):
    release.refresh_from_db()
    kw = {"role": "risk", "agenda": "Release of the model.", "decision_digest": release.decision.digest} | kw
    return committees.open_sitting(release, actor=people_[0], members=people_[1:], **kw)


def refused(act) -> str:
    with pytest.raises(DomainError) as caught:
        act()
    return caught.value.code


@pytest.fixture
def release(who, committee) -> Release:
    return review(who, "[{role: risk, committee: {quorum: 2}}]")


def test_quorum_of_yes_fills_the_seat_and_dissent_stands(release, committee) -> None:
    assert refused(lambda: governance.decide(release, committee[0], "risk")) == "seat-of-committee"
    sitting = sit(release, committee)
    close = lambda **kw: committees.close_sitting(sitting, actor=committee[0], minutes_digest=MINUTES, **kw)  # noqa: E731
    committees.cast_vote(sitting, actor=committee[0], choice="yes", reason="Good.", conditions="Watch it.")
    assert refused(close) == "quorum-missing"
    committees.cast_vote(sitting, actor=committee[1], choice="no", reason="Too early.")
    committees.cast_vote(sitting, actor=committee[2], choice="yes", reason="Fine.")
    made = close()
    release.refresh_from_db()
    assert (release.state, made.sitting_id, made.person) == ("live", sitting.pk, committee[0])
    sitting.refresh_from_db()
    assert (sitting.minutes_digest, sitting.closed_at is None) == (MINUTES, False)
    assert [row.choice for row in sitting.votes.order_by("pk")] == ["yes", "no", "yes"]
    assert refused(close) == "sitting-closed"


def test_committee_that_says_no_rejects(release, committee) -> None:
    sitting = sit(release, committee)
    for member in committee:
        committees.cast_vote(sitting, actor=member, choice="no", reason="No.")
    committees.close_sitting(sitting, actor=committee[0], minutes_digest=MINUTES, choice="reject", reason="No.")
    release.refresh_from_db()
    assert release.state == "rejected"


def test_members_and_votes_are_checked(release, committee, who) -> None:
    assert refused(lambda: sit(release, committee[:1])) == "members-few"
    assert refused(lambda: sit(release, [*committee[:2], who.owner])) == "member-invalid"
    assert refused(lambda: sit(release, [*committee[:2], who.reviewers["fairness"]])) == "member-invalid"
    assert refused(lambda: sit(release, committee, agenda=" ")) == "agenda-missing"
    assert refused(lambda: sit(release, committee, decision_digest="0" * 64)) == "stale-decision"
    sitting = sit(release, committee[:2])
    assert refused(lambda: sit(release, committee)) == "sitting-open"
    vote = lambda person, **kw: committees.cast_vote(  # noqa: E731
        sitting, actor=person, **({"choice": "yes", "reason": "Good."} | kw)
    )
    assert refused(lambda: vote(committee[2])) == "not-a-member"
    assert refused(lambda: vote(committee[0], choice="maybe")) == "choice-unknown"
    assert refused(lambda: vote(committee[0], reason=" ")) == "reason-missing"
    vote(committee[0])
    assert refused(lambda: vote(committee[0])) == "voted"
    close = lambda actor, digest: committees.close_sitting(sitting, actor=actor, minutes_digest=digest)  # noqa: E731
    assert refused(lambda: close(committee[1], MINUTES)) == "not-the-chair"
    assert refused(lambda: close(committee[0], "minutes.pdf")) == "minutes-invalid"


def test_facts_that_change_while_it_sits_end_it_without_a_decision(release, committee) -> None:
    sitting = sit(release, committee)
    for member in committee:
        committees.cast_vote(sitting, actor=member, choice="yes", reason="Good.")
    catalog.metrics(release.version, accuracy=0.9)
    releases.assess_release(release)
    assert committees.close_sitting(sitting, actor=committee[0], minutes_digest=MINUTES) is None
    release.refresh_from_db()
    assert release.state == "in_review"
    assert not seats.seats_of(release, seats.load(release))[0].is_filled
    sit(release, committee)


def test_who_stood_back_does_not_vote(release, committee) -> None:
    sitting = sit(release, committee)
    delegation.recuse(release, actor=committee[1], role="risk", reason="I know them.")
    vote = lambda: committees.cast_vote(sitting, actor=committee[1], choice="yes", reason="x")  # noqa: E731
    assert refused(vote) == "separation-of-duties"
    row = {"sitting": sitting, "person": committee[1], "choice": "yes", "reason": "x"}
    with pytest.raises(DatabaseError, match="standing back"), transaction.atomic():
        Vote.objects.create(**row, cast_at=sitting.opened_at)


def test_closed_sittings_never_change(release, committee) -> None:
    sitting = sit(release, committee)
    for statement in ("UPDATE governance_sitting SET agenda = 'x'", "DELETE FROM governance_sitting"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"{statement} WHERE id = %s", [sitting.pk])
