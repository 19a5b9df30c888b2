"""Tells the demo's story by calling the services and jobs that a user's clicks would call.

Three releases of the income model on UCI Adult: one live, one that the gate refuses because the candidate gains
accuracy while its measured disparate impact falls, one that waits for the fairness reviewer. A second model from
another domain is live too. Every number is computed here.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from audits.services.bias import submit_predictions
from audits.services.packs import request_pack
from catalog.choices import DatasetRole, Environment, Exposure, RiskTier
from catalog.models import DatasetSnapshot, Endpoint, ModelVersion, RegisteredModel
from catalog.services import cards, datasets, endpoints, facts, models, versions
from demo import people, tumour
from demo.names import INCOME, TUMOUR
from governance.choices import DecisionChoice, ReleaseState
from governance.models import Release
from governance.services import approvals, policies, releases
from portal.accounts.choices import Role
from portal.accounts.models import Team, User
from portal.jobs import services as jobs
from portal.jobs.choices import OPEN, State
from portal.jobs.models import Job
from portal.ledger.services import Subject, record

DATA = Path(__file__).resolve().parent / "data"
ADULT = "adult.csv.gz"
# version, predictions file, what the developer wrote on registering it
INCOME_VERSIONS = (
    ("1.0.0", "adult_predictions.csv.gz", "Logistic regression without sex and race; threshold 0.5."),
    ("1.1.0", "adult_predictions_candidate.csv.gz", "Gradient boosting with sex and race; threshold 0.5."),
    ("1.2.0", "adult_predictions_mitigated.csv.gz", "The scores of 1.1.0 with one threshold for each sex."),
)
WORDS = {
    "1.0.0": "First release. It replaces the manual pre-check of applications.",
    "1.1.0": "More accurate than 1.0.0 on the test split. Please release before the quarter ends.",
    "1.2.0": "Women and men are now selected alike. Error rates differ more between them; please weigh that.",
}
Say = Callable[[str], None]
# How long a worker is given to take a job before the seed does it itself, in seconds.
WORKER_GRACE = 4.0


@dataclass(frozen=True)
class Cast:
    """Who takes part, and where."""

    people: dict[str, User]
    teams: dict[str, Team]
    say: Say


def is_seeded() -> bool:
    """Whether the demo is in the database."""
    return RegisteredModel.objects.filter(is_demo=True).exists()


def seed(*, say: Say = lambda _line: None) -> None:
    """Fill an empty database with the demo. Raises what the services raise; nothing is skipped."""
    say("people, teams and policies")
    cast = Cast(*people.make_people(), say=say)
    policies.install_library(actor=cast.people["compliance"], is_demo=True)
    _income(cast)
    _tumour(cast)
    with transaction.atomic():
        record(actor=None, event="demo:story:seeded", subject=Subject("demo.story", "1"), body={"models": 2})


def _income(cast: Cast) -> None:
    owner, developer = cast.people["owner"], cast.people["developer"]
    model = models.register_model(
        actor=owner,
        team=cast.teams["lending"],
        is_demo=True,
        name=INCOME,
        title="Income eligibility",
        description="Says whether a yearly income is likely to exceed 50 000 USD, before an application is read.",
        risk_tier=RiskTier.HIGH,
        intended_use=["income-eligibility"],
        affects_legal_or_safety=True,
    )
    snapshot = _adult_snapshot(cast)
    endpoint = _endpoint(cast, "lending", "income-eligibility-prod", "Income eligibility, production")
    rows = []
    for number, file, notes in INCOME_VERSIONS:
        cast.say(f"{INCOME} {number}: register, test for bias")
        version = _income_version(cast, model, number, DATA / file, notes, snapshot)
        _bias_test(cast, version, DATA / file)
        cards.save_card(version, actor=developer, sections=INCOME_CARD)
        rows.append(version)
    first, candidate, mitigated = rows
    cast.say("releases: one live, one refused, one waiting for you")
    _release(cast, first, endpoint)
    refused = _request(cast, candidate, endpoint)
    _expect(refused, ReleaseState.BLOCKED)
    waiting = _request(cast, mitigated, endpoint, due=timezone.now() + timedelta(days=2))
    _expect(waiting, ReleaseState.IN_REVIEW)
    _approve(
        waiting, cast.people["validator"], Role.VALIDATOR, "Measured on the same 16,281 rows as 1.0.0; repeatable."
    )


def _adult_snapshot(cast: Cast) -> DatasetSnapshot:
    path = DATA / ADULT
    dataset = datasets.register_dataset(
        actor=cast.people["owner"],
        team=cast.teams["lending"],
        is_demo=True,
        name="adult-income",
        title="Adult / Census Income (UCI)",
        description="Persons in the 1994 census of the United States. Kohavi and Becker 1996.",
    )
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header, count = next(reader), sum(1 for _ in reader)
    return datasets.add_snapshot(
        dataset,
        actor=cast.people["owner"],
        label="uci-1996",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        rows=count,
        schema=[{"name": name, "type": "string"} for name in header],
        residency="eu-central-1",
        retention_until=date(2030, 12, 31),
        licence="CC BY 4.0",
        source="UCI Machine Learning Repository, doi 10.24432/C5XW20",
        legal_basis="public data",
        purposes=["research", "income-eligibility"],
        contains_personal_data=True,
    )


def _endpoint(cast: Cast, team: str, name: str, title: str) -> Endpoint:
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


def _register(cast: Cast, model: RegisteredModel, number: str, name: str, content: bytes, **more: Any) -> ModelVersion:
    """A version with one artifact, whose bytes are uploaded as a pipeline would."""
    developer = cast.people["developer"]
    declared = versions.DeclaredArtifact(name, hashlib.sha256(content).hexdigest(), len(content), name.split(".", 1)[1])
    version = versions.register_version(model, actor=developer, version=number, artifacts=[declared], **more)
    artifact = version.artifacts.get()
    versions.upload_artifact(artifact, actor=developer, pieces=iter([content]))
    return version


def _income_version(
    cast: Cast, model: RegisteredModel, number: str, file: Path, notes: str, snapshot: DatasetSnapshot
) -> ModelVersion:
    return _register(
        cast,
        model,
        number,
        "decisions.csv.gz",
        file.read_bytes(),
        notes=f"{notes} The artifact is the file of its decisions on the UCI test split.",
        run=versions.DeclaredRun(
            job_id=f"income-{number}",
            code_revision=hashlib.sha256(notes.encode()).hexdigest()[:12],
            parameters={"threshold": 0.5} if number != "1.2.0" else {"Female": 0.100474, "Male": 0.626677},
            extra={"provider": "own cluster", "region": "eu-central-1"},
        ),
        datasets=[(snapshot, DatasetRole.TRAIN), (snapshot, DatasetRole.TEST)],
    )


def _bias_test(cast: Cast, version: ModelVersion, file: Path) -> None:
    with file.open("rb") as stream:
        run = submit_predictions(
            version,
            actor=cast.people["developer"],
            pieces=iter(lambda: stream.read(1 << 20), b""),
            protected=["sex", "race", "age_band"],
            favourable=1,
        )
    finish(run.job)


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


def _request(cast: Cast, version: ModelVersion, endpoint: Endpoint, *, due: Any = None) -> Release:
    release = releases.request_release(
        version,
        endpoint,
        actor=cast.people["owner"],
        words=WORDS.get(version.version, "Please release."),
        due_at=due,
        is_demo=True,
    )
    limit = time.monotonic() + 60
    while release.state == ReleaseState.CHECKING and time.monotonic() < limit:
        time.sleep(0.2)
        release = releases.assess_release(release)
    return release


def _expect(release: Release, state: str) -> None:
    """The story is computed, so it is checked: a change of data or policy that breaks it must be seen."""
    if release.state != state:
        raise RuntimeError(f"{release} is {release.state}, the story needs {state}: {release.decision}")


def _approve(release: Release, person: User, role: str, reason: str = "") -> None:
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


def _release(cast: Cast, version: ModelVersion, endpoint: Endpoint) -> Release:
    """Request, approve by every seat, and make the first evidence pack."""
    release = _request(cast, version, endpoint)
    _expect(release, ReleaseState.IN_REVIEW)
    _approve(release, cast.people["validator"], Role.VALIDATOR, "Results repeated on the held-out rows.")
    release.refresh_from_db()
    if release.state == ReleaseState.IN_REVIEW:
        _approve(
            release,
            cast.people["deputy"],
            Role.FAIRNESS,
            "Accepted as the starting point; later versions must not be worse.",
        )
        release.refresh_from_db()
    _expect(release, ReleaseState.LIVE)
    finish(request_pack(release, actor=cast.people["validator"]).job)
    return release


def _tumour(cast: Cast) -> None:
    cast.say(f"{TUMOUR}: train, register, release")
    trained = tumour.train()
    owner, developer, team = cast.people["owner"], cast.people["developer"], cast.teams["clinic"]
    model = models.register_model(
        actor=owner,
        team=team,
        is_demo=True,
        name=TUMOUR,
        title="Tumour triage",
        description="Orders biopsies for a second look by a pathologist, from measurements of cell nuclei.",
        risk_tier=RiskTier.LIMITED,
        intended_use=["triage-support"],
        affects_legal_or_safety=False,
    )
    dataset = datasets.register_dataset(
        actor=owner,
        team=team,
        is_demo=True,
        name="breast-cancer-wisconsin",
        title="Breast Cancer Wisconsin (Diagnostic)",
        description="Measurements of cell nuclei; no names and no dates. Wolberg et al. 1995.",
    )
    snapshot = datasets.add_snapshot(
        dataset,
        actor=owner,
        label="uci-1995",
        sha256=hashlib.sha256(trained.data).hexdigest(),
        rows=trained.rows,
        schema=trained.columns,
        residency="eu-central-1",
        retention_until=date(2030, 12, 31),
        licence="CC BY 4.0",
        source="UCI Machine Learning Repository, doi 10.24432/C5DW2B, as bundled with scikit-learn",
        legal_basis="public data",
        purposes=["research", "triage-support"],
        contains_personal_data=False,
    )
    version = _register(
        cast,
        model,
        "1.0.0",
        "weights.json",
        trained.weights,
        notes="Logistic regression on standardised measurements, trained when this demo was made.",
        run=versions.DeclaredRun(
            job_id="tumour-1.0.0",
            code_revision="demo/tumour.py",
            parameters=trained.parameters,
            extra={"provider": "this machine", "region": "eu-central-1"},
        ),
        datasets=[(snapshot, DatasetRole.TRAIN), (snapshot, DatasetRole.TEST)],
    )
    facts.record_metrics(
        version, actor=developer, metrics=trained.metrics, title="Held-out evaluation", tool="scikit-learn"
    )
    cards.save_card(version, actor=developer, sections=TUMOUR_CARD)
    _release(cast, version, _endpoint(cast, "clinic", "triage-support-prod", "Triage support, production"))


INCOME_CARD = {
    "intended_use": "A first look at income before a loan application is read. A person reads every application.",
    "out_of_scope": "Refusing an application; any use outside lending; persons under 17.",
    "users_affected": "People who apply for a loan. A wrong no costs time, a wrong yes may cost money.",
    "limitations": "Trained on a census of 1994. Income then is not income now.",
    "human_oversight": "A loan officer sees the score with its reasons and decides alone.",
}
TUMOUR_CARD = {
    "intended_use": "Orders the queue of biopsies for a second look. The pathologist reads all of them.",
    "out_of_scope": "Diagnosis; leaving out a biopsy.",
    "users_affected": "Patients whose biopsy waits longer than another.",
    "limitations": "569 biopsies of one hospital; measurements made by one method.",
    "human_oversight": "A pathologist may take any biopsy first, and the order is shown with its reason.",
}
