"""Whatever people and facts do in whatever order: nothing is live without a full, fresh, separate quorum."""

from contextlib import suppress

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Deployment
from governance import seats
from governance.models import Release
from governance.services import releases
from portal.errors import DomainError
from tests.factories import catalog, governance

pytestmark = pytest.mark.django_db

DECIDERS = ("validator", "fairness", "validator2", "fairness2", "owner", "developer")
STEP = st.one_of(
    st.tuples(
        st.just("decide"),
        st.sampled_from(DECIDERS),
        st.sampled_from(["validator", "fairness", "legal"]),
        st.sampled_from(["approve", "approve", "approve", "changes", "reject"]),
        st.sampled_from([0, 1]),
    ),
    st.tuples(st.just("fact"), st.sampled_from([0.2, 0.85, 0.86]), st.sampled_from([0, 1])),
    st.tuples(st.just("assess"), st.sampled_from([0, 1])),
    st.tuples(st.just("withdraw"), st.sampled_from([0, 1])),
)


def run_step(step, who, rows, people) -> Release:
    release = Release.objects.select_related("version__model", "decision").get(pk=rows[step[-1]].pk)
    if step[0] == "fact":
        catalog.metrics(release.version, accuracy=step[1])
    elif step[0] == "assess":
        releases.assess_release(release)
    elif step[0] == "withdraw":
        releases.withdraw_release(release, actor=who.owner)
    else:
        governance.decide(release, people[step[1]], step[2], step[3])
    return release


def check(rows, before: dict[int, str]) -> dict[int, str]:
    """The invariants, after each step; the states as they are now."""
    now = dict(Release.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", "state"))
    for pk, state in now.items():
        if state == "live" and before[pk] != "live":
            release = Release.objects.select_related("decision", "version__training_run").get(pk=pk)
            filled = seats.seats_of(release, seats.load(release))
            assert filled
            assert all(seat.is_filled for seat in filled)
            signed = {seat.approval.person_id for seat in filled}
            assert len(signed) == len(filled)
            apart = {release.requested_by_id, release.version.created_by_id, release.version.training_run.trained_by_id}
            assert not signed & apart
            assert release.decision.verdict not in ("fail", "unknown")
    live = [pk for pk, state in now.items() if state == "live"]
    open_now = Deployment.objects.filter(endpoint=rows[0].endpoint, during__upper_inf=True)
    assert len(live) == open_now.count() <= 1
    return now


@given(steps=st.lists(STEP, min_size=4, max_size=14))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_never_live_without_full_fresh_separate_quorum(steps) -> None:
    with transaction.atomic():
        play(steps)
        transaction.set_rollback(True)


def play(steps) -> None:
    """One sequence from the start, checked after each step."""
    who = governance.cast()
    first = governance.release_in_review(who)
    version = governance.ready_version(who, model=first.version.model)
    rows = [first, governance.release_in_review(who, version=version, endpoint=first.endpoint)]
    people = {"owner": who.owner, "developer": who.developer, **who.reviewers}
    people |= {f"{role}2": person for role, person in who.second.items()}
    states = check(rows, {row.pk: row.state for row in rows})
    for step in steps:
        with suppress(DomainError), transaction.atomic():
            run_step(step, who, rows, people)
        states = check(rows, states)
