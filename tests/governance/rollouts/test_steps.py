"""The way of a release: shadow, shares, burn-in, live; and every answer that a deployer can get."""

import datetime as dt

import pytest

from catalog.selectors import live_deployment
from governance.models import IncidentDraft, RolloutStep
from governance.services import lifecycle
from governance.services.desired import desired_state
from governance.services.incidents import close_draft
from governance.services.rollout_ends import look, sweep
from governance.services.rollout_plans import approve_share
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.models import LedgerEntry


def shares(way):
    state = desired_state(way.house.endpoint)
    return {f"{row['version']} {row['role']}": row["share"] for row in state["targets"]}


def codes(told):
    return [one.code for one in told.reasons]


def test_the_whole_way_to_live(way):
    way.plan()
    way.go(0)
    assert shares(way) == {"1.0.0 live": 100}
    assert [row["version"] for row in desired_state(way.house.endpoint)["shadow"]] == ["2.0.0"]
    way.approve()
    assert way.fresh().state == "rolling_out"
    for share in (5, 25):
        way.go(share)
        assert shares(way) == {"2.0.0 canary": share, "1.0.0 baseline": 100 - share}
    way.go(100)
    assert way.fresh().state == "burn_in"
    assert shares(way)["2.0.0 canary"] == 100
    assert live_deployment(way.house.endpoint).version == way.release.version
    told = way.ask(100)
    assert (told.answer, told.rollout.state) == ("yes", "done")
    assert way.fresh().state == "live"
    way.live.refresh_from_db()
    assert way.live.state == "superseded"
    assert shares(way) == {"2.0.0 live": 100}


def test_burn_in_ends_by_itself(way):
    way.plan()
    way.approve()
    for share in (0, 5, 25, 100):
        way.go(share)
    assert look(way.fresh()).answer == "yes"
    assert way.fresh().state == "live"
    assert look(way.fresh()) is None


def test_a_release_without_a_plan_goes_live_at_once(way):
    way.approve()
    assert way.fresh().state == "live"
    with pytest.raises(Conflict) as refused:
        way.ask(5)
    assert refused.value.code == "no-plan"


def test_before_the_approval_only_shadow_traffic(way):
    way.plan()
    way.go(0)
    told = way.ask(5)
    assert (told.answer, codes(told)) == ("wait", ["not-approved"])
    assert shares(way) == {"1.0.0 live": 100}


def test_real_traffic_reaches_as_far_as_the_approval(way):
    way.plan(approval_share=5)
    way.approve()
    way.go(0)
    way.go(5)
    told = way.ask(25)
    assert (told.answer, codes(told)) == ("wait", ["needs-approval"])
    with pytest.raises(PermissionRefused):
        approve_share(way.rollout(), actor=way.house["model_owner"], role="validator", share=25, reason="Fine.")
    approve_share(way.rollout(), actor=way.house["validator"], role="validator", share=25, reason="The 5 % went well.")
    assert way.ask(25).answer == "yes"
    assert way.ask(25).document()["approved_share"] == 25


def test_little_traffic_waits_and_says_what_is_missing(way):
    way.plan()
    way.approve()
    way.ask(0)
    way.reached(0)
    way.traffic(5, n=100)
    told = way.ask(5)
    assert told.answer == "wait"
    assert codes(told) == ["too-early", "sample-too-small", "not-enough-evidence", "not-enough-evidence"]
    missing = told.reasons[2].data
    assert missing["requests_to_pass"] > missing["requests_to_find"] > 100
    way.traffic(15, n=100)
    assert codes(way.ask(5)) == ["not-enough-evidence", "not-enough-evidence"]


def test_steps_come_in_order_and_after_their_report(way):
    way.plan()
    way.approve()
    told = way.ask(25)
    assert (told.answer, codes(told), told.reasons[0].data["next_share"]) == ("wait", ["steps-in-order"], 0)
    way.ask(0)
    assert codes(way.ask(5))[0] == "not-reported"


