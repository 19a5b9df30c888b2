"""People who decide in the same second, in connections of their own."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from catalog.models import Deployment
from governance import seats
from governance.models import Approval, Release
from governance.services.approvals import decide_release
from governance.services.delegation import delegate, recuse
from portal.errors import DomainError
from tests.factories import governance, people

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts) -> list:
    """Run the acts in threads that start together; what each returned, or the DomainError it raised."""
    barrier, found = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place: int) -> None:
        try:
            barrier.wait(timeout=20)
            found[place] = acts[place]()
        except DomainError as error:
            found[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return found


def act(release: Release, person, role: str, choice: str = "approve"):
    digest = release.decision.digest
    reason = "" if choice == "approve" else "Because."
    return lambda: decide_release(
        Release.objects.select_related("version__model").get(pk=release.pk),
        actor=person,
        role=role,
        choice=choice,
        decision_digest=digest,
        reason=reason,
    )


def test_two_people_for_one_seat_fill_it_once() -> None:
    who = governance.cast()
    release = governance.release_in_review(who)
    people = (who.reviewers["validator"], who.second["validator"])
    found = at_once(*(act(release, person, "validator") for person in people))
    assert sorted(type(one).__name__ for one in found) == ["Approval", "Conflict"]
    assert Approval.objects.count() == 1


def test_two_last_seats_at_once_open_one_deployment() -> None:
    who = governance.cast()
    release = governance.release_in_review(who)
    found = at_once(*(act(release, person, role) for role, person in who.reviewers.items()))
    assert [type(one).__name__ for one in found] == ["Approval", "Approval"]
    release.refresh_from_db()
    assert release.state == "live"
    assert Deployment.objects.count() == 1


def test_approve_and_reject_at_once_have_one_outcome() -> None:
    who = governance.cast()
    release = governance.release_in_review(who)
    governance.decide(release, who.reviewers["fairness"], "fairness")
    release.refresh_from_db()
    found = at_once(
        act(release, who.reviewers["validator"], "validator"),
        act(release, who.second["validator"], "validator", "reject"),
    )
    assert sorted(type(one).__name__ for one in found) == ["Approval", "Conflict"]
    release.refresh_from_db()
    assert (release.state == "live") == (Deployment.objects.count() == 1)
    assert release.state in ("live", "rejected")


def test_two_releases_to_one_endpoint_never_overlap() -> None:
    who = governance.cast()
    first = governance.release_in_review(who)
    version = governance.ready_version(who, model=first.version.model)
    second = governance.release_in_review(who, version=version, endpoint=first.endpoint)
    for release in (first, second):
        governance.decide(release, who.reviewers["validator"], "validator")
        release.refresh_from_db()
    found = at_once(*(act(release, who.reviewers["fairness"], "fairness") for release in (first, second)))
    # The one that came first changed what is live, and with it the facts that the other was approved on.
    errors = [one for one in found if isinstance(one, DomainError)]
    assert [error.code for error in errors] == ["stale-decision"]
    live = Deployment.objects.filter(endpoint=first.endpoint, during__upper_inf=True)
    assert live.count() == 1
    assert Release.objects.filter(state="live").count() == 1


def wrong_outcomes(release: Release) -> list[str]:
    """What must never be, whoever came first."""
    release.refresh_from_db()
    given = [row for row in Approval.objects.filter(release=release) if row.counts]
    found = []
    if (release.state == "live") != (Deployment.objects.filter(endpoint=release.endpoint).count() == 1):
        found.append("state and deployment differ")
    if len({row.person_id for row in given}) != len(given):
        found.append("one person sits twice")
    if release.state == "live" and sorted(row.role for row in given) != ["fairness", "validator"]:
        found.append(f"live on {sorted(row.role for row in given)}")
    return found


def test_fifty_clients_for_the_same_seats_have_no_wrong_outcome() -> None:
    who = governance.cast()
    release = governance.release_in_review(who)
    seated = [(role, person) for group in (who.reviewers, who.second) for role, person in group.items()]
    acts = [lambda one=one: act(release, one[1], one[0]) for one in seated]
    found = at_once(*(acts[place % len(acts)]() for place in range(50)))
    assert sum(isinstance(one, Approval) for one in found) == 2
    assert {one.code for one in found if isinstance(one, DomainError)} <= {"one-seat", "seat-not-open", "not-in-review"}
    assert wrong_outcomes(release) == []


def test_deputy_and_giver_at_once_never_fill_two_seats() -> None:
    who = governance.cast()
    release = governance.release_in_review(who)
    giver = who.reviewers["validator"]
    deputy = people.person("risk", who.team)
    until = timezone.now() + timedelta(days=1)
    delegate(actor=giver, deputy=deputy, role="validator", scope=who.team, until=until, reason="Away.")
    found = at_once(act(release, giver, "validator"), act(release, deputy, "validator"))
    assert sorted(type(one).__name__ for one in found) == ["Approval", "Conflict"]


def test_standing_back_and_the_last_approval_at_once() -> None:
    who = governance.cast()
    release = governance.release_in_review(who)
    validator = who.reviewers["validator"]
    governance.decide(release, validator, "validator")
    release.refresh_from_db()
    back = Release.objects.get(pk=release.pk)
    found = at_once(
        act(release, who.reviewers["fairness"], "fairness"),
        lambda: recuse(back, actor=validator, role="validator", reason="I know them."),
    )
    assert not [one for one in found if isinstance(one, DomainError)]
    release.refresh_from_db()
    (validation, fairness) = seats.seats_of(release, seats.load(release))
    # Live, and open again in view of all; or in review, and waiting for another validator.
    assert (validation.is_filled, fairness.is_filled) == (False, True)
    assert release.state in ("live", "in_review")
    assert (release.state == "live") == (Deployment.objects.count() == 1)
