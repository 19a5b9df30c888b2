"""Request, decide, renew, withdraw: what the services allow, and each thing that they refuse."""

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import Deployment
from governance import policies as may
from governance import selectors
from governance.models import Approval, Condition, Decision, Release
from governance.services import conditions, gate_checks, reassessment, releases
from governance.services.approvals import ConditionDraft, decide_release
from governance.services.decisions import make_decision, preview
from portal.accounts import services as accounts
from portal.errors import Conflict, DomainError, InvalidInput, PermissionRefused
from portal.jobs.models import Job
from portal.jobs.services import enqueue
from portal.ledger.models import LedgerEntry
from tests.factories import catalog, governance, people

pytestmark = pytest.mark.django_db


@pytest.fixture
def who() -> governance.Cast:
    return governance.cast()


def test_request_runs_gates_and_asks_two_seats(who) -> None:
    release = governance.release_in_review(who)
    assert release.state == "in_review"
    review = selectors.review_of(selectors.release_numbered(who.owner, release.pk), actor=who.owner)
    assert [seat.role for seat in review.seats] == ["validator", "fairness"]
    events = list(LedgerEntry.objects.order_by("-pk").values_list("event", flat=True)[:3])
    assert events == [
        "governance:release:assessed",
        "governance:decision:made",
        "governance:release:requested",
    ]


def test_request_without_facts_is_refused_by_gate_and_opens_when_they_come(who, run_jobs, committed) -> None:
    governance.published()
    version = catalog.version(model=catalog.model(owner=who.owner, team=who.team), actor=who.developer)
    release = releases.request_release(version, catalog.endpoint(team=who.team), actor=who.owner)
    assert (release.state, release.decision.verdict) == ("blocked", "unknown")
    with pytest.raises(Conflict) as caught:
        governance.decide(release, who.reviewers["validator"], "validator")
    assert caught.value.code == "not-in-review"


def test_fact_opens_what_a_gate_refused(who, run_jobs, committed) -> None:
    version = governance.ready_version(who, accuracy=0.5)
    release = governance.release_in_review(who, version=version)
    assert (release.state, release.decision.verdict) == ("blocked", "fail")
    with committed():
        catalog.metrics(version, accuracy=0.9)
    run_jobs()
    release.refresh_from_db()
    assert release.state == "in_review"


def test_request_waits_for_open_fact_job(who, run_jobs) -> None:
    version = governance.ready_version(who)
    job = enqueue("audits:bias", payload={}, actor=who.developer, subject=version, team=who.team)
    release = governance.release_in_review(who, version=version)
    assert (release.state, release.decision) == ("checking", None)
    assert gate_checks.check_gate(version, release.endpoint, actor=who.developer) == job
    Job.objects.filter(pk=job.pk).update(state="failed")
    assert reassessment.sweep() >= 1
    release.refresh_from_db()
    assert release.state == "in_review"


def test_two_approvals_go_live_and_supersede(who) -> None:
    first = governance.live_release(who)
    version = governance.ready_version(who, model=first.version.model)
    second = governance.live_release(who, version=version, endpoint=first.endpoint)
    first.refresh_from_db()
    assert (first.state, second.state) == ("superseded", "live")
    rows = list(Deployment.objects.filter(endpoint=first.endpoint).order_by("pk"))
    assert rows[0].during.upper == rows[1].during.lower
    assert selectors.live_at(first.endpoint, timezone.now()).version_id == version.pk
    assert selectors.live_at(first.endpoint, first.live_at).version_id == first.version_id


def test_request_again_is_refused(who) -> None:
    release = governance.release_in_review(who)
    with pytest.raises(Conflict) as caught:
        releases.request_release(release.version, release.endpoint, actor=who.owner)
    assert caught.value.code == "already-open"
    live = governance.live_release(who)
    with pytest.raises(Conflict) as caught:
        releases.request_release(live.version, live.endpoint, actor=who.owner)
    assert caught.value.code == "already-live"


def moved(user, team, role):
    """The person in another role of the team: both lines are never held at once, but one can follow the other."""
    for row in user.memberships.filter(ended_at=None):
        accounts.end_membership(row, actor=None)
    accounts.grant_role(user, role=role, team=team, actor=None)
    return type(user).objects.get(pk=user.pk)


