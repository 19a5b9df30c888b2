"""The facts document: what is in it, what is left out, and that its cost does not grow."""

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import Endpoint
from catalog.services import attestations
from catalog.services.facts import record_metrics
from governance.services.decisions import inputs_digest
from governance.services.facts import build_facts
from portal.ledger.encoding import instant
from tests.factories import catalog, governance

pytestmark = pytest.mark.django_db
# Of one facts document, whatever the number of rows.
QUERIES = 13


def attest(about, actor, section, value, **kw):
    return attestations.attest(about, actor=actor, section=section, value=value, **kw)


def facts_of(version, endpoint, **kw):
    return build_facts(version, endpoint, now=timezone.now(), **kw)


def test_document_of_first_release_says_that_nothing_is_live() -> None:
    who = governance.cast()
    version, endpoint = governance.ready_version(who), catalog.endpoint(owner=who.owner, team=who.team)
    facts = facts_of(version, endpoint)
    assert (facts["baseline_metrics"], facts["bias_changes"], facts["odds_changes"]) == ([], [], [])
    assert facts["metrics"][0]["value"] == 0.85
    assert facts["datasets"][0]["residency"] == "eu-central-1"
    assert facts["artifacts"][0]["stored"] is False
    assert facts_of(catalog.uploaded(version), endpoint)["artifacts"][0]["stored"] is True


def test_unknown_is_left_out_and_people_are_opaque() -> None:
    who = governance.cast()
    version = catalog.version(model=catalog.model(owner=who.owner, team=who.team), actor=who.developer)
    facts = facts_of(version, catalog.endpoint(team=who.team, owner=who.owner))
    assert not {"metrics", "bias", "odds", "datasets", "card"} & set(facts)
    assert facts["training"]["by"] == str(who.developer.uuid)
    assert who.developer.username not in str(dict(facts))


def test_newest_measurement_counts() -> None:
    version = catalog.version()
    catalog.metrics(version, accuracy=0.7)
    evidence = catalog.metrics(version, accuracy=0.9)
    rows = facts_of(version, catalog.endpoint())["metrics"]
    assert [(row["value"], row["evidence"]) for row in rows] == [(0.9, evidence.public_id)]


def test_odds_judge_only_groups_large_enough() -> None:
    version = catalog.version()
    row = catalog.measure
    catalog.bias(
        version,
        measures=[
            row("sex", "Male", "Male", n=600, selected=300, ratio=1.0, tpr=0.8, fpr=0.1),
            row("sex", "Female", "Male", n=400, selected=190, ratio=0.95, tpr=0.7, fpr=0.15),
            row("sex", "Other", "Male", n=99, selected=1, ratio=0.02, tpr=0.0, fpr=1.0),
        ],
    )
    (odds,) = facts_of(version, catalog.endpoint())["odds"]
    assert odds["groups"] == 2
    assert odds["gap"] == pytest.approx(0.1)
    assert odds["gap_fpr"] == pytest.approx(0.05)


def test_candidate_is_held_against_what_is_live() -> None:
    who = governance.cast()
    live = governance.live_release(who)
    version = governance.ready_version(who, model=live.version.model, accuracy=0.88)
    facts = facts_of(version, live.endpoint)
    assert facts["baseline_metrics"][0]["value"] == 0.85
    assert {row["ratio_change"] for row in facts["bias_changes"]} == {0.0}
    assert {row["gap_change"] for row in facts["odds_changes"]} == {0.0}


def test_going_live_changes_no_fact() -> None:
    who = governance.cast()
    first = governance.live_release(who)
    second = governance.release_in_review(
        who, version=governance.ready_version(who, model=first.version.model), endpoint=first.endpoint
    )
    before = inputs_digest(facts_of(second.version, second.endpoint))
    for role, person in who.reviewers.items():
        governance.decide(second, person, role)
    second.refresh_from_db()
    assert second.state == "live"
    assert inputs_digest(facts_of(second.version, second.endpoint)) == before


def test_inputs_ignore_moment_request_and_log_but_not_facts() -> None:
    release = governance.release_in_review()
    alone = inputs_digest(facts_of(release.version, release.endpoint))
    assert inputs_digest(facts_of(release.version, release.endpoint, release=release)) == alone
    catalog.metrics(release.version, accuracy=0.86)
    assert inputs_digest(facts_of(release.version, release.endpoint)) != alone


def fresh(version):
    """As the pages and the API hand it to the builder."""
    return (
        type(version).objects.select_related("model__team", "training_run__trained_by", "created_by").get(pk=version.pk)
    )


@pytest.mark.parametrize("many", [1, 200])
def test_query_count_is_fixed(many, django_assert_num_queries) -> None:
    who = governance.cast()
    live = governance.live_release(who)
    version = governance.ready_version(who, model=live.version.model)
    names = [f"metric_{index}" for index in range(many)]
    catalog.metrics(version, actor=who.developer, **dict.fromkeys(names, 0.5))
    catalog.metrics(live.version, actor=who.developer, **dict.fromkeys(names, 0.5))
    for index in range(many):
        attest(version, who.developer, "tests", {"suite": f"suite {index}", "passed": 9, "failed": 0})
    version, endpoint = fresh(version), Endpoint.objects.select_related("team").get(pk=live.endpoint_id)
    with django_assert_num_queries(QUERIES):
        facts = facts_of(version, endpoint)
    assert (len(facts["metrics"]), len(facts["tests"])) == (many + 1, many)


def test_rows_say_when_they_were_measured() -> None:
    version, endpoint = catalog.version(), catalog.endpoint()
    long_ago, lately = timezone.now() - timedelta(days=400), timezone.now() - timedelta(days=2)
    rows = [{"name": "accuracy", "value": 0.9, "n": 10}]
    measured = catalog.measure("sex", "Male", "Male", n=600, selected=300, ratio=1.0)
    record_metrics(version, actor=version.created_by, metrics=rows, measured_at=long_ago)
    catalog.bias(version, measures=[measured, measured | {"group": "Female"}], measured_at=lately)
    facts = facts_of(version, endpoint)
    assert facts["metrics"][0]["measured_at"] == instant(long_ago)
    assert {facts[name][0]["measured_at"] for name in ("bias", "odds")} == {instant(lately)}


def test_change_is_as_old_as_the_older_measurement() -> None:
    who = governance.cast()
    live = governance.live_release(who)
    version = governance.ready_version(who, model=live.version.model)
    older = live.version.evidence.get(kind="bias").measured_at
    facts = facts_of(version, live.endpoint)
    assert {row["measured_at"] for row in facts["bias_changes"]} == {instant(older)}
    assert {row["measured_at"] for row in facts["odds_changes"]} == {instant(older)}


def test_moment_says_why_it_is_asked_and_is_no_input_of_an_approval() -> None:
    release = governance.release_in_review()
    asked = [facts_of(release.version, release.endpoint, moment=one) for one in ("check", "request", "live", "running")]
    assert [one["subject"]["moment"] for one in asked] == ["check", "request", "live", "running"]
    assert len({inputs_digest(one) for one in asked}) == 1
    assert facts_of(release.version, release.endpoint)["subject"]["moment"] == "check"
    assert release.decision.facts["subject"]["moment"] == "request"


def test_telemetry_is_read_but_is_no_input_of_an_approval() -> None:
    release = governance.release_in_review()
    before = inputs_digest(facts_of(release.version, release.endpoint))
    attest(release.endpoint, release.version.created_by, "telemetry", {"wired": True, "psi": 0.1})
    facts = facts_of(release.version, release.endpoint)
    assert facts["telemetry"]["wired"] is True
    assert inputs_digest(facts) == before
