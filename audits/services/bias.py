"""Bias tests: take a predictions file, count and measure it in a job, record the result as evidence."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction

from audits.choices import FOUR_FIFTHS, MIN_GROUP, WORST_KEPT
from audits.fairness import Counts, Limits, PredictionsError, Report, count_file, measure
from audits.fairness.intersections import worst_intersections
from audits.fairness.preview import preview
from audits.fairness.source import inspect
from audits.models import TestRun
from catalog.models import Blob, Evidence, ModelVersion
from catalog.services import blobs, facts
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import InvalidInput, TooLarge
from portal.jobs.models import Job
from portal.jobs.registry import JobCancelled, JobFailed
from portal.jobs.registry import Report as Progress
from portal.jobs.services import enqueue
from portal.ledger.canonical import canonical_bytes
from portal.ledger.services import record

KIND = "audits:bias"
TOOL = "gatehouse bias test 1"
DOCUMENT_SCHEMA = "gatehouse.bias-evidence/1"
NO_REFERENCE = "(none large enough)"


def refused(error: PredictionsError, field: str = "file") -> InvalidInput:
    """A PredictionsError as an answer to a person or a pipeline: what, where, how to mend it."""
    found = error.as_document()
    place: dict[str, Any] = {key: found[key] for key in ("column", "row", "line") if key in found}
    return InvalidInput(error.message, code=error.code.replace("_", "-"), field=field, how=error.how, details=place)


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
    columns = _columns(label, prediction, protected, favourable, references or {})
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


def _columns(
    label: str, prediction: str, protected: Sequence[str], favourable: int, references: Mapping[str, str]
) -> dict[str, Any]:
    names = [name.strip() for name in protected if name.strip()]
    if not names:
        raise InvalidInput(
            "No protected attribute is named.",
            code="no-attribute",
            field="protected",
            how="Name at least one column, such as sex.",
        )
    if favourable not in (0, 1):
        raise InvalidInput(
            "The favourable prediction is 0 or 1.",
            code="bad-favourable",
            field="favourable",
            how="Say which prediction is good for the person.",
        )
    wanted = [*names, label.strip(), prediction.strip()]
    if len(set(wanted)) != len(wanted) or not all(wanted):
        raise InvalidInput(
            "Label, prediction and protected attributes must be different columns.",
            code="column-named-twice",
            field="protected",
            how="Name each column for one purpose.",
        )
    if strange := set(references) - set(names):
        raise InvalidInput(
            f"A reference is named for {', '.join(sorted(strange))}, which is no protected attribute here.",
            code="unknown-reference",
            field="reference",
            how=f"Protected attributes: {', '.join(names)}.",
        )
    return {
        "label": label.strip(),
        "prediction": prediction.strip(),
        "protected": names,
        "favourable": favourable,
        "references": dict(references),
        "min_group": MIN_GROUP,
    }


@contextmanager
def at_hand(pieces: Iterable[bytes] | None, path: str | Path | None, file_name: str) -> Any:
    """The file on this disk: the one given, or the pieces written to a temporary one."""
    if path is not None:
        yield Path(path)
        return
    if pieces is None:
        raise ValueError("give pieces or path")
    with tempfile.TemporaryDirectory(prefix="gatehouse-predictions-") as folder:
        file, size = Path(folder) / f"predictions{Path(file_name).suffix[:10]}", 0
        with file.open("wb") as stream:
            for piece in pieces:
                size += len(piece)
                if size > settings.PREDICTIONS_MAX_BYTES:
                    raise TooLarge(
                        f"The predictions file is larger than {settings.PREDICTIONS_MAX_BYTES} bytes.",
                        code="too-large",
                        field="file",
                        how="Send fewer columns, gzip it, or send Parquet.",
                    )
                stream.write(piece)
        yield file


def check_header(file: Path, columns: Mapping[str, Any]) -> None:
    """Refuse a file whose format or header is wrong. Raises InvalidInput."""
    wanted = [*columns["protected"], columns["label"], columns["prediction"]]
    try:
        source = inspect(file, wanted, Limits())
        if source.kind == "parquet":
            present = preview(file, rows=0).columns
            missing = [name for name in wanted if name not in present]
            if missing:
                raise PredictionsError(
                    f"Column {missing[0]!r} is missing.",
                    code="missing_column",
                    column=missing[0],
                    how=f"The file has: {', '.join(map(repr, present[:20]))}.",
                )
    except PredictionsError as error:
        raise refused(error) from error


def run_bias(job: Job, report: Progress) -> dict[str, Any]:
    """Do the test of this job. Idempotent: a run that has its evidence is left as it is."""
    run = TestRun.objects.select_related("version__model__team", "blob", "created_by", "evidence").get(job=job)
    if run.evidence is None:
        report(5, "Fetching the file")
        with _local(run) as file:
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


def located(error: PredictionsError) -> str:
    """The error in one paragraph: what is wrong, in which column and row, how to mend it."""
    places = [f"{name} {value}" for name, value in (("row", error.row), ("line", error.line)) if value is not None]
    where = [part for part in places if part not in error.message.lower()]
    column = f"Column {error.column!r}." if error.column and error.column not in error.message else ""
    told = f"In {', '.join(where)}." if where else ""
    return " ".join(part for part in (error.message, column, told, error.how) if part)


@contextmanager
def _local(run: TestRun) -> Any:
    """The uploaded file on this disk, under a name with its own ending; copied only where storage is remote."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-predictions-") as folder:
        file = Path(folder) / f"predictions{Path(run.file_name).suffix[:10]}"
        try:
            file.symlink_to(default_storage.path(run.blob.path))
        except NotImplementedError:
            with blobs.open_blob(run.blob) as stream, file.open("wb") as copy:
                for piece in blobs.chunks_of(stream):
                    copy.write(piece)
        yield file


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
        measures=_measures(result),
        metrics=_metrics(result),
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