@pytest.mark.parametrize("part", ["requester", "trainer", "author"])
def test_duties_stay_apart(who, part) -> None:
    validator = who.reviewers["validator"]

    if part == "requester":
        validator = moved(validator, who.team, "model_owner")
        version = governance.ready_version(who)
        release = governance.release_in_review(who, version=version)
        releases.withdraw_release(release, actor=who.owner)
        release = releases.request_release(version, release.endpoint, actor=validator)
        validator = moved(validator, who.team, "validator")
    elif part == "trainer":
        run = governance.run("by-validator", trained_by=moved(validator, who.team, "developer"))
        release = governance.release_in_review(who, version=governance.ready_version(who, run=run))
        validator = moved(validator, who.team, "validator")
    else:
        who.developer = moved(validator, who.team, "developer")
        run = governance.run("by-other", trained_by=people.person("developer", who.team))
        release = governance.release_in_review(who, version=governance.ready_version(who, run=run))
        validator = moved(validator, who.team, "validator")
    with pytest.raises(PermissionRefused) as caught:
        governance.decide(release, validator, "validator")
    assert caught.value.code == "separation-of-duties"
    options = selectors.decide_options(selectors.release_numbered(validator, release.pk), validator)
    assert not options.may
    assert options.why_not == caught.value.message
    assert str(who.second["validator"]) in options.who_may
    assert selectors.waiting_for(validator) == []


def test_service_identity_never_decides(who) -> None:
    release = governance.release_in_review(who)
    service = people.service("developer", who.team)
    with pytest.raises(PermissionRefused):
        governance.decide(release, service, "validator")
    assert "service identity" in may.conflict_of(service, release)


def test_role_must_be_held_and_seat_open(who) -> None:
    release = governance.release_in_review(who)
    with pytest.raises(PermissionRefused) as caught:
        governance.decide(release, who.reviewers["fairness"], "validator")
    assert caught.value.code == "role-not-held"
    with pytest.raises(Conflict) as caught:
        governance.decide(release, who.reviewers["fairness"], "legal")
    assert caught.value.code == "seat-not-open"
    governance.decide(release, who.reviewers["validator"], "validator")
    with pytest.raises(Conflict) as caught:
        governance.decide(release, who.second["validator"], "validator")
    assert caught.value.code == "seat-not-open"


def test_one_person_fills_one_seat(who) -> None:

    both = who.reviewers["validator"]
    accounts.grant_role(both, role="fairness", team=who.team, actor=None)
    both = type(both).objects.get(pk=both.pk)
    release = governance.release_in_review(who)
    governance.decide(release, both, "validator")
    with pytest.raises(Conflict) as caught:
        governance.decide(release, both, "fairness")
    assert caught.value.code == "one-seat"


def test_stranger_of_another_team_sees_and_decides_nothing(who) -> None:
    release = governance.release_in_review(who)
    stranger = people.person("validator", people.team("clinic"))
    with pytest.raises(DomainError):
        selectors.release_numbered(stranger, release.pk)
    with pytest.raises(PermissionRefused):
        governance.decide(release, stranger, "validator")
    assert not selectors.releases_for(stranger).exists()
    with pytest.raises(DomainError):
        selectors.decision_numbered(stranger, release.decision_id)


def test_stale_digest_names_the_fields(who) -> None:
    release = governance.release_in_review(who)
    seen = release.decision.digest
    catalog.metrics(release.version, accuracy=0.87)
    with pytest.raises(Conflict) as caught:
        decide_release(
            release, actor=who.reviewers["validator"], role="validator", choice="approve", decision_digest=seen
        )
    assert caught.value.code == "stale-decision"
    assert "metrics[accuracy, test, all].value" in caught.value.details["changed"]
    release.refresh_from_db()
    assert release.decision.digest == caught.value.details["decision"] != seen
    assert not Approval.objects.exists()


def test_new_fact_makes_approval_stale_and_old_fact_revives_none(who) -> None:
    release = governance.release_in_review(who)
    validator = who.reviewers["validator"]
    governance.decide(release, validator, "validator")
    catalog.metrics(release.version, accuracy=0.87)
    releases.assess_release(release)
    review = selectors.review_of(selectors.release_numbered(validator, release.pk), actor=validator)
    seat = review.seats[0]
    assert (seat.state, seat.approval.person) == ("mine", validator)
    assert any(change.path == "metrics[accuracy, test, all].value" for change in seat.changed)
    governance.decide(release, who.reviewers["fairness"], "fairness")
    release.refresh_from_db()
    assert release.state == "in_review"
    governance.decide(release, validator, "validator")
    release.refresh_from_db()
    assert release.state == "live"


def test_new_policy_makes_approvals_stale_and_adds_a_seat(who) -> None:
    release = governance.release_in_review(who)
    governance.decide(release, who.reviewers["validator"], "validator")
    governance.second_look()
    releases.assess_release(release)
    review = selectors.review_of(selectors.release_numbered(who.compliance, release.pk), actor=who.compliance)
    assert [(seat.role, seat.state) for seat in review.seats] == [
        ("validator", "stale"),
        ("fairness", "open"),
        ("compliance", "mine"),
    ]
    assert [change.path for change in review.seats[0].changed] == ["policy second-look"]


