"""The income model on UCI Adult: one version live, one that the gate refuses, one that waits for a reviewer."""

from __future__ import annotations

import csv
import gzip
import hashlib
from datetime import date, timedelta
from pathlib import Path

from django.utils import timezone

from audits.services.bias import submit_predictions
from catalog.choices import DatasetRole, RiskTier
from catalog.models import DatasetSnapshot, ModelVersion, RegisteredModel
from catalog.services import cards, datasets, models, versions
from demo.acts import Cast, add_version, approve, expect, finish, make_endpoint, make_live, request
from demo.names import INCOME
from governance.choices import ReleaseState
from portal.accounts.choices import Role

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
INCOME_CARD = {
    "intended_use": "A first look at income before a loan application is read. A person reads every application.",
    "out_of_scope": "Refusing an application; any use outside lending; persons under 17.",
    "users_affected": "People who apply for a loan. A wrong no costs time, a wrong yes may cost money.",
    "limitations": "Trained on a census of 1994. Income then is not income now.",
    "human_oversight": "A loan officer sees the score with its reasons and decides alone.",
}


def tell(cast: Cast) -> None:
    """Register and test the three versions, then ask for their releases in turn."""
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
    endpoint = make_endpoint(cast, "lending", "income-eligibility-prod", "Income eligibility, production")
    rows = []
    for number, file, notes in INCOME_VERSIONS:
        cast.say(f"{INCOME} {number}: register, test for bias")
        version = _income_version(cast, model, number, DATA / file, notes, snapshot)
        _bias_test(cast, version, DATA / file)
        cards.save_card(version, actor=developer, sections=INCOME_CARD)
        rows.append(version)
    first, candidate, mitigated = rows
    cast.say("releases: one live, one refused, one waiting for you")
    make_live(cast, first, endpoint, words=WORDS[first.version])
    refused = request(cast, candidate, endpoint, words=WORDS[candidate.version])
    expect(refused, ReleaseState.BLOCKED)
    waiting = request(cast, mitigated, endpoint, words=WORDS[mitigated.version], due=timezone.now() + timedelta(days=2))
    expect(waiting, ReleaseState.IN_REVIEW)
    approve(waiting, cast.people["validator"], Role.VALIDATOR, "Measured on the same 16,281 rows as 1.0.0; repeatable.")


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


def _income_version(
    cast: Cast, model: RegisteredModel, number: str, file: Path, notes: str, snapshot: DatasetSnapshot
) -> ModelVersion:
    return add_version(
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
