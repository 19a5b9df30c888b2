"""The worst pair of groups on the page of a release: of the version and of the live one, whatever the gates say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from audits.pages import comparison
from audits.services.bias import submit_predictions
from catalog.models import Evidence, ModelVersion
from catalog.services import versions
from governance.models import Release
from governance.services.approvals import decide_release
from governance.services.releases import request_release
from portal.accounts.models import User
from portal.jobs.models import Job
from tests.audits.conftest import ADULT, World
from tests.factories import people

RunJobs = Callable[[], list[Job]]
AsUser = Callable[[User], Client]
CANDIDATE = ADULT.with_name("adult_predictions_candidate.csv.gz")


def bias_of(world: World, version: ModelVersion, file: Path, run_jobs: RunJobs, **more: Any) -> Evidence:
    protected = more.pop("protected", ["sex", "race"])
    run = submit_predictions(version, actor=world.developer, path=file, protected=protected, file_name=file.name)
    run_jobs()
    run.refresh_from_db()
    assert run.evidence is not None
    return run.evidence


def second(world: World) -> ModelVersion:
    declared = versions.DeclaredArtifact("model.bin", "cd" * 32, 1, "bin")
    return versions.register_version(world.version.model, actor=world.developer, version="2.0.0", artifacts=[declared])


def test_same_pair_on_both_sides_with_interval_n_and_source(world: World, run_jobs: RunJobs) -> None:
    live = bias_of(world, world.version, ADULT, run_jobs)
    now = bias_of(world, second(world), CANDIDATE, run_jobs)
    rows = comparison.worst_pairs(live, now)
    assert rows[0].what.startswith("worst pair: ")
    assert "no gate looks at it" in rows[0].note
    for one, evidence in ((rows[0].before, live), (rows[0].after, now)):
        assert one is not None
        assert one.evidence == evidence.public_id
        assert one.n is not None
        assert one.n >= 30
        assert one.has_interval
        assert one.lower <= one.value <= one.upper  # type: ignore[operator]
        assert one.note.startswith("to ")
    if len(rows) > 1:
        assert rows[1].what.startswith("worst pair of what is live: ")


def test_it_is_the_lowest_that_the_evidence_holds(world: World, run_jobs: RunJobs) -> None:
    now = bias_of(world, world.version, ADULT, run_jobs)
    (row,) = comparison.worst_pairs(None, now)
    assert row.before is None
    assert row.after is not None
    assert now.blob_id is not None
    found = [pair["ratio"]["value"] for pair in comparison._pairs(now.blob_id).values()]
    assert row.after.value == min(found)
    assert len(found) > 2


def test_one_attribute_has_no_pairs(world: World, run_jobs: RunJobs) -> None:
    assert comparison.worst_pairs(None, bias_of(world, world.version, ADULT, run_jobs, protected=["sex"])) == []


def test_many_cells_are_read_from_what_is_kept(
    world: World, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = bias_of(world, world.version, ADULT, run_jobs)
    whole = comparison.worst_pairs(None, now)
    monkeypatch.setattr(comparison, "MAX_CELLS", 1)
    comparison._pairs.cache_clear()
    try:
        assert comparison.worst_pairs(None, now)[0].after == whole[0].after
    finally:
        comparison._pairs.cache_clear()


def test_a_document_that_is_gone_is_said_and_the_page_stands(world: World, run_jobs: RunJobs) -> None:
    now = bias_of(world, world.version, ADULT, run_jobs)
    assert now.blob is not None
    comparison._pairs.cache_clear()
    default_storage.delete(now.blob.path)
    (row,) = comparison.worst_pairs(None, now)
    assert row.after is None
    assert f"The document of {now.public_id} cannot be read." in row.note


def release_of(world: World, version: ModelVersion) -> Release:
    row = request_release(version, world.endpoint, actor=world.owner)
    return Release.objects.select_related("decision").get(pk=row.pk)


def test_the_page_shows_it_though_no_policy_looks(world: World, run_jobs: RunJobs, as_user: AsUser) -> None:
    client, validator = as_user(world.viewer), people.person("validator", world.team)
    live = bias_of(world, world.version, ADULT, run_jobs)
    first = release_of(world, world.version)
    text = client.get(reverse("release", kwargs={"number": first.pk})).content.decode()
    assert text.count("worst pair: ") == 1
    assert "nothing is live" in text
    assert first.decision is not None
    assert first.decision.result["rules"] == []
    decide_release(first, actor=validator, role="validator", choice="approve", decision_digest=first.decision.digest)
    candidate = second(world)
    now = bias_of(world, candidate, CANDIDATE, run_jobs)
    text = client.get(reverse("release", kwargs={"number": release_of(world, candidate).pk})).content.decode()
    row = text[text.index("worst pair: ") :]
    row = row[: row.index("</tr>")]
    for evidence in (live, now):
        assert reverse("evidence", kwargs={"number": evidence.pk}) in row
    assert row.count(" to ") >= 4
    assert row.count("n ") >= 2