def test_live_release_with_new_facts_is_flagged_and_renewed(who, run_jobs, committed) -> None:
    with committed():
        release = governance.live_release(who)
    run_jobs()
    validator = who.reviewers["validator"]
    assert selectors.stale_live_releases(validator) == []
    with committed():
        catalog.metrics(release.version, accuracy=0.86)
    run_jobs()
    assert [row.pk for row in selectors.stale_live_releases(validator)] == [release.pk]
    with pytest.raises(Conflict) as caught:
        governance.decide(release, validator, "validator", "reject")
    assert caught.value.code == "already-live"
    # No policy that asks the fairness reviewer reads what changed, so that approval still counts.
    governance.decide(release, validator, "validator")
    assert selectors.stale_live_releases(validator) == []
    assert Deployment.objects.count() == 1


def test_live_release_that_a_gate_refuses_cannot_be_renewed(who) -> None:
    release = governance.live_release(who)
    catalog.metrics(release.version, accuracy=0.1)
    releases.assess_release(release)
    release.refresh_from_db()
    assert (release.state, release.decision.verdict) == ("live", "fail")
    with pytest.raises(Conflict) as caught:
        governance.decide(release, who.reviewers["validator"], "validator")
    assert caught.value.code == "gate-refuses"


def test_reject_ends_and_changes_wait_for_facts(who) -> None:
    release = governance.release_in_review(who)
    governance.decide(release, who.reviewers["validator"], "validator", "changes")
    release.refresh_from_db()
    assert release.state == "changes_asked"
    releases.assess_release(release)
    release.refresh_from_db()
    assert release.state == "changes_asked"
    catalog.metrics(release.version, accuracy=0.9)
    releases.assess_release(release)
    governance.decide(release, who.reviewers["validator"], "validator", "reject")
    release.refresh_from_db()
    assert release.state == "rejected"
    assert release.ended_at is not None
    with pytest.raises(Conflict):
        releases.withdraw_release(release, actor=who.owner)


@pytest.mark.parametrize(
    ("choice", "extra", "code"),
    [
        ("maybe", {}, "choice-unknown"),
        ("reject", {"reason": " "}, "reason-missing"),
        ("changes", {"reason": ""}, "reason-missing"),
        ("conditions", {}, "conditions-missing"),
    ],
)
def test_bad_form_is_refused(who, choice, extra, code) -> None:
    release = governance.release_in_review(who)
    with pytest.raises(InvalidInput) as caught:
        governance.decide(release, who.reviewers["validator"], "validator", choice, **extra)
    assert caught.value.code == code
    assert not Approval.objects.exists()


def test_condition_needs_text_and_a_day_to_come(who) -> None:
    release = governance.release_in_review(who)
    today = timezone.now().date()
    for draft in (ConditionDraft(" ", who.owner, today + timedelta(days=1)), ConditionDraft("Do", who.owner, today)):
        with pytest.raises(InvalidInput) as caught:
            governance.decide(release, who.reviewers["validator"], "validator", "conditions", conditions=[draft])
        assert caught.value.code == "condition-invalid"
    assert not Condition.objects.exists()


def test_condition_lives_until_somebody_else_closes_it(who) -> None:
    release = governance.release_in_review(who)
    draft = ConditionDraft("Measure by age.", who.owner, timezone.now().date() + timedelta(days=30))
    validator = who.reviewers["validator"]
    governance.decide(release, validator, "validator", "conditions", conditions=[draft])
    (row,) = selectors.open_conditions_of(who.owner)
    with pytest.raises(PermissionRefused):
        conditions.close_condition(row, actor=who.owner, proof="EV-1")
    with pytest.raises(InvalidInput):
        conditions.close_condition(row, actor=validator, proof=" ")
    conditions.close_condition(row, actor=validator, proof="EV-1")
    with pytest.raises(Conflict):
        conditions.close_condition(row, actor=validator, proof="EV-1")
    assert not selectors.open_conditions_of(who.owner).exists()


def test_overdue_condition_is_flagged_once(who, monkeypatch) -> None:
    release = governance.release_in_review(who)
    draft = ConditionDraft("Measure by age.", who.owner, timezone.now().date() + timedelta(days=1))
    governance.decide(release, who.reviewers["validator"], "validator", "conditions", conditions=[draft])
    assert reassessment.flag_overdue() == 0
    later = timezone.now() + timedelta(days=3)
    monkeypatch.setattr(reassessment.timezone, "now", lambda: later)
    assert [reassessment.flag_overdue(), reassessment.flag_overdue()] == [1, 0]


def test_same_facts_give_the_same_decision(who) -> None:
    release = governance.release_in_review(who)
    again = make_decision(release.version, release.endpoint, actor=who.developer)
    assert again.pk == release.decision_id
    assert preview(release.version, release.endpoint).verdict == "pass"
    assert Decision.objects.count() == 1


def test_withdraw_is_for_the_first_line(who) -> None:
    release = governance.release_in_review(who)
    with pytest.raises(PermissionRefused):
        releases.withdraw_release(release, actor=who.reviewers["validator"])
    assert releases.withdraw_release(release, actor=who.owner, reason="Wrong file.").state == "withdrawn"
    assert not Release.objects.filter(state="in_review").exists()
