"""The second model, from another domain: registered, measured and released by the same acts."""

from __future__ import annotations

import hashlib
from datetime import date

from catalog.choices import DatasetRole, RiskTier
from catalog.models import DatasetSnapshot
from catalog.services import cards, datasets, facts, models, versions
from demo import tumour
from demo.acts import Cast, add_version, make_endpoint, make_live
from demo.names import TUMOUR

WORDS = "First release. It orders the biopsies that wait for a second look; no biopsy is left out."
TUMOUR_CARD = {
    "intended_use": "Orders the queue of biopsies for a second look. The pathologist reads all of them.",
    "out_of_scope": "Diagnosis; leaving out a biopsy.",
    "users_affected": "Patients whose biopsy waits longer than another.",
    "limitations": "569 biopsies of one hospital; measurements made by one method.",
    "human_oversight": "A pathologist may take any biopsy first, and the order is shown with its reason.",
}


def tell(cast: Cast) -> None:
    """Train, register, measure, describe and release it."""
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
    snapshot = _snapshot(cast, trained)
    version = add_version(
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
    endpoint = make_endpoint(cast, "clinic", "triage-support-prod", "Triage support, production")
    make_live(cast, version, endpoint, words=WORDS)


def _snapshot(cast: Cast, trained: tumour.Trained) -> DatasetSnapshot:
    owner, team = cast.people["owner"], cast.teams["clinic"]
    dataset = datasets.register_dataset(
        actor=owner,
        team=team,
        is_demo=True,
        name="breast-cancer-wisconsin",
        title="Breast Cancer Wisconsin (Diagnostic)",
        description="Measurements of cell nuclei; no names and no dates. Wolberg et al. 1995.",
    )
    return datasets.add_snapshot(
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
