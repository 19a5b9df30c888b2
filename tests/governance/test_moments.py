"""The moment of the question, and the upgrade of the facts schema: neither makes an approval stale by itself."""

import json

import pytest

from governance import seats
from governance.gates.facts import canonical_bytes, read_facts
from governance.gates.schema import narrowed
from governance.models import Decision
from governance.services import releases
from governance.services.decisions import inputs_digest, make_decision, preview, replay_decision
from governance.services.facts import inputs_of
from portal.ledger.canonical import sha256_hex
from portal.ledger.models import LedgerEntry
from portal.ledger.services import record
from tests.factories import catalog, governance

pytestmark = pytest.mark.django_db

AT_MOMENT = """
apiVersion: gatehouse/v1
kind: Policy
metadata: {name: at-moment, owner: compliance, description: Asked at one moment., reviewBy: "2099-01-01"}
appliesTo: {moment: [MOMENT]}
rules:
  - id: one
    title: Accuracy reaches the floor
    require: "facts.metrics.exists(m, m.name == 'accuracy' && m.value >= FLOOR)"
    message: "'Too low.'"
approvals: [APPROVALS]
enforcement: block
tests:
  - name: high
    facts: {subject: {moment: MOMENT}, metrics: [{name: accuracy, split: test, segment: all, value: 1.0}]}
    expect: {one: pass, policy: pass}
  - name: low
    facts: {subject: {moment: MOMENT}, metrics: [{name: accuracy, split: test, segment: all, value: 0.0}]}
    expect: {one: fail, policy: fail}
  - name: not measured
    facts: {subject: {moment: MOMENT}}
    expect: {one: unknown, policy: unknown}
"""


def policy(moment: str, floor: float = 0.5, approvals: str = "") -> str:
    return AT_MOMENT.replace("MOMENT", moment).replace("FLOOR", str(floor)).replace("APPROVALS", approvals)


def stale(release) -> list[bool]:
    return [seat.stale for seat in seats.seats_of(release, seats.load(release))]


def live(source: str):
    who = governance.cast()
    governance.published()
    governance.publish(source)
    release = governance.live_release(who)
    decision = release.decision_id
    release = releases.assess_release(release)
    return release, decision


@pytest.mark.parametrize("moment", ["request", "live", "check", "running"])
def test_going_live_makes_no_approval_stale(moment) -> None:
    release, decision = live(policy(moment))
    assert (release.state, release.decision_id) == ("live", decision)
    assert stale(release) == [False, False]
    assert preview(release.version, release.endpoint).verdict in ("pass", "ask")


def test_role_that_only_the_request_asks_stays_filled_when_live() -> None:
    release, decision = live(policy("request", approvals="validator"))
    assert release.decision_id == decision
    assert stale(release) == [False, False]


def test_what_a_live_release_fails_is_shown_and_says_so() -> None:
    release, decision = live(policy("live", floor=0.99))
    assert release.state == "live"
    assert release.decision_id != decision
    assert release.decision.verdict == "fail"
    (seat, *_) = seats.seats_of(release, seats.load(release))
    assert seat.stale
    assert ("subject.moment", "request", "live") in [(one.path, one.before, one.after) for one in seat.changed]
    again = releases.assess_release(release)
    assert again.decision_id == release.decision_id


def test_check_on_the_side_changes_nothing_about_a_release() -> None:
    who = governance.cast()
    governance.published()
    governance.publish(policy("check", floor=0.99))
    release = governance.release_in_review(who)
    checked = make_decision(release.version, release.endpoint, actor=who.owner)
    assert (checked.verdict, release.state) == ("fail", "in_review")
    before = Decision.objects.count()
    release = releases.assess_release(release)
    make_decision(release.version, release.endpoint, actor=who.owner)
    releases.assess_release(release)
    assert Decision.objects.count() == before
    assert release.decision.facts["subject"]["moment"] == "request"


def as_first_schema(decision: Decision, who) -> Decision:
    """The decision as the release before this one stored it."""
    facts = read_facts(narrowed(decision.facts, "gatehouse.facts/1"))
    result = json.loads(decision.result_text) | {"facts_schema": "gatehouse.facts/1", "facts_digest": facts.digest}
    text = canonical_bytes(result)
    made = Decision(
        version=decision.version,
        endpoint=decision.endpoint,
        inputs_digest=inputs_digest(facts),
        facts_text=canonical_bytes(facts).decode(),
        facts_digest=facts.digest,
        result_text=text.decode(),
        digest=sha256_hex(text),
        verdict=decision.verdict,
        made_by=who.owner,
        made_at=decision.made_at,
    )
    made.save()
    for row in decision.bundle.all():
        made.bundle.create(policy_version=row.policy_version, position=row.position)
    record(actor=who.owner, event="governance:decision:made", subject=made, body={"digest": made.digest})
    return made


def test_decision_of_the_older_schema_replays_and_still_carries_its_approvals() -> None:
    who = governance.cast()
    release = governance.release_in_review(who)
    old = as_first_schema(release.decision, who)
    assert replay_decision(old).text == "identical"
    assert old.inputs_digest != release.decision.inputs_digest
    assert seats.same_question(old, release.decision)
    assert seats.changes(old, release.decision) == []
    catalog.metrics(release.version, accuracy=0.86)
    release = releases.assess_release(release)
    assert not seats.same_question(old, release.decision)
    paths = {one.path for one in seats.changes(old, release.decision)}
    assert "metrics[accuracy, test, all].value" in paths
    assert not [path for path in paths if "measured_at" in path or "schema" in path]


def test_inputs_of_an_older_document_are_what_they_were() -> None:
    document = {"schema": "gatehouse.facts/1", "evaluated_at": "x", "subject": {"model": "m"}, "ledger_index": 3}
    assert inputs_of(document) == {"schema": "gatehouse.facts/1", "subject": {"model": "m"}}


def test_looking_at_a_release_writes_nothing() -> None:
    release = governance.release_in_review()
    before = LedgerEntry.objects.count()
    for _ in range(3):
        release = releases.assess_release(release)
    assert LedgerEntry.objects.count() == before
