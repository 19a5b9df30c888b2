"""Bias tests: take a predictions file, count and measure it in a job, record the result as evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from audits.fairness import Counts, PredictionsError, Report, count_file, measure
from audits.models import TestRun
from audits.services.bias_evidence import TOOL, evidence_document, measures_of, metrics_of
from audits.services.predictions import at_hand, check_header, kept_file, located, read_columns, refused
from catalog.models import Blob, Evidence, ModelVersion
from catalog.services import blobs, facts
from portal.access import Permission, require
from portal.accounts.models import User
from portal.jobs.models import Job
from portal.jobs.registry import JobCancelled, JobFailed
from portal.jobs.registry import Report as Progress
from portal.jobs.services import enqueue
from portal.ledger.canonical import canonical_bytes
from portal.ledger.services import record

KIND = "audits:bias"

__all__ = [
    "KIND",
    "at_hand",
    "refused",
    "run_bias",
    "submit_predictions",
]


def submit_predictions(
    version: ModelVersion,
    *,
    actor: User,
    pieces: Iterable[bytes] | None = None,
    path: str | Path | None = None,
    label: str = "y_true",
    prediction: str = "y_pred",
    protected: Sequence[str],
    favourable: int = 1,
    references: Mapping[str, str] | None = None,
    title: str = "",
    file_name: str = "",
) -> TestRun:
    """Keep the file and queue the test. The header is checked here and now, the rows in the job.

    Raises InvalidInput for a file that cannot be read or lacks a column, TooLarge; nothing is kept then.
    """
    require(actor, Permission.AUDITS_TEST_RUN_CREATE, version.model.team_id)
    columns = read_columns(label, prediction, protected, favourable, references or {})
    with at_hand(pieces, path, file_name) as file:
        check_header(file, columns)
        with file.open("rb") as stream:
            blob = blobs.store(blobs.chunks_of(stream), limit=settings.PREDICTIONS_MAX_BYTES, what="predictions file")
    return _queue(version, actor=actor, blob=blob, columns=columns, title=title, file_name=file_name)


@transaction.atomic
def _queue(
    version: ModelVersion, *, actor: User, blob: Blob, columns: dict[str, Any], title: str, file_name: str
) -> TestRun:
    job = enqueue(KIND, payload={"blob": blob.sha256}, actor=actor, subject=version, team=version.model.team)
    run = TestRun.objects.create(
        version=version,
        title=(title or f"Bias test by {', '.join(columns['protected'])}")[:200],
        blob=blob,
        file_name=Path(file_name).name[:200],
        columns=columns,
        job=job,
        created_by=actor,
    )
    record(
        actor=actor,
        event="audits:test_run:submitted",
        subject=run,
        body={"version": version.pk, "file": blob.sha256, "columns": columns},
    )
    return run


def run_bias(job: Job, report: Progress) -> dict[str, Any]:
    """Do the test of this job. Idempotent: a run that has its evidence is left as it is."""
    run = TestRun.objects.select_related("version__model__team", "blob", "created_by", "evidence").get(job=job)
    if run.evidence is None:
        report(5, "Fetching the file")
        with kept_file(run) as file:
            report(15, "Counting rows by group")
            counts, result = _measured(file, run.columns)
        report(80, "Recording the evidence")
        run = _record(run, counts, result, job)
    assert run.evidence is not None
    return {"evidence": run.evidence.public_id, "test_run": run.pk}


def _measured(file: Path, columns: Mapping[str, Any]) -> tuple[Counts, Report]:
    try:
        counts = count_file(
            file, attributes=columns["protected"], label=columns["label"], prediction=columns["prediction"]
        )
        result = measure(
            counts,
            favourable=columns["favourable"],
            reference=columns["references"],
            min_group=columns["min_group"],
            intersections=len(columns["protected"]) > 1,
        )
    except PredictionsError as error:
        raise JobFailed(located(error)) from error
    return counts, result


@transaction.atomic
def _record(run: TestRun, counts: Counts, result: Report, job: Job) -> TestRun:
    """Evidence, measures and the run's end in one transaction, unless the job was cancelled meanwhile."""
    current = Job.objects.select_for_update().get(pk=job.pk)
    if current.is_final or current.attempts != job.attempts:
        raise JobCancelled
    run = TestRun.objects.select_for_update(of=("self",)).select_related("version__model", "blob").get(pk=run.pk)
    content = canonical_bytes(evidence_document(run, counts, result))
    blob = blobs.store(iter([content]), limit=64 * 1024**2, what="bias evidence")
    evidence: Evidence = facts.record_bias(
        run.version,
        actor=run.created_by,
        measures=measures_of(result),
        metrics=metrics_of(result),
        title=run.title,
        tool=TOOL,
        blob=blob,
    )
    run.evidence = evidence
    run.save(update_fields=["evidence"])
    record(
        actor=run.created_by,
        event="audits:test_run:finished",
        subject=run,
        body={"evidence": evidence.public_id, "sha256": evidence.sha256},
    )
    return run
