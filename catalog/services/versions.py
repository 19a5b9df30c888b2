"""Register versions with their artifacts, training run and datasets; take in artifact bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction

from catalog.models import Artifact, Blob, DatasetSnapshot, ModelVersion, RegisteredModel, TrainingRun, VersionDataset
from catalog.selectors import trainers_of
from catalog.services import blobs
from catalog.services.rows import insert, validated
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput
from portal.ledger.canonical import canonical_bytes, sha256_hex
from portal.ledger.services import record


@dataclass(frozen=True)
class DeclaredArtifact:
    """A file of the version: name, SHA-256 (hex), size in bytes."""

    name: str
    sha256: str
    size: int
    format: str = ""


@dataclass(frozen=True)
class DeclaredRun:
    """How the version was trained; the trainer defaults to who registers it."""

    job_id: str
    code_revision: str
    parameters: dict[str, Any] = field(default_factory=dict)
    trained_by: User | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def version_digest(model: str, version: str, artifacts: Sequence[DeclaredArtifact]) -> str:
    """SHA-256 over the canonical JSON of model name, version and declared artifacts, sorted by name."""
    rows = [{"name": a.name, "sha256": a.sha256, "size": a.size} for a in sorted(artifacts, key=lambda a: a.name)]
    return sha256_hex(
        canonical_bytes({"schema": "gatehouse.version/1", "model": model, "version": version, "artifacts": rows})
    )


@transaction.atomic
def register_version(
    model: RegisteredModel,
    *,
    actor: User,
    version: str,
    artifacts: Sequence[DeclaredArtifact],
    run: DeclaredRun | None = None,
    datasets: Iterable[tuple[DatasetSnapshot, str]] = (),
    notes: str = "",
) -> ModelVersion:
    """Register an immutable version. Raises Conflict when the version exists, InvalidInput for a bad field."""
    require(actor, Permission.CATALOG_VERSION_CREATE, model.team_id)
    if not artifacts:
        raise InvalidInput(
            "A version needs at least one artifact.",
            code="artifacts-missing",
            field="artifacts",
            how="Declare each file with name, sha256 and size.",
        )
    if len({a.name for a in artifacts}) != len(artifacts):
        raise InvalidInput(
            "Two artifacts have one name.", code="artifact-name-twice", field="artifacts", how="Name each file once."
        )
    training = _register_run(model, actor=actor, run=run) if run else None
    row = ModelVersion(
        model=model,
        version=version,
        notes=notes,
        training_run=training,
        digest=version_digest(model.name, version, artifacts),
        created_by=actor,
    )
    insert(row)
    files = [Artifact(version=row, name=a.name, sha256=a.sha256, size=a.size, format=a.format) for a in artifacts]
    for file in files:
        validated(file)
    Artifact.objects.bulk_create(files)
    VersionDataset.objects.bulk_create(
        [VersionDataset(version=row, snapshot=snapshot, role=role) for snapshot, role in dict.fromkeys(datasets)]
    )
    record(
        actor=actor,
        event="catalog:version:registered",
        subject=row,
        body={
            "model": model.name,
            "version": row.version,
            "digest": row.digest,
            "training_run": training.job_id if training else None,
        },
    )
    return row


@transaction.atomic
def register_with_files(
    model: RegisteredModel,
    *,
    actor: User,
    version: str,
    files: Sequence[tuple[DeclaredArtifact, Iterable[bytes]]],
    later: Sequence[DeclaredArtifact] = (),
    **more: Any,
) -> ModelVersion:
    """Register a version and take in the bytes of `files` at once: both, or neither."""
    artifacts = [*(declared for declared, _ in files), *later]
    row = register_version(model, actor=actor, version=version, artifacts=artifacts, **more)
    named = {artifact.name: artifact for artifact in row.artifacts.all()}
    for declared, pieces in files:
        upload_artifact(named[declared.name], actor=actor, pieces=pieces)
    return row


def _check_trainer(model: RegisteredModel, run: DeclaredRun, *, actor: User) -> None:
    """A trainer never decides on the version, so who names one bars a person: only those who could have trained it."""
    named = run.trained_by
    if named is None or named.pk == actor.pk or trainers_of(model).filter(pk=named.pk).exists():
        return
    raise InvalidInput(
        f"{named.username} has no part in building {model.name}.",
        code="trainer-not-in-team",
        field="training_run.trained_by",
        how="Name a developer or model owner of the model's team, or leave it empty for yourself.",
    )


def _register_run(model: RegisteredModel, *, actor: User, run: DeclaredRun) -> TrainingRun:
    """The run of that job id, registered now or before. Raises Conflict where it was registered differently."""
    row = TrainingRun(
        model=model,
        job_id=run.job_id,
        code_revision=run.code_revision,
        parameters=run.parameters,
        trained_by=run.trained_by or actor,
        **run.extra,
    )
    found = TrainingRun.objects.filter(model=model, job_id=run.job_id).first()
    if found is not None:
        # No name claims nothing: the trainer stays who was registered, whoever adds this version.
        another = run.trained_by is not None and run.trained_by.pk != found.trained_by_id
        if another or (found.code_revision, found.parameters) != (row.code_revision, row.parameters):
            raise Conflict(
                f"Training run {run.job_id} is registered with other values.",
                code="run-differs",
                field="training_run",
                how="A run is immutable: use its own job id.",
            )
        return found
    _check_trainer(model, run, actor=actor)
    insert(row)
    record(
        actor=actor,
        event="catalog:training_run:registered",
        subject=row,
        body={"model": model.name, "job_id": row.job_id, "code_revision": row.code_revision},
    )
    return row


def upload_artifact(artifact: Artifact, *, actor: User, pieces: Iterable[bytes]) -> Blob:
    """Take in the bytes of a declared artifact; they are kept only when digest and size are as declared."""
    require(actor, Permission.CATALOG_VERSION_CREATE, artifact.version.model.team_id)
    blob = blobs.store(
        pieces,
        limit=min(artifact.size, settings.ARTIFACT_MAX_BYTES),
        sha256=artifact.sha256,
        size=artifact.size,
        what=f"file {artifact.name}",
    )
    with transaction.atomic():
        record(
            actor=actor,
            event="catalog:artifact:uploaded",
            subject=artifact.version,
            body={"name": artifact.name, "sha256": artifact.sha256, "size": artifact.size},
        )
    return blob