def test_a_report_is_taken_once(way):
    way.plan()
    way.ask(0)
    way.reached(0)
    before = RolloutStep.objects.get(rollout__release=way.release, share=0).reached_at
    entries = LedgerEntry.objects.count()
    way.clock.minutes(3)
    assert way.reached(0).answer == "yes"
    assert RolloutStep.objects.get(rollout__release=way.release, share=0).reached_at == before
    assert way.ask(0).answer == "yes"
    assert LedgerEntry.objects.count() == entries


def test_a_late_report_changes_nothing(way):
    way.plan()
    way.approve()
    way.go(0)
    way.go(5)
    told = way.reached(0)
    assert (told.answer, codes(told)) == ("wait", ["late"])
    assert codes(way.ask(0)) == ["late"]
    assert shares(way)["2.0.0 canary"] == 5


def test_the_time_of_a_step_runs_from_the_report_that_came_in(way):
    way.plan()
    way.ask(0)
    way.reached(0, at=way.clock.at - dt.timedelta(hours=5))
    way.traffic(3)
    assert "too-early" in codes(way.ask(5))
    with pytest.raises(InvalidInput) as refused:
        way.reached(0, at=way.clock.at + dt.timedelta(minutes=10))
    assert refused.value.code == "future"


def test_another_digest_is_refused(way):
    way.plan()
    for act in (way.ask, way.reached):
        with pytest.raises(Conflict) as refused:
            act(0, digest="0" * 64)
        assert refused.value.code == "other-digest"
    with pytest.raises(InvalidInput) as refused:
        way.ask(7)
    assert refused.value.code == "no-such-step"


def test_a_step_that_was_not_allowed_is_no_report(way):
    way.plan()
    way.approve()
    with pytest.raises(Conflict) as refused:
        way.reached(25)
    assert refused.value.code == "step-not-allowed"


def test_a_breach_goes_back_to_the_fallback_by_itself(way):
    way.plan()
    way.approve()
    way.go(0)
    way.ask(5)
    way.reached(5)
    way.traffic(2, errors=0.05)
    assert sweep() == 1
    assert way.fresh().state == "rolled_back"
    assert way.rollout().state == "rolled_back"
    assert shares(way) == {"1.0.0 live": 100}
    draft = IncidentDraft.objects.get(release=way.release)
    assert (draft.cause, draft.summary["share"]) == ("breach", 5)
    assert draft.summary["metrics"][0]["state"] == "breach"
    assert LedgerEntry.objects.filter(event="governance:rollout:breached").exists()
    told = way.ask(25)
    assert (told.answer, codes(told)) == ("roll_back", ["breach"])
    assert way.reached(5).answer == "roll_back"


def test_asking_finds_a_breach_as_well(way):
    way.plan()
    way.approve()
    way.go(0)
    way.ask(5)
    way.reached(5)
    way.traffic(3, slow=0.2)
    told = way.ask(25)
    assert (told.answer, codes(told)) == ("roll_back", ["breach"])
    assert told.document()["share"] == 0
    assert "latency_ms ≥ 250 is" in told.reasons[0].message


def test_silence_is_a_breach(way):
    way.plan(silence_minutes=10)
    way.approve()
    way.go(0)
    way.ask(5)
    way.reached(5)
    way.traffic(2)
    way.clock.minutes(8)
    assert look(way.fresh()).answer != "roll_back"
    way.clock.minutes(5)
    assert look(way.fresh()).answer == "roll_back"
    assert IncidentDraft.objects.get().cause == "no-data"
    assert way.fresh().state == "rolled_back"


def test_a_deployer_that_dies_after_its_leave_is_silence_too(way):
    way.plan()
    way.approve()
    way.ask(0)
    way.clock.minutes(11)
    assert look(way.fresh()).answer == "roll_back"


def test_a_breach_of_shadow_traffic_stops_it_and_leaves_the_review(way):
    way.plan()
    way.ask(0)
    way.reached(0)
    way.traffic(3, errors=0.08)
    assert look(way.fresh()).answer == "roll_back"
    assert way.fresh().state == "in_review"
    assert desired_state(way.house.endpoint)["shadow"] == []
    way.approve()
    assert way.fresh().state == "approved"
    assert shares(way) == {"1.0.0 live": 100}