def evidence_document(run: TestRun, counts: Counts, result: Report) -> dict[str, Any]:
    """What the evidence consists of: the counts, from which everything else follows, and the report."""
    worst = worst_intersections(
        counts, favourable=result.favourable, min_group=result.min_group, confidence=result.confidence, most=WORST_KEPT
    )
    return {
        "schema": DOCUMENT_SCHEMA,
        "tool": TOOL,
        "version": str(run.version),
        "source": {"sha256": run.blob.sha256, "size": run.blob.size, "name": run.file_name},
        "columns": run.columns,
        "line": FOUR_FIFTHS,
        "counts": counts.as_document(),
        "report": result.as_document(),
        "worst_intersections": [row.as_document() for row in worst],
    }


def _measures(result: Report) -> list[dict[str, Any]]:
    rows = []
    for attribute in result.attributes:
        for group in attribute.groups:
            rows.append(
                {
                    "attribute": attribute.attribute,
                    "group": group.group,
                    "reference": attribute.reference or NO_REFERENCE,
                    "favourable": result.favourable,
                    "n": group.n,
                    "selected": group.rate.k,
                    "rate": group.rate.value,
                    "rate_lower": group.rate.lower,
                    "rate_upper": group.rate.upper,
                    "tpr": group.tpr.value,
                    "fpr": group.fpr.value,
                    "ratio": group.ratio.value,
                    "ratio_lower": group.ratio.lower,
                    "ratio_upper": group.ratio.upper,
                    "gap_tpr": group.gap_tpr.value,
                    "gap_fpr": group.gap_fpr.value,
                }
            )
    return rows


def _metrics(result: Report) -> list[dict[str, Any]]:
    rows = [
        {"name": name, "value": found.value, "lower": found.lower, "upper": found.upper, "n": found.n}
        for name, found in result.overall.items()
        if found.value is not None
    ]
    rows += [
        {
            "name": "equalized_odds_difference",
            "segment": attribute.attribute,
            "value": attribute.equalized_odds_difference,
            "n": result.n,
        }
        for attribute in result.attributes
        if attribute.equalized_odds_difference is not None
    ]
    return rows
