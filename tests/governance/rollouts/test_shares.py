"""Whatever happens in whatever order: shares sum to 100 or the endpoint is suspended, and nothing exceeds its leave."""

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.choices import UNDER_WAY, ReleaseState
from governance.models import ShareApproval
from governance.services import fallbacks, lifecycle
from governance.services.desired import desired_state
from governance.services.rollout_ends import look
from governance.services.rollout_plans import approve_share, approved_share
from portal.errors import DomainError

SHARES = st.sampled_from([0, 5, 25, 100])
ACTS = st.one_of(
    st.tuples(st.just("ask"), SHARES),
    st.tuples(st.just("reached"), SHARES),
    st.tuples(st.just("good"), st.just(12)),
    st.tuples(st.just("good"), st.just(12)),
    st.tuples(st.just("bad"), st.just(2)),
    st.tuples(st.just("wait"), st.sampled_from([1, 30])),
    st.tuples(st.just("approve"), st.just(0)),
    st.tuples(st.just("widen"), SHARES),
    st.tuples(st.sampled_from(["hold", "suspend", "resume", "back", "look"]), st.just(0)),
)
# Random acts seldom climb far: half of the runs begin some steps up.
CLIMB = [("ask", 0), ("reached", 0), ("good", 12), ("approve", 0)] + [
    act for share in (5, 25, 100) for act in (("ask", share), ("reached", share), ("good", 12))
]
RUNS = st.tuples(st.integers(0, len(CLIMB)), st.lists(ACTS, max_size=8)).map(lambda run: CLIMB[: run[0]] + run[1])
LIMITS = {"uses": ["credit"], "highest_volume": 5000}


def do(way, act, number):
    person = way.house["validator"]
    match act:
        case "ask":
            way.ask(number)
        case "reached":
            way.reached(number)
        case "good":
            way.traffic(number)
        case "bad":
            way.traffic(number, errors=0.2)
        case "wait":
            way.clock.minutes(number)
        case "approve":
            way.approve()
        case "widen":
            approve_share(way.rollout(), actor=person, role="validator", share=number, reason="It went well.")
        case "hold" | "suspend" | "resume":
            getattr(lifecycle, act)(way.fresh(), actor=person, reason="A test.")
        case "back":
            fallbacks.roll_back(way.fresh(), actor=person, reason="A test.")
        case "look":
            look(way.fresh())


def check(way):
    state, release, rollout = desired_state(way.house.endpoint), way.fresh(), way.rollout()
    shares = [row["share"] for row in state["targets"]]
    assert sum(shares) == (0 if state["suspended"] else 100)
    assert all(share > 0 for share in shares)
    assert len({row["digest"] for row in state["targets"]}) == len(shares)
    mine = [row for row in [*state["targets"], *state["shadow"]] if row["version"] == "2.0.0"]
    real = sum(row["share"] for row in mine)
    allowed = max([0, *rollout.steps.filter(allowed_at__isnull=False).values_list("share", flat=True)])
    assert real <= allowed
    assert real <= approved_share(rollout)
    where = release.held_from if release.state == ReleaseState.HELD else release.state
    if where not in (*UNDER_WAY, ReleaseState.LIVE):
        assert real == 0
    if real and not release.approvals.filter(choice="approve").exists():
        raise AssertionError("real traffic without an approval")
    assert all(row["limits"]["uses"] == ["credit"] and row["limits"]["highest_volume"] == 5000 for row in mine)
    if rollout.state == "rolled_back":
        assert real == 0


@pytest.fixture
def settled(way):
    """The house as if committed: each run below is undone to here."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    return way


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(RUNS, st.sampled_from([5, 25, 100]))
def test_shares_sum_to_100_or_the_endpoint_is_suspended(settled, acts, reach):
    way = settled
    began = way.clock.at
    with transaction.atomic():
        way.plan(approval_share=reach, limits=LIMITS)
        check(way)
        for act, number in acts:
            try:
                with transaction.atomic():
                    do(way, act, number)
            except DomainError:
                pass
            check(way)
        assert ShareApproval.objects.filter(rollout__release=way.release).count() <= len(acts)
        transaction.set_rollback(True)
    way.clock.at = began