def test_first_release_is_held_against_its_limits_and_suspends_on_a_breach(first):
    limited = [{"name": "errors", "tolerance": 1.5, "effect": 3.0, "limit": 0.02}]
    steps = [{"share": share, "least_minutes": 10, "least_requests": 1000} for share in (0, 100)]
    first.plan(metrics=limited, steps=steps)
    assert desired_state(first.house.endpoint)["suspended"]
    first.go(0)
    first.approve()
    first.ask(100)
    first.reached(100)
    assert shares(first) == {"1.0.0 canary": 100}
    first.traffic(3, errors=0.1)
    assert look(first.fresh()).answer == "roll_back"
    assert first.fresh().state == "suspended"
    assert desired_state(first.house.endpoint)["targets"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "no-predecessor"),
        ({"steps": [{"share": 100, "least_minutes": 1, "least_requests": 1}]}, "no-baseline"),
    ],
)
def test_a_plan_needs_something_to_compare_with(first, change, code):
    with pytest.raises(InvalidInput) as refused:
        first.plan(**change)
    assert refused.value.code == code


def test_a_held_release_stays_where_it_is(way):
    way.plan()
    way.approve()
    way.go(0)
    way.go(5)
    lifecycle.hold(way.fresh(), actor=way.house["validator"], reason="Something looks odd.")
    told = way.ask(25)
    assert (told.answer, codes(told)) == ("wait", ["held"])
    assert shares(way) == {"2.0.0 canary": 5, "1.0.0 baseline": 95}


def test_a_plan_stays_what_it_is(way):
    made = way.plan()
    assert way.plan().pk == made.pk
    with pytest.raises(Conflict) as refused:
        way.plan(approval_share=50)
    assert refused.value.code == "plan-exists"


def test_no_plan_after_the_approval(way):
    way.approve()
    with pytest.raises(Conflict) as refused:
        way.plan()
    assert refused.value.code in ("wrong-state", "decided-already")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"metrics": []}, "metrics"),
        ({"metrics": [{"name": "errors", "tolerance": 1.0}]}, "metrics[0].tolerance"),
        ({"metrics": [{"name": "errors", "tolerance": 2.0, "effect": 2.1}]}, "metrics[0].effect"),
        ({"metrics": [{"name": "latency_ms", "measure": "above"}]}, "metrics[0].edge"),
        ({"metrics": [{"name": "errors"}, {"name": "errors"}]}, "metrics"),
        ({"steps": [{"share": 5, "least_minutes": 1, "least_requests": 1}]}, "steps"),
        ({"steps": [{"share": 100, "least_minutes": 1, "least_requests": 0}]}, "steps[0]"),
        ({"alpha": 0.5}, "alpha"),
        ({"limits": {"colour": "red"}}, "limits"),
        ({"limits": {"valid_until": "tomorrow"}}, "limits.valid_until"),
        ({"webhook_url": "ftp://example.org/"}, "webhook_url"),
    ],
)
def test_odd_plans_are_refused(way, change, field):
    with pytest.raises(InvalidInput) as refused:
        way.plan(**change)
    assert refused.value.field == field


def test_a_draft_of_an_incident_is_closed_by_the_second_line_with_words(way):
    way.plan()
    way.ask(0)
    way.reached(0)
    way.traffic(3, errors=0.08)
    look(way.fresh())
    draft = IncidentDraft.objects.get()
    with pytest.raises(PermissionRefused):
        close_draft(draft, actor=way.house["developer"], outcome="Nothing.")
    with pytest.raises(InvalidInput):
        close_draft(draft, actor=way.house["validator"], outcome=" ")
    assert close_draft(draft, actor=way.house["validator"], outcome="A bad tokenizer file.").closed_by is not None
    with pytest.raises(Conflict):
        close_draft(draft, actor=way.house["validator"], outcome="Again.")
