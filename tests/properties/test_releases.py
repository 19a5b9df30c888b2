"""Whatever people, facts and time do in whatever order: nothing goes live without a full, fresh, separate quorum or a
recorded emergency right, no open condition is lost, and an endpoint has at most one live release."""

from contextlib import suppress
from datetime import timedelta
from unittest import mock

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Deployment
from governance import seats
from governance.models import Condition, Emergency, Finding, Release
from governance.services import conditions, emergency, fallbacks, findings, lifecycle, reassessment, releases
from governance.services.conditions import ConditionDraft
from governance.services.findings import FindingDraft
from portal.errors import DomainError
from tests.factories import catalog, governance, people

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
    st.tuples(
        st.sampled_from(["hold", "suspend", "resume", "resume", "roll_back", "emergency", "review"]),
        st.sampled_from(["risk", "risk", "validator", "owner", "developer"]),
        st.sampled_from([0, 1]),
    ),
    st.tuples(
        st.sampled_from(["condition", "finding"]),
        st.sampled_from(["flag", "hold", "roll_back"]),
        st.sampled_from([0, 1]),
    ),
    st.tuples(st.just("close"), st.sampled_from(["risk", "validator", "developer"]), st.sampled_from([0, 1])),
    st.tuples(st.just("rules"), st.sampled_from(["together", "queue", "refuse"]), st.sampled_from([0, 1])),
    st.tuples(st.just("days"), st.sampled_from([1, 5]), st.sampled_from([0, 1])),
)
WHY = "Because."


def run_step(step, who, rows, cast) -> Release:
    """One act on one of the two releases, by whomever, allowed or not."""
    release = Release.objects.select_related("version__model", "endpoint", "decision").get(pk=rows[step[-1]].pk)
    kind, what = step[0], step[1]
    acts = {"hold": lifecycle.hold, "suspend": lifecycle.suspend, "resume": lifecycle.resume}
    acts["roll_back"] = fallbacks.roll_back
    if kind == "fact":
        catalog.metrics(release.version, accuracy=what)
    elif kind == "assess":
        releases.assess_release(release)
    elif kind == "withdraw":
        releases.withdraw_release(release, actor=who.owner)
    elif kind in acts:
        acts[kind](release, actor=cast[what], reason=WHY)
    elif kind == "emergency":
        emergency.declare_emergency(release, actor=cast[what], role="risk", reason=WHY)
    elif kind == "review":
        found = Emergency.objects.get(release=release) if hasattr(release, "emergency") else None
        if found is not None:
            emergency.review_emergency(found, actor=cast[what], outcome="hold", review=WHY)
    elif kind in ("condition", "finding"):
        promise(kind, release, what, who, cast)
    elif kind == "close":
        close(release, cast[what])
    elif kind == "rules":
        emergency.set_release_rules(release.endpoint, actor=cast["risk"], second_release=what)
    elif kind == "days":
        pass_days(what)
    else:
        governance.decide(release, cast[what], step[2], step[3])
    return release


def promise(kind, release, then, who, cast) -> None:
    """Something to be done in two days."""
    due = timezone.now().date() + timedelta(days=2)
    if kind == "condition":
        draft = ConditionDraft("Look again.", who.developer, due, on_overdue=then)
        conditions.open_condition(release, draft, actor=cast["risk"])
    else:
        draft = FindingDraft("It is wrong.", "critical", who.developer, due, on_overdue=then)
        findings.raise_finding(release.version, draft, actor=cast["risk"], release=release)


def close(release, actor) -> None:
    """Close the oldest condition of the release and the oldest finding on its version, with proof."""
    if row := Condition.objects.filter(release=release, state="open").first():
        conditions.close_condition(row, actor=actor, proof="Seen.")
    if row := Finding.objects.filter(version=release.version, state="open").first():
        findings.close_finding(row, actor=actor, proof="Seen.")


def pass_days(days: int) -> None:
    """The beat of a later day."""
    later = timezone.now() + timedelta(days=days)
    with mock.patch.object(timezone, "now", return_value=later):
        reassessment.sweep()


# A state that goes on standing where it stood is not asked again; from these, live is a new decision to let it answer.
FRESH = (
    "checking",
    "blocked",
    "in_review",
    "changes_asked",
    "approved",
    "suspended",
    "held in_review",
    "held approved",
)


def check(rows, before: dict[int, str]) -> dict[int, str]:
    """The invariants, after each step; the states as they are now."""
    found = Release.objects.filter(pk__in=[row.pk for row in rows])
    now = {row.pk: f"held {row.held_from}" if row.state == "held" else row.state for row in found}
    for pk, state in now.items():
        if state == "live" and before[pk] in FRESH:
            check_right(Release.objects.select_related("decision", "version__training_run").get(pk=pk))
        if state == "live" and before[pk] == "superseded":
            assert "rolled_back" in now.values(), "only a rollback leads back to what is over"
    live = [pk for pk, state in now.items() if state == "live"]
    standing = Release.objects.filter(lifecycle.STANDING, endpoint=rows[0].endpoint).exclude(state="suspended")
    open_now = Deployment.objects.filter(endpoint=rows[0].endpoint, during__upper_inf=True)
    assert len(live) <= 1
    assert standing.count() == open_now.count() <= 1
    for row in Condition.objects.filter(state="closed"):
        assert row.proof
        assert row.closed_by_id not in (None, row.owner_id)
    return now


def check_right(release: Release) -> None:
    """It went live by a full, fresh, separate quorum, or by a recorded emergency right; never past a gate."""
    assert release.decision.verdict not in ("fail", "unknown")
    apart = {release.requested_by_id, release.version.created_by_id, release.version.training_run.trained_by_id}
    right = Emergency.objects.filter(release=release).first()
    if right is not None:
        assert right.declared_by_id not in apart
        assert right.reason
        return
    filled = seats.seats_of(release, seats.load(release))
    assert filled
    assert all(seat.is_filled for seat in filled)
    signed = {seat.approval.person_id for seat in filled}
    assert len(signed) == len(filled)
    assert not signed & apart


@given(begun=st.sampled_from(["asked", "live", "followed"]), steps=st.lists(STEP, min_size=4, max_size=12))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_never_live_without_full_fresh_separate_quorum(begun, steps) -> None:
    with transaction.atomic():
        play(begun, steps)
        transaction.set_rollback(True)


def play(begun, steps) -> None:
    """One sequence from the start, checked after each step."""
    who = governance.cast()
    first = governance.release_in_review(who)
    version = governance.ready_version(who, model=first.version.model)
    rows = [first, governance.release_in_review(who, version=version, endpoint=first.endpoint)]
    cast = {"owner": who.owner, "developer": who.developer, "risk": people.person("risk"), **who.reviewers}
    cast |= {f"{role}2": person for role, person in who.second.items()}
    states = check(rows, {row.pk: row.state for row in rows})
    for row in rows[: {"asked": 0, "live": 1, "followed": 2}[begun]]:
        for role, person in who.reviewers.items():
            # What went live before has changed the facts of what follows it, so they are looked at again.
            releases.assess_release(row)
            governance.decide(row, person, role)
        states = check(rows, states)
    kept: set[int] = set()
    for step in steps:
        with suppress(DomainError), transaction.atomic():
            run_step(step, who, rows, cast)
        states = check(rows, states)
        conditions_now = set(Condition.objects.values_list("pk", flat=True))
        assert kept <= conditions_now, "a condition was lost"
        kept = conditions_now
