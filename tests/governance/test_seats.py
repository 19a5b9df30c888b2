"""Seats as data: how many, in which order, for whom; duties apart; deputies; standing back; time that runs out."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from catalog.choices import RiskTier
from governance import seats, selectors
from governance.choices import Opinion
from governance.models import Approval, Delegation, Release
from governance.services import approvals, delegation, releases
from portal.accounts import services as accounts
from portal.errors import Conflict, DomainError, InvalidInput, PermissionRefused
from portal.ledger.models import LedgerEntry
from tests.factories import catalog, governance, people

pytestmark = pytest.mark.django_db

SEATED = """
apiVersion: gatehouse/v1
kind: Policy
metadata: {name: seated, owner: compliance, description: Who looks., reviewBy: "2099-01-01"}
rules:
  - id: accurate
    title: Accuracy reaches the floor
    require: "facts.metrics.exists(m, m.name == 'accuracy' && m.value >= 0.1)"
    message: "'Too low.'"
approvals: SEATS
enforcement: block
tests:
  - {name: high, facts: {metrics: [{name: accuracy, split: test, segment: all, value: 0.9}]}, expect: {policy: pass}}
  - {name: low, facts: {metrics: [{name: accuracy, split: test, segment: all, value: 0.0}]}, expect: {policy: fail}}
  - {name: none, facts: {}, expect: {policy: unknown}}
