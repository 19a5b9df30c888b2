"""What the selectors cost and whom they show what."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance import policies, selectors
from governance.services import releases
from governance.services.approvals import ConditionDraft
from tests.factories import catalog, governance

pytestmark = pytest.mark.django_db


@pytest.fixture
def who() -> governance.Cast:
    return governance.cast()


def counted(act) -> int:
    with CaptureQueriesContext(connection) as queries:
        act()
    return len(queries)


def busy_release(who: governance.Cast, rounds: int):
    """A release with stale approvals, conditions and much evidence."""
    release = governance.release_in_review(who)
    due = timezone.now().date() + timedelta(days=9)
    for number in range(rounds):
        draft = ConditionDraft(f"Do {number}", who.owner, due)
        governance.decide(release, who.reviewers["validator"], "validator", "conditions", conditions=[draft])
        catalog.metrics(release.version, accuracy=0.86 + number / 1000)
        releases.assess_release(release)
    return release


def test_review_costs_the_same_however_much_happened(who) -> None:
    reader = who.reviewers["fairness"]
    _ = reader.grants, policies.delegations_of(reader)
    counts = []
    for rounds in (1, 6):
        release = selectors.release_numbered(reader, busy_release(who, rounds).pk)
        counts.append(counted(lambda row=release: selectors.review_of(row, actor=reader)))
    assert counts[0] == counts[1] <= 10
    # The options come from the same rows.
    assert counted(lambda: selectors.decide_options(release, reader)) == 0


def test_waiting_costs_the_same_however_much_waits(who) -> None:
    reader = who.reviewers["fairness"]
    _ = reader.grants
    governance.release_in_review(who)
    one = counted(lambda: selectors.waiting_for(reader))
    for _number in range(4):
        busy_release(who, 1)
    assert counted(lambda: selectors.waiting_for(reader)) <= one + 2 <= 10
    assert len(selectors.waiting_for(reader)) == 5


def test_waiting_puts_the_earliest_due_first_and_leaves_when_decided(who) -> None:
    later = governance.release_in_review(who)
    urgent = governance.release_in_review(who, due_at=timezone.now() + timedelta(days=1))
    validator = who.reviewers["validator"]
    assert [row.pk for row in selectors.waiting_for(validator)] == [urgent.pk, later.pk]
    governance.decide(urgent, validator, "validator")
    assert [row.pk for row in selectors.waiting_for(validator)] == [later.pk]
    assert selectors.waiting_for(who.owner) == []


def test_review_of_a_refused_release_names_what_fails(who) -> None:
    release = governance.release_in_review(who, version=governance.ready_version(who, accuracy=0.5))
    review = selectors.review_of(selectors.release_numbered(who.owner, release.pk), actor=who.owner)
    assert [rule.id for rule in review.fails] == ["accurate-enough"]
    assert review.passes
    options = selectors.decide_options(review.release, who.reviewers["validator"])
    assert not options.may
    assert "not in review" in options.why_not


def test_review_says_what_follows(who) -> None:
    first = governance.live_release(who)
    version = governance.ready_version(who, model=first.version.model)
    release = governance.release_in_review(who, version=version, endpoint=first.endpoint)
    validator = who.reviewers["validator"]
    review = selectors.review_of(selectors.release_numbered(validator, release.pk), actor=validator)
    assert first.version.version in review.consequences["reject"]
    assert review.next_roles == ["validator", "fairness"]
    options = selectors.decide_options(review.release, validator)
    assert (options.may, options.roles) == (True, ["validator"])
    viewer = selectors.decide_options(review.release, who.owner)
    assert "requested" in viewer.why_not


def test_review_while_checking_has_no_decision(who) -> None:
    release = governance.release_in_review(who)
    release.decision, release.state = None, "checking"
    review = selectors.review_of(release, actor=who.owner)
    assert review.decision is None
    assert review.seats == ()
