"""The life of a release: drafts, holds, fallbacks, queues, emergencies, expiry; and what each refuses."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from catalog.models import Deployment
from governance.choices import FallbackKind
from governance.models import Condition, Emergency, Finding, Release
from governance.selectors import emergencies_to_review, open_findings_of
from governance.services import conditions, emergency, fallbacks, findings, lifecycle, overdue, releases
from governance.services.conditions import ConditionDraft
from governance.services.facts import build_facts
from governance.services.fallbacks import Fallback
from governance.services.findings import FindingDraft
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.models import LedgerEntry
from tests.factories import catalog, governance, people

pytestmark = pytest.mark.django_db


@pytest.fixture
def who() -> governance.Cast:
    return governance.cast()


@pytest.fixture
def risk(who):
    return people.person("risk", who.team)


def again(release: Release) -> Release:
    return Release.objects.select_related("decision", "version__model", "endpoint", "fallback_version").get(
        pk=release.pk
    )


def answering(endpoint) -> Deployment | None:
    return Deployment.objects.filter(endpoint=endpoint, during__upper_inf=True).first()


def two_live(who) -> tuple[Release, Release]:
    """A release that was live, and the one that followed it at the same endpoint."""
    first = governance.live_release(who)
    version = governance.ready_version(who, model=first.version.model, accuracy=0.86)
    return first, governance.live_release(who, version=version, endpoint=first.endpoint)


def tomorrow(days: int = 1):
    return timezone.now().date() + timedelta(days=days)


# Drafts


def test_draft_waits_and_is_asked_for_by_its_author(who) -> None:
    governance.published()
    version, endpoint = governance.ready_version(who), catalog.endpoint(owner=who.owner, team=who.team)
    draft = releases.request_release(version, endpoint, actor=who.owner, words="Later.", draft=True)
    assert (draft.state, draft.decision) == ("draft", None)
    other = people.person("model_owner", who.team)
    with pytest.raises(PermissionRefused) as caught:
        releases.submit_release(draft, actor=other)
    assert caught.value.code == "not-your-draft"
    assert releases.submit_release(draft, actor=who.owner).state == "in_review"


def test_draft_of_what_is_asked_for_is_refused_when_it_is_submitted(who) -> None:
    release = governance.release_in_review(who)
    draft = releases.request_release(release.version, release.endpoint, actor=who.owner, draft=True)
    with pytest.raises(Conflict) as caught:
        releases.submit_release(draft, actor=who.owner)
    assert caught.value.code == "already-open"
    assert releases.withdraw_release(draft, actor=who.owner).state == "withdrawn"


# Hold, suspend, resume


def test_hold_stops_decisions_and_only_the_second_line_resumes(who, risk) -> None:
    release = governance.release_in_review(who)
    with pytest.raises(PermissionRefused):
        lifecycle.hold(release, actor=who.owner, reason="No.")
    with pytest.raises(InvalidInput):
        lifecycle.hold(release, actor=risk, reason=" ")
    held = lifecycle.hold(release, actor=risk, reason="An incident elsewhere.")
    assert (held.state, held.held_from, held.stop_reason) == ("held", "in_review", "An incident elsewhere.")
    with pytest.raises(Conflict):
        governance.decide(release, who.reviewers["validator"], "validator")
    with pytest.raises(PermissionRefused):
        lifecycle.resume(release, actor=who.owner, reason="Go.")
    resumed = lifecycle.resume(release, actor=risk, reason="It is over.")
    assert (resumed.state, resumed.stop_reason) == ("in_review", "")
    governance.decide(release, who.reviewers["validator"], "validator")


def test_held_while_live_goes_on_answering(who, risk) -> None:
    release = governance.live_release(who)
    lifecycle.hold(release, actor=risk, reason="Look first.")
    assert answering(release.endpoint).version_id == release.version_id
    assert lifecycle.resume(release, actor=risk, reason="Fine.").state == "live"


def test_suspend_closes_the_deployment_and_resume_opens_it_on_a_full_quorum(who, risk) -> None:
    release = governance.live_release(who)
    assert lifecycle.suspend(release, actor=risk, reason="Wrong answers.").state == "suspended"
    assert answering(release.endpoint) is None
    assert lifecycle.resume(release, actor=risk, reason="Mended.").state == "live"
    assert answering(release.endpoint).version_id == release.version_id


def test_suspended_does_not_answer_again_on_stale_approvals(who, risk) -> None:
    release = governance.live_release(who)
    lifecycle.suspend(release, actor=risk, reason="Wrong answers.")
    catalog.metrics(release.version, accuracy=0.2)
    releases.assess_release(release)
    with pytest.raises(Conflict) as caught:
        lifecycle.resume(release, actor=risk, reason="Mended.")
    assert caught.value.code == "no-quorum"


def test_a_new_release_follows_what_is_suspended(who, risk) -> None:
    first = governance.live_release(who)
    lifecycle.suspend(first, actor=risk, reason="Wrong answers.")
    version = governance.ready_version(who, model=first.version.model, accuracy=0.86)
    governance.live_release(who, version=version, endpoint=first.endpoint)
    assert again(first).state == "superseded"


# Fallbacks and rolling back


def test_first_release_falls_back_to_suspension(who, risk) -> None:
    release = governance.live_release(who)
    assert release.fallback == FallbackKind.SUSPEND
    assert fallbacks.roll_back(release, actor=risk, reason="Bad.").state == "suspended"
    assert answering(release.endpoint) is None


def test_roll_back_goes_to_the_verified_older_version(who, risk) -> None:
    first, second = two_live(who)
    assert (second.fallback, second.fallback_version) == ("version", first.version)
    assert fallbacks.roll_back(second, actor=risk, reason="Bad.").state == "rolled_back"
    assert answering(first.endpoint).version_id == first.version_id
    assert again(first).state == "live"
    assert again(first).ended_at is None


def test_roll_back_suspends_where_the_fallback_is_not_verified_any_more(who, risk) -> None:
    first, second = two_live(who)
    catalog.metrics(first.version, accuracy=0.2)
    rolled = fallbacks.roll_back(second, actor=risk, reason="Bad.")
    assert (rolled.state, answering(first.endpoint)) == ("suspended", None)
    assert "The fallback was not taken" in rolled.stop_reason
    assert again(first).state == "superseded"


def test_open_critical_finding_keeps_a_version_from_being_a_fallback(who, risk) -> None:
    first, second = two_live(who)
    draft = FindingDraft("It leaks.", "critical", who.developer, tomorrow())
    findings.raise_finding(first.version, draft, actor=risk)
    assert fallbacks.roll_back(second, actor=risk, reason="Bad.").state == "suspended"


def test_fallback_is_verified_when_it_is_named(who) -> None:
    governance.published()
    version, endpoint = governance.ready_version(who), catalog.endpoint(owner=who.owner, team=who.team)
    never = governance.ready_version(who, model=version.model)
    for wanted, code in (
        (Fallback("version", never), "fallback-not-verified"),
        (Fallback("manual"), "fallback-text"),
        (Fallback("hope"), "fallback-unknown"),
    ):
        with pytest.raises(InvalidInput) as caught:
            releases.request_release(version, endpoint, actor=who.owner, fallback=wanted)
        assert caught.value.code == code


def test_manual_fallback_closes_the_deployment_and_ends_the_release(who, risk) -> None:
    wanted = Fallback("manual", text="Two clerks decide on paper.")
    release = governance.live_release(who, fallback=wanted)
    assert fallbacks.roll_back(release, actor=risk, reason="Bad.").state == "rolled_back"
    assert answering(release.endpoint) is None
    with pytest.raises(Conflict):
        fallbacks.roll_back(release, actor=risk, reason="Bad.")


def test_what_is_not_live_cannot_be_rolled_back(who, risk) -> None:
    release = governance.release_in_review(who)
    with pytest.raises(Conflict):
        fallbacks.roll_back(release, actor=risk, reason="Bad.")
    with pytest.raises(PermissionRefused):
        fallbacks.roll_back(release, actor=who.developer, reason="Bad.")


def test_database_restores_nothing_but_in_a_rollback(who) -> None:
    first, _ = two_live(who)
    with pytest.raises(DatabaseError, match="only what is rolled back"), transaction.atomic():
        Release.objects.filter(pk=first.pk).update(state="live")


# A second release to one endpoint


def test_endpoint_refuses_a_second_release(who, risk) -> None:
    release = governance.release_in_review(who)
    emergency.set_release_rules(release.endpoint, actor=risk, second_release="refuse")
    version = governance.ready_version(who, model=release.version.model)
    with pytest.raises(Conflict) as caught:
        releases.request_release(version, release.endpoint, actor=who.owner)
    assert caught.value.code == "endpoint-busy"


def test_second_release_queues_until_the_first_is_over(who, risk) -> None:
    first = governance.release_in_review(who)
    emergency.set_release_rules(first.endpoint, actor=risk, second_release="queue")
    version = governance.ready_version(who, model=first.version.model)
    second = governance.live_release(who, version=version, endpoint=first.endpoint)
    assert (second.state, answering(first.endpoint)) == ("approved", None)
    releases.withdraw_release(first, actor=who.owner)
    overdue.sweep()
    releases.assess_release(second)
    assert again(second).state == "live"


def test_queued_release_whose_facts_change_is_decided_again(who, risk) -> None:
    first = governance.release_in_review(who)
    emergency.set_release_rules(first.endpoint, actor=risk, second_release="queue")
    version = governance.ready_version(who, model=first.version.model)
    second = governance.live_release(who, version=version, endpoint=first.endpoint)
    catalog.metrics(version, accuracy=0.2)
    assert releases.assess_release(second).state == "blocked"


def test_only_the_second_line_sets_the_rules(who, risk) -> None:
    endpoint = catalog.endpoint(owner=who.owner, team=who.team)
    with pytest.raises(PermissionRefused):
        emergency.set_release_rules(endpoint, actor=who.owner, second_release="queue")
    for wrong in ({"second_release": "maybe"}, {"emergency_hours": 0}, {"emergency_roles": ["developer"]}):
        with pytest.raises(InvalidInput):
            emergency.set_release_rules(endpoint, actor=risk, **wrong)


# Emergencies


def test_emergency_goes_live_with_open_seats_and_is_reviewed(who, risk) -> None:
    release = governance.release_in_review(who)
    row = emergency.declare_emergency(release, actor=risk, role="risk", reason="Customers are locked out.")
    release = again(release)
    assert (release.state, row.state) == ("live", "waiting")
    facts = build_facts(release.version, release.endpoint, now=timezone.now(), release=release)
    assert facts["request"]["emergency"] is True
    assert release.decision.facts["request"]["emergency"] is True
    assert list(emergencies_to_review(risk)) == []
    validator = who.reviewers["validator"]
    assert list(emergencies_to_review(validator)) == [row]
    with pytest.raises(PermissionRefused):
        emergency.review_emergency(row, actor=risk, outcome="upheld", review="I was right.")
    with pytest.raises(PermissionRefused):
        emergency.review_emergency(row, actor=who.owner, outcome="upheld", review="Right.")
    emergency.review_emergency(row, actor=validator, outcome="upheld", review="It was right.")
    assert again(release).state == "live"
    events = set(LedgerEntry.objects.values_list("event", flat=True))
    assert {"governance:emergency:declared", "governance:emergency:reviewed"} <= events


def test_emergency_never_passes_a_gate(who, risk) -> None:
    for accuracy in (0.2,):
        release = governance.release_in_review(who, version=governance.ready_version(who, accuracy=accuracy))
        with pytest.raises(Conflict) as caught:
            emergency.declare_emergency(release, actor=risk, role="risk", reason="Now.")
        assert caught.value.code == "gate-refuses"
    version = catalog.version(model=catalog.model(owner=who.owner, team=who.team), actor=who.developer)
    unknown = releases.request_release(version, catalog.endpoint(team=who.team), actor=who.owner)
    assert unknown.decision.verdict == "unknown"
    with pytest.raises(Conflict):
        emergency.declare_emergency(unknown, actor=risk, role="risk", reason="Now.")
    assert not Emergency.objects.exists()


def test_emergency_keeps_roles_and_duties_apart(who, risk) -> None:
    release = governance.release_in_review(who)
    for actor, role, code in (
        (who.owner, "model_owner", "separation-of-duties"),
        (who.reviewers["validator"], "validator", "emergency-role"),
        (risk, "model_owner", "emergency-role"),
        (who.developer, "developer", "permission-refused"),
    ):
        with pytest.raises(PermissionRefused) as caught:
            emergency.declare_emergency(release, actor=actor, role=role, reason="Now.")
        assert caught.value.code == code
    other = people.person("model_owner", who.team)
    assert emergency.declare_emergency(release, actor=other, role="model_owner", reason="Now.").role == "model_owner"


@pytest.mark.parametrize(("then", "state"), [("escalate", "live"), ("hold", "held"), ("roll_back", "rolled_back")])
def test_unreviewed_emergency_does_what_the_endpoint_says(who, risk, then, state) -> None:
    first = governance.live_release(who)
    emergency.set_release_rules(first.endpoint, actor=risk, emergency_overdue=then, emergency_hours=1)
    version = governance.ready_version(who, model=first.version.model, accuracy=0.86)
    release = governance.release_in_review(who, version=version, endpoint=first.endpoint)
    row = emergency.declare_emergency(release, actor=risk, role="risk", reason="Now.")
    assert overdue.sweep() == 0
    with transaction.atomic():
        Emergency.objects.filter(pk=row.pk).update(
            declared_at=row.declared_at, review_due_at=row.declared_at + timedelta(microseconds=1)
        )
        assert overdue.sweep() == 1
    row.refresh_from_db()
    assert (row.state, again(release).state) == ("overdue", state)
    if then == "hold":
        with pytest.raises(Conflict) as caught:
            lifecycle.resume(release, actor=risk, reason="Go on.")
        assert caught.value.code == "emergency-not-reviewed"
    if then == "roll_back":
        assert again(first).state == "live"
    assert overdue.sweep() == 0


# Expiry


def test_approved_and_undecided_releases_expire(who, risk) -> None:
    first = governance.release_in_review(who, valid_until=timezone.now() + timedelta(hours=1))
    due = governance.release_in_review(who, due_at=timezone.now() - timedelta(minutes=1))
    assert overdue.sweep() == 0
    emergency.set_release_rules(due.endpoint, actor=risk, expire_when_due=True)
    with transaction.atomic():
        Release.objects.filter(pk=first.pk).update(valid_until=timezone.now())
        assert overdue.sweep() == 2
    assert {again(first).state, again(due).state} == {"expired"}


# Conditions and findings


def test_overdue_condition_holds_and_resumes_after_it_is_closed(who, risk, monkeypatch) -> None:
    release = governance.release_in_review(who)
    draft = ConditionDraft("Measure again.", who.developer, tomorrow(), "A report.", "hold")
    governance.decide(release, who.reviewers["validator"], "validator", "conditions", conditions=[draft])
    governance.decide(release, who.reviewers["fairness"], "fairness")
    assert again(release).state == "live"
    late = timezone.now() + timedelta(days=3)
    monkeypatch.setattr(overdue.timezone, "now", lambda: late)
    assert overdue.sweep() == 1
    assert overdue.sweep() == 0
    row = Condition.objects.get()
    assert (row.is_overdue, again(release).state) == (True, "held")
    with pytest.raises(Conflict) as caught:
        lifecycle.resume(release, actor=risk, reason="Go on.")
    assert caught.value.code == "still-overdue"
    conditions.close_condition(row, actor=who.reviewers["validator"], proof="Measured.")
    assert lifecycle.resume(release, actor=risk, reason="It is done.").state == "live"


def test_condition_changes_no_approval_that_brought_it(who) -> None:
    release = governance.release_in_review(who)
    draft = ConditionDraft("Measure again.", who.developer, tomorrow())
    governance.decide(release, who.reviewers["validator"], "validator", "conditions", conditions=[draft])
    before = again(release).decision_id
    releases.assess_release(release)
    assert again(release).decision_id == before
    own = build_facts(release.version, release.endpoint, now=timezone.now(), release=release)["conditions"]
    other = build_facts(release.version, release.endpoint, now=timezone.now())["conditions"]
    assert (own, other) == ({"open": 0, "overdue": 0}, {"open": 1, "overdue": 0})


def test_condition_beside_an_approval(who, risk) -> None:
    release = governance.live_release(who)
    draft = ConditionDraft("Look at the drift.", who.developer, tomorrow())
    with pytest.raises(PermissionRefused):
        conditions.open_condition(release, draft, actor=who.owner)
    row = conditions.open_condition(release, draft, actor=risk)
    assert row.setter == risk
    with pytest.raises(PermissionRefused):
        conditions.close_condition(row, actor=who.developer, proof="Done.")
    with pytest.raises(PermissionRefused):
        conditions.close_condition(row, actor=who.reviewers["fairness"], proof="Done.")
    conditions.close_condition(row, actor=risk, proof="Done.")


def test_finding_is_a_fact_and_closed_by_validation_alone(who, risk) -> None:
    release = governance.release_in_review(who)
    governance.decide(release, who.reviewers["validator"], "validator")
    auditor = people.person("auditor", who.team)
    draft = FindingDraft("The card is wrong.", "high", who.developer, tomorrow(), cause="Copied.")
    with pytest.raises(PermissionRefused):
        findings.raise_finding(release.version, draft, actor=who.owner)
    row = findings.raise_finding(release.version, draft, actor=auditor, release=release)
    assert list(open_findings_of(who.developer)) == [row]
    facts = build_facts(release.version, release.endpoint, now=timezone.now(), release=release)
    assert [one["severity"] for one in facts["findings"]] == ["high"]
    for actor in (auditor, risk, who.developer):
        with pytest.raises(PermissionRefused):
            findings.close_finding(row, actor=actor, proof="Mended.")
    with pytest.raises(InvalidInput):
        findings.close_finding(row, actor=who.reviewers["validator"], proof=" ")
    assert findings.close_finding(row, actor=who.reviewers["validator"], proof="Mended.").state == "closed"


def test_database_keeps_promises(who, risk) -> None:
    release = governance.live_release(who)
    row = conditions.open_condition(release, ConditionDraft("Look.", who.developer, tomorrow()), actor=risk)
    wrong = (
        "UPDATE governance_condition SET text = 'Nothing.' WHERE id = %s",
        "UPDATE governance_condition SET due_on = due_on + 9 WHERE id = %s",
        "UPDATE governance_condition SET state='closed', closed_by_id=owner_id, closed_at=now() WHERE id = %s",
        "DELETE FROM governance_condition WHERE id = %s",
    )
    for statement in wrong:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [row.pk])
    assert Finding.objects.count() == 0