"""


@pytest.fixture
def who() -> governance.Cast:
    return governance.cast()


def review(who, asked: str, *, tier: str = RiskTier.LIMITED, author=None) -> Release:
    """A release that one policy asks these seats of."""
    governance.publish(SEATED.replace("SEATS", asked), author=author)
    model = catalog.model(owner=who.owner, team=who.team, risk_tier=tier)
    return governance.release_in_review(who, version=governance.ready_version(who, model=model))


def states(release: Release) -> list[tuple[str, int, bool, tuple[str, ...]]]:
    release = Release.objects.select_related("decision", "version__model", "version__training_run").get(pk=release.pk)
    found = seats.seats_of(release, seats.load(release))
    return [(one.role, one.number, one.is_filled, one.waits_for) for one in found]


def refusal(act) -> DomainError:
    with pytest.raises(DomainError) as caught:
        act()
    return caught.value


def sql(statement: str, *values) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def insert(release: Release, person, role: str, *, delegation=None) -> None:
    release.refresh_from_db()
    sql(
        "INSERT INTO governance_approval (release_id, decision_id, decision_digest, person_id, role, choice, reason,"
        " decided_at, delegation_id) VALUES (%s, %s, %s, %s, %s, 'approve', '', clock_timestamp(), %s)",
        *(release.pk, release.decision_id, release.decision.digest, person.pk, role, delegation),
    )


def test_two_seats_of_one_role_need_two_people(who) -> None:
    release = review(who, "[{role: fairness, count: 2}]")
    governance.decide(release, who.reviewers["fairness"], "fairness")
    assert [one[2] for one in states(release)] == [True, False]
    assert refusal(lambda: governance.decide(release, who.reviewers["fairness"], "fairness")).code == "one-seat"
    governance.decide(release, who.second["fairness"], "fairness")
    release.refresh_from_db()
    assert release.state == "live"


def test_seat_waits_for_those_before_it(who) -> None:
    release = review(who, "[validator, {role: fairness, after: [validator]}]")
    assert states(release) == [("validator", 1, False, ()), ("fairness", 1, False, ("validator",))]
    assert refusal(lambda: governance.decide(release, who.reviewers["fairness"], "fairness")).code == "seat-waits"
    options = selectors.decide_options(
        selectors.release_numbered(who.reviewers["fairness"], release.pk), who.reviewers["fairness"]
    )
    assert (options.may, "waits for the validator" in options.why_not) == (False, True)
    assert selectors.waiting_for(who.reviewers["fairness"]) == []
    governance.decide(release, who.reviewers["validator"], "validator")
    governance.decide(release, who.reviewers["fairness"], "fairness")
    release.refresh_from_db()
    assert release.state == "live"


@pytest.mark.parametrize(
    ("tier", "roles"), [(RiskTier.LIMITED, ["fairness"]), (RiskTier.HIGH, ["validator", "risk", "fairness"])]
)
def test_seats_depend_on_the_risk_tier(who, tier, roles) -> None:
    release = review(who, "[fairness, {role: risk, appliesTo: {riskTier: [high]}}]", tier=tier)
    # A high tier is validated although no policy says so.
    assert [one[0] for one in states(release)] == roles


def test_default_seat_is_asked_when_no_policy_names_one(who) -> None:
    release = review(who, "[]")
    assert states(release) == [("validator", 1, False, ())]


def test_author_of_the_policy_does_not_fill_the_seat_that_it_asks(who) -> None:
    author = who.reviewers["fairness"]
    release = review(who, "[fairness]", author=author)
    error = refusal(lambda: governance.decide(release, author, "fairness"))
    assert (error.code, "You wrote seated 1" in error.message) == ("separation-of-duties", True)
    with pytest.raises(DatabaseError, match="author of the policy"):
        insert(release, author, "fairness")
    options = selectors.decide_options(selectors.release_numbered(author, release.pk), author)
    assert "You wrote seated 1" in options.why_not
    governance.decide(release, who.second["fairness"], "fairness")


def test_one_person_fills_one_seat_by_sql_too(who) -> None:
    both = who.reviewers["validator"]
    accounts.grant_role(both, role="fairness", team=who.team, actor=None)
    both = type(both).objects.get(pk=both.pk)
    release = review(who, "[validator, fairness]")
    governance.decide(release, both, "validator")
    assert refusal(lambda: governance.decide(release, both, "fairness")).code == "one-seat"
    with pytest.raises(DatabaseError, match="one person fills one seat"):
        insert(release, both, "fairness")
    with pytest.raises(DatabaseError, match="decides once"):
        insert(release, both, "validator")


# ------------------------------------------------------------------ validation
def test_opinion_follows_the_choice_and_is_bound_to_the_decision(who) -> None:
    release = review(who, "[fairness]", tier=RiskTier.HIGH)
    row = governance.decide(release, who.reviewers["validator"], "validator")
    assert (row.opinion, row.decision_digest) == (Opinion.FIT, release.decision.digest)
    other = governance.decide(release, who.reviewers["fairness"], "fairness")
    assert other.opinion == ""
    release.refresh_from_db()
    assert release.state == "live"


def test_not_fit_is_not_outvoted_even_by_another_request(who) -> None:
    release = review(who, "[{role: validator, count: 2}]", tier=RiskTier.HIGH)
    kw = {"opinion": "not_fit", "reason": "It is blind to the old."}
    governance.decide(release, who.reviewers["validator"], "validator", "reject", **kw)
    again = releases.request_release(release.version, release.endpoint, actor=who.owner)
    second = who.second["validator"]
    assert refusal(lambda: governance.decide(again, second, "validator")).code == "not-fit"
    options = selectors.decide_options(selectors.release_numbered(second, again.pk), second)
    assert "cannot be outvoted" in options.why_not
    # Approvals slipped in beside the service still do not lead to live.
    for person in (second, people.person("validator", who.team)):
        with transaction.atomic():
            insert(again, person, "validator")
            with pytest.raises(DatabaseError, match="not fit"):
                sql("UPDATE governance_release SET state = 'live', live_at = now() WHERE id = %s", again.pk)
            transaction.set_rollback(True)
    # Other facts are another question.
    catalog.metrics(again.version, accuracy=0.9)
    releases.assess_release(again)
    governance.decide(again, second, "validator")


def test_who_found_it_not_fit_may_find_otherwise(who) -> None:
    release = review(who, "[validator]", tier=RiskTier.HIGH)
    validator = who.reviewers["validator"]
    governance.decide(release, validator, "validator", "reject", opinion="not_fit")
    again = releases.request_release(release.version, release.endpoint, actor=who.owner)
    governance.decide(again, validator, "validator")
    again.refresh_from_db()
    assert again.state == "live"


@pytest.mark.parametrize(("choice", "opinion"), [("approve", "not_fit"), ("approve", "conditions"), ("reject", "hm")])
def test_opinion_that_fits_no_choice_is_refused(who, choice, opinion) -> None:
    release = review(who, "[validator]", tier=RiskTier.HIGH)
    act = lambda: governance.decide(release, who.reviewers["validator"], "validator", choice, opinion=opinion)  # noqa: E731
    assert isinstance(refusal(act), InvalidInput)
    assert not Approval.objects.exists()


def test_high_tier_without_validation_is_refused_by_the_database(who) -> None:
    release = review(who, "[fairness]", tier=RiskTier.HIGH)
    governance.decide(release, who.reviewers["fairness"], "fairness")
    with pytest.raises(DatabaseError, match="no opinion of validation"):
        sql("UPDATE governance_release SET state = 'live', live_at = now() WHERE id = %s", release.pk)


# ------------------------------------------------------------------ time
def test_approval_runs_out_and_the_live_release_is_flagged(who, monkeypatch) -> None:
    release = review(who, "[{role: fairness, validDays: 30}]")
    row = governance.decide(release, who.reviewers["fairness"], "fairness")
    assert row.valid_until - row.decided_at == timedelta(days=30)
    assert selectors.stale_live_releases(who.owner) == []
    later = timezone.now() + timedelta(days=31)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert [one[2] for one in states(release)] == [False]
    assert [one.pk for one in selectors.stale_live_releases(who.owner)] == [release.pk]
    assert (approvals.flag_expired(), approvals.flag_expired()) == (1, 0)
    governance.decide(release, who.reviewers["fairness"], "fairness")
    assert [one[2] for one in states(release)] == [True]


@pytest.mark.parametrize(("tier", "days"), [(RiskTier.HIGH, 180), (RiskTier.LIMITED, 365)])
def test_approval_holds_by_risk_tier(who, tier, days) -> None:
    release = review(who, "[validator]", tier=tier)
    row = governance.decide(release, who.reviewers["validator"], "validator")
    assert row.valid_until - row.decided_at == timedelta(days=days)


# ------------------------------------------------------------------ bound and stale
def test_only_the_seat_whose_policy_reads_the_fact_is_asked_again(who) -> None:
    governance.published()
    governance.second_look()
    release = governance.release_in_review(who)
    # Compliance is asked by the policy that reads metrics, fairness by one that does not.
    governance.decide(release, who.reviewers["fairness"], "fairness")
    governance.decide(release, who.compliance, "compliance")
    catalog.metrics(release.version, accuracy=0.87)
    release = releases.assess_release(release)
    found = {one.role: one for one in seats.seats_of(release, seats.load(release))}
    assert (found["fairness"].is_filled, found["compliance"].is_filled) == (True, False)
    assert any(one.path.startswith("metrics[accuracy") for one in found["compliance"].changed)
    assert all(one.path.startswith("metrics") for one in found["compliance"].changed)


def test_another_version_of_the_policy_asks_its_own_seat_again(who) -> None:
    governance.published()
    governance.second_look()
    release = governance.release_in_review(who)
    governance.decide(release, who.reviewers["fairness"], "fairness")
    governance.decide(release, who.compliance, "compliance")
    governance.second_look(floor=0.6)
    release = releases.assess_release(release)
    found = {one.role: one for one in seats.seats_of(release, seats.load(release))}
    assert (found["fairness"].is_filled, found["compliance"].is_filled) == (True, False)
    assert [one.path for one in found["compliance"].changed] == ["policy second-look"]


# ------------------------------------------------------------------ deputies
def lend(giver, deputy, scope, role="fairness", days=7, **kw) -> Delegation:
    until = timezone.now() + timedelta(days=days)
    return delegation.delegate(actor=giver, deputy=deputy, role=role, scope=scope, until=until, reason="Holiday.", **kw)


@pytest.fixture
def deputy(who):
    return people.person("risk", who.team)


@pytest.mark.parametrize("scope", ["team", "model", "endpoint"])
def test_deputy_fills_the_seat_in_the_scope(who, deputy, scope) -> None:
    release = review(who, "[fairness]")
    place = {"team": who.team, "model": release.version.model, "endpoint": release.endpoint}[scope]
    row = lend(who.reviewers["fairness"], deputy, place)
    assert [one.pk for one in selectors.waiting_for(deputy)] == [release.pk]
    made = governance.decide(release, deputy, "fairness")
    assert (made.delegation_id, str(made.delegation)) == (row.pk, f"{deputy} for {row.giver} as Fairness reviewer")
    release.refresh_from_db()
    assert release.state == "live"


def test_deputy_decides_only_there_then_and_while_it_is_lent(who, deputy) -> None:
    release = review(who, "[fairness]")
    giver, fresh = who.reviewers["fairness"], type(deputy).objects
    lend(giver, deputy, catalog.endpoint(owner=who.owner, team=who.team))
    act = lambda: governance.decide(release, fresh.get(pk=deputy.pk), "fairness")  # noqa: E731
    assert refusal(act).code == "role-not-held"
    lend(giver, deputy, who.team, starts_at=timezone.now() + timedelta(days=1))
    assert refusal(act).code == "role-not-held"
    row = lend(giver, deputy, who.team)
    delegation.revoke_delegation(row, actor=giver)
    assert refusal(act).code == "role-not-held"
    with pytest.raises(DatabaseError, match="does not cover"):
        insert(release, deputy, "fairness", delegation=row.pk)
    assert refusal(lambda: delegation.revoke_delegation(row, actor=giver)).code == "delegation-over"


def test_what_is_lent_is_not_passed_on_and_ends_with_the_role(who, deputy) -> None:
    release = review(who, "[fairness]")
    giver = who.reviewers["fairness"]
    lend(giver, deputy, who.team)
    third = people.person("legal", who.team)
    assert refusal(lambda: lend(deputy, third, who.team)).code == "role-not-held"
    with pytest.raises(DatabaseError, match="not passed on"):
        sql(
            "INSERT INTO governance_delegation (giver_id, deputy_id, role, team_id, starts_at, until, reason, made_at)"
            " VALUES (%s, %s, 'fairness', %s, now(), now() + interval '1 day', 'x', now())",
            *(deputy.pk, third.pk, who.team.pk),
        )
    for row in giver.memberships.filter(role="fairness"):
        accounts.end_membership(row, actor=None)
    deputy = type(deputy).objects.get(pk=deputy.pk)
    assert refusal(lambda: governance.decide(release, deputy, "fairness")).code == "role-not-held"


def test_delegation_is_never_a_second_seat(who, deputy) -> None:
    release = review(who, "[{role: fairness, count: 2}]")
    giver = who.reviewers["fairness"]
    row = lend(giver, deputy, who.team)
    governance.decide(release, giver, "fairness")
    assert refusal(lambda: governance.decide(release, deputy, "fairness")).code == "one-seat"
    with pytest.raises(DatabaseError, match="never a second seat"):
        insert(release, deputy, "fairness", delegation=row.pk)


def test_giver_does_not_sit_beside_the_deputy(who, deputy) -> None:
    release = review(who, "[{role: fairness, count: 2}]")
    giver = who.reviewers["fairness"]
    lend(giver, deputy, who.team)
    governance.decide(release, deputy, "fairness")
    assert refusal(lambda: governance.decide(release, giver, "fairness")).code == "one-seat"
    with pytest.raises(DatabaseError, match="never a second seat"):
        insert(release, giver, "fairness")


def test_first_line_and_oneself_are_no_deputies(who) -> None:
    giver = who.reviewers["fairness"]
    assert refusal(lambda: lend(giver, who.owner, who.team)).code == "deputy-not-second-line"
    assert refusal(lambda: lend(giver, giver, who.team)).code == "deputy-self"
    assert refusal(lambda: lend(giver, who.second["fairness"], who.team, days=-1)).code == "dates-odd"
    assert refusal(lambda: lend(giver, who.second["fairness"], who.team, days=500)).code == "dates-odd"


# ------------------------------------------------------------------ standing back
def test_recusal_vacates_the_seat_and_asks_the_deputy(who, deputy) -> None:
    release = review(who, "[fairness, {role: compliance, after: [fairness]}]")
    giver = who.reviewers["fairness"]
    lend(giver, deputy, who.team)
    governance.decide(release, giver, "fairness")
    row = delegation.recuse(release, actor=giver, role="fairness", reason="My sister applied.")
    assert [one[2] for one in states(release)] == [False, False]
    entry = LedgerEntry.objects.get(event="governance:recusal:made")
    assert (str(deputy.uuid) in bytes(entry.leaf).decode(), row.person) == (True, giver)
    giver = type(giver).objects.get(pk=giver.pk)
    error = refusal(lambda: governance.decide(release, giver, "fairness"))
    assert isinstance(error, PermissionRefused)
    assert "stood back" in error.message
    with pytest.raises(DatabaseError, match="stood back"):
        insert(release, giver, "fairness")
    governance.decide(release, deputy, "fairness")
    assert isinstance(
        refusal(lambda: delegation.recuse(release, actor=giver, role="fairness", reason="Again.")), Conflict
    )


def test_recusal_names_the_other_holders_where_nobody_is_deputy(who) -> None:
    release = review(who, "[fairness]")
    giver = who.reviewers["fairness"]
    release = Release.objects.select_related("version__model", "version__training_run").get(pk=release.pk)
    asked = delegation.asked_instead(release, giver, "fairness")
    assert who.second["fairness"] in asked
    assert giver not in asked
    assert refusal(lambda: delegation.recuse(release, actor=giver, role="legal", reason="x")).code == "role-not-held"
    assert (
        refusal(lambda: delegation.recuse(release, actor=giver, role="fairness", reason=" ")).code == "reason-missing"
    )
