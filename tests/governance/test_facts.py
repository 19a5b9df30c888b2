"""The facts document: what is in it, what is left out, and that its cost does not grow."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.services.decisions import inputs_digest
from governance.services.facts import build_facts
from tests.factories import catalog, governance, people

pytestmark = pytest.mark.django_db


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


def test_query_count_is_fixed() -> None:
    who = governance.cast()
    live = governance.live_release(who)
    endpoint, counts = live.endpoint, []
    for many in (1, 8):
        version = governance.ready_version(who, model=live.version.model)
        for index in range(many):
            catalog.metrics(version, actor=people.person("developer", who.team), **{f"metric_{index}": 0.5})
        version = type(version).objects.select_related("model__team", "training_run__trained_by").get(pk=version.pk)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            facts_of(version, endpoint)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 14
