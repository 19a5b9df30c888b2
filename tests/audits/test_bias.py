"""The bias service on the real Adult files: numbers against fairlearn, bad files, permissions, cancelled jobs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, demographic_parity_ratio, equalized_odds_difference, selection_rate
from sklearn.metrics import accuracy_score

from audits import selectors
from audits.models import TestRun
from audits.services import bias
from audits.services.bias import submit_predictions
from catalog.models import BiasMeasure, Evidence, Metric
from catalog.services.blobs import chunks_of, open_blob
from portal.errors import DomainError, InvalidInput, NotFound, PermissionRefused, TooLarge
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.ledger.models import LedgerEntry
from tests.audits.conftest import ADULT, BAD, DATA, World

RunJobs = Callable[[], list[Job]]
FILES = ["adult_predictions", "adult_predictions_candidate", "adult_predictions_mitigated"]


def submit(world: World, path: Path = ADULT, **more: Any) -> TestRun:
    more = {"protected": ["sex", "race", "age_band"], "actor": world.developer} | more
    return submit_predictions(world.version, path=path, file_name=path.name, **more)


@pytest.mark.parametrize("name", FILES)
def test_numbers_equal_fairlearn(world: World, run_jobs: RunJobs, name: str) -> None:
    path = DATA / f"{name}.csv.gz"
    run = submit(world, path)
    (job,) = run_jobs()
    assert job.state == "done", job.error
    run.refresh_from_db()
    frame = pd.read_csv(path)
    metrics = dict(Metric.objects.filter(evidence=run.evidence, segment="all").values_list("name", "value"))
    assert metrics["accuracy"] == pytest.approx(accuracy_score(frame.y_true, frame.y_pred), abs=1e-12)
    for attribute in ("sex", "race", "age_band"):
        rows = {row.group: row for row in BiasMeasure.objects.filter(evidence=run.evidence, attribute=attribute)}
        theirs = MetricFrame(
            metrics=selection_rate, y_true=frame.y_true, y_pred=frame.y_pred, sensitive_features=frame[attribute]
        ).by_group
        assert {group: row.rate for group, row in rows.items()} == pytest.approx(theirs.to_dict(), abs=1e-12)
        lowest = min(row.ratio for row in rows.values() if row.ratio is not None)
        expected = demographic_parity_ratio(frame.y_true, frame.y_pred, sensitive_features=frame[attribute])
        assert lowest == pytest.approx(expected, abs=1e-12)
    gap = Metric.objects.get(evidence=run.evidence, name="equalized_odds_difference", segment="sex").value
    theirs_gap = equalized_odds_difference(frame.y_true, frame.y_pred, sensitive_features=frame.sex)
    assert gap == pytest.approx(theirs_gap, abs=1e-12)


def test_evidence_holds_counts_and_worst_intersections(world: World, run_jobs: RunJobs) -> None:
    run = submit(world, title="Hold-out 2026")
    run_jobs()
    run.refresh_from_db()
    assert run.evidence is not None
    assert run.evidence.title == "Hold-out 2026"
    assert run.evidence.blob is not None
    with open_blob(run.evidence.blob) as stream:
        document = json.load(stream)
    assert (
        document["counts"]["n"]
        == 16281
        == sum(cell[key] for cell in document["counts"]["cells"] for key in ("tp", "fp", "fn", "tn"))
    )
    assert document["source"]["sha256"] == run.blob_id
    worst = document["worst_intersections"]
    assert worst[0]["ratio"]["value"] <= worst[-1]["ratio"]["value"]
    assert all(row["n"] >= 30 and row["exploratory"] for row in worst)
    report = selectors.bias_report(world.viewer, run.evidence.pk)
    assert report.lowest is not None
    assert report.lowest.ratio == min(row.ratio for row in report.judged if row.ratio is not None)


def test_file_in_pieces_equals_file_by_path(world: World, run_jobs: RunJobs) -> None:
    with ADULT.open("rb") as stream:
        by_pieces = submit_predictions(
            world.version, actor=world.developer, pieces=chunks_of(stream), protected=["sex"], file_name="a.csv.gz"
        )
    by_path = submit(world, protected=["sex"])
    assert by_pieces.blob_id == by_path.blob_id
    assert {job.state for job in run_jobs()} == {"done"}


def test_a_reviewer_may_test_a_viewer_and_another_team_may_not(world: World, run_jobs: RunJobs) -> None:
    submit(world, actor=world.fairness, protected=["sex"])
    assert [job.state for job in run_jobs()] == ["done"]
    for actor in (world.viewer, world.stranger):
        with pytest.raises(PermissionRefused):
            submit(world, actor=actor)
    with pytest.raises(NotFound):
        selectors.bias_report(world.stranger, Evidence.objects.get().pk)


def _refusal(world: World, path: Path) -> DomainError | None:
    try:
        submit(world, path, protected=["sex"])
    except DomainError as error:
        return error
    return None


@pytest.mark.parametrize("path", sorted(BAD.iterdir()), ids=lambda path: path.name)
def test_bad_file_says_what_where_and_how(world: World, run_jobs: RunJobs, path: Path) -> None:
    """Either the header is refused at once, or the job fails; in both nothing was measured."""
    refused = _refusal(world, path)
    if refused is not None:
        assert (type(refused), refused.field) == (InvalidInput, "file")
        assert refused.how
        assert not TestRun.objects.exists()
    else:
        (job,) = run_jobs()
        assert job.state == "failed"
        assert job.error.endswith((".", "?"))
        assert len(job.error) > 40
        assert job.attempts == 1, "a bad file stays bad: no second try"
    assert not Evidence.objects.exists()
    assert not BiasMeasure.objects.exists()


def test_bad_row_is_named(world: World, run_jobs: RunJobs) -> None:
    submit(world, BAD / "nan_label.csv", protected=["sex"])
    (job,) = run_jobs()
    assert "y_true" in job.error
    assert "row 3" in job.error
    assert "Remove rows" in job.error


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"protected": []}, "no-attribute"),
        ({"protected": ["sex"], "favourable": 2}, "bad-favourable"),
        ({"protected": ["sex", "sex"]}, "column-named-twice"),
        ({"protected": ["sex"], "references": {"race": "White"}}, "unknown-reference"),
        ({"protected": ["sexe"]}, "missing-column"),
    ],
)
def test_bad_question(world: World, given: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        submit(world, **given)
    assert caught.value.code == code
    assert not Job.objects.exists()


def test_reference_that_is_not_there_fails_the_job(world: World, run_jobs: RunJobs) -> None:
    submit(world, protected=["sex"], references={"sex": "male"})
    (job,) = run_jobs()
    assert job.state == "failed"
    assert "'Male'" in job.error


def test_too_large_is_refused_while_it_streams(world: World, settings: Any) -> None:
    settings.PREDICTIONS_MAX_BYTES = 10
    with pytest.raises(TooLarge):
        submit_predictions(world.version, actor=world.developer, pieces=iter([b"x" * 11]), protected=["sex"])


def test_cancelled_while_counting_records_nothing(
    world: World, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submit(world, protected=["sex"])
    measured = bias._measured

    def cancelled_meanwhile(*arguments: Any) -> Any:
        jobs.cancel(Job.objects.get(pk=run.job_id), actor=world.developer)
        return measured(*arguments)

    monkeypatch.setattr(bias, "_measured", cancelled_meanwhile)
    (job,) = run_jobs()
    assert job.state == "cancelled"
    assert not Evidence.objects.exists()


def test_second_run_of_a_done_job_changes_nothing(world: World, run_jobs: RunJobs) -> None:
    run = submit(world, protected=["sex"])
    run_jobs()
    job = Job.objects.get(pk=run.job_id)
    again = bias.run_bias(job, lambda percent, step: None)
    assert again["evidence"] == Evidence.objects.get().public_id
    events = LedgerEntry.objects.filter(subject_type="test_run").order_by("pk").values_list("event", flat=True)
    assert list(events) == ["audits:test_run:submitted", "audits:test_run:finished"]
