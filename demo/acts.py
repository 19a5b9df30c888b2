"""What the demo's people do again and again: register, ask for a release, decide, wait for a job."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audits.services.packs import request_pack
from catalog.choices import Environment, Exposure
from catalog.models import Endpoint, ModelVersion, RegisteredModel
from catalog.services import endpoints, versions
from governance.choices import DecisionChoice, ReleaseState
from governance.models import Release
from governance.services import approvals, releases
from portal.accounts.choices import Role
from portal.accounts.models import Team, User
from portal.jobs import services as jobs
from portal.jobs.choices import OPEN, State
from portal.jobs.models import Job

Say = Callable[[str], None]
# How long a worker is given to take a job before the seed does it itself, in seconds.
WORKER_GRACE = 4.0


@dataclass(frozen=True)
class Cast:
    """Who takes part, and where."""

    people: dict[str, User]
    teams: dict[str, Team]
    say: Say


def make_endpoint(cast: Cast, team: str, name: str, title: str) -> Endpoint:
    """A production endpoint of that team."""
    return endpoints.register_endpoint(
        actor=cast.people["owner"],
        team=cast.teams[team],
        is_demo=True,
        name=name,
        title=title,
        environment=Environment.PRODUCTION,
        regions=["eu-central-1"],
        exposure=Exposure.CUSTOMERS,
        data_classes=["personal"],
        slo_p95_ms=300,
        slo_availability=0.995,
        contract_version="1",
    )


def add_version(
    cast: Cast, model: RegisteredModel, number: str, name: str, content: bytes, **more: Any
) -> ModelVersion:
    """A version with one artifact, whose bytes are uploaded as a pipeline would."""
    developer = cast.people["developer"]
    declared = versions.DeclaredArtifact(name, hashlib.sha256(content).hexdigest(), len(content), name.split(".", 1)[1])
    version = versions.register_version(model, actor=developer, version=number, artifacts=[declared], **more)
    artifact = version.artifacts.get()
    versions.upload_artifact(artifact, actor=developer, pieces=iter([content]))
    return version


def finish(job: Job, *, seconds: float = 120.0) -> None:
    """Wait for a worker to do the job; do it here when none takes it. Raises RuntimeError when it fails."""
    limit, grace = time.monotonic() + seconds, time.monotonic() + WORKER_GRACE
    job.refresh_from_db()
    while job.state in OPEN and time.monotonic() < limit:
        if job.state == State.QUEUED and time.monotonic() > grace:
            jobs.run(job.pk)
        time.sleep(0.2)
        job.refresh_from_db()
    if job.state != State.DONE:
        raise RuntimeError(f"job {job.kind} ended as {job.state}: {job.error}")


def request(
    cast: Cast, version: ModelVersion, endpoint: Endpoint, *, words: str, due: datetime | None = None
) -> Release:
    """A release asked for by the owner, once the gates have answered."""
    release = releases.request_release(
        version,
        endpoint,
        actor=cast.people["owner"],
        words=words,
        due_at=due,
        is_demo=True,
    )
    limit = time.monotonic() + 60
    while release.state == ReleaseState.CHECKING and time.monotonic() < limit:
        time.sleep(0.2)
        release = releases.assess_release(release)
    return release


def expect(release: Release, state: str) -> None:
    """The story is computed, so it is checked: a change of data or policy that breaks it must be seen."""
    if release.state != state:
        raise RuntimeError(f"{release} is {release.state}, the story needs {state}: {release.decision}")


def approve(release: Release, person: User, role: str, reason: str = "") -> None:
    """Approve in that role, on what the release says now."""
    release.refresh_from_db()
    assert release.decision is not None
    approvals.decide_release(
        release,
        actor=person,
        role=role,
        choice=DecisionChoice.APPROVE,
        decision_digest=release.decision.digest,
        reason=reason,
    )


def make_live(cast: Cast, version: ModelVersion, endpoint: Endpoint, *, words: str) -> Release:
    """Request, approve by every seat, and make the first evidence pack."""
    release = request(cast, version, endpoint, words=words)
    expect(release, ReleaseState.IN_REVIEW)
    approve(release, cast.people["validator"], Role.VALIDATOR, "Results repeated on the held-out rows.")
    release.refresh_from_db()
    if release.state == ReleaseState.IN_REVIEW:
        approve(
            release,
            cast.people["deputy"],
            Role.FAIRNESS,
            "Accepted as the starting point; later versions must not be worse.",
        )
        release.refresh_from_db()
    expect(release, ReleaseState.LIVE)
    finish(request_pack(release, actor=cast.people["validator"]).job)
    return release
