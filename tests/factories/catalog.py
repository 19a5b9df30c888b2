"""Models, versions, data and measurements for tests, made by the services that make them in the product."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from catalog.choices import Environment, Exposure, RiskTier
from catalog.models import Dataset, DatasetSnapshot, Endpoint, Evidence, ModelVersion, RegisteredModel
from catalog.services import datasets, endpoints, facts, models, versions
from portal.accounts.models import Team, User
from tests.factories import people

_numbers = itertools.count(1)
CONTENT = b"weights of a model for tests"


def _owner(owner: User | None, team: Team) -> User:
    return owner or people.person("model_owner", team)


def model(owner: User | None = None, team: Team | None = None, **kw: Any) -> RegisteredModel:
    """A registered model; its owner is a new model owner of the team unless one is given."""
    team = team or people.team("lending")
    fields = {
        "name": f"model-{next(_numbers)}",
        "title": "Income eligibility",
        "risk_tier": RiskTier.HIGH,
        "intended_use": ["income-eligibility"],
    } | kw
    return models.register_model(actor=_owner(owner, team), team=team, **fields)


def declared(name: str = "weights.bin", content: bytes = CONTENT, **kw: Any) -> versions.DeclaredArtifact:
    """A declared artifact with the digest and size of `content`."""
    return versions.DeclaredArtifact(name, hashlib.sha256(content).hexdigest(), len(content), **kw)


def version(model: RegisteredModel | None = None, actor: User | None = None, **kw: Any) -> ModelVersion:
    """A version with one artifact and a training run; kw go to register_version."""
    model = model or globals()["model"]()
    actor = actor or people.person("developer", model.team)
    number = next(_numbers)
    fields = {
        "version": f"1.{number}.0",
        "artifacts": [declared()],
        "run": versions.DeclaredRun(job_id=f"job-{number}", code_revision="0a1b2c3", parameters={"seed": number}),
    } | kw
    return versions.register_version(model, actor=actor, **fields)


def uploaded(version: ModelVersion, content: bytes = CONTENT) -> ModelVersion:
    """The same version, with the bytes of its only artifact in the store."""
    versions.upload_artifact(version.artifacts.get(), actor=version.created_by, pieces=iter([content]))
    return version


def endpoint(owner: User | None = None, team: Team | None = None, **kw: Any) -> Endpoint:
    """A production endpoint in eu-central-1."""
    team = team or people.team("lending")
    fields = {
        "name": f"endpoint-{next(_numbers)}",
        "title": "Income eligibility, production",
        "environment": Environment.PRODUCTION,
        "regions": ["eu-central-1"],
        "exposure": Exposure.CUSTOMERS,
        "data_classes": ["personal"],
    } | kw
    return endpoints.register_endpoint(actor=_owner(owner, team), team=team, **fields)


def dataset(owner: User | None = None, team: Team | None = None, **kw: Any) -> Dataset:
    team = team or people.team("lending")
    fields = {"name": f"dataset-{next(_numbers)}", "title": "Adult income"} | kw
    return datasets.register_dataset(actor=_owner(owner, team), team=team, **fields)


def snapshot(dataset: Dataset | None = None, actor: User | None = None, **kw: Any) -> DatasetSnapshot:
    """A snapshot of 1,000 rows kept in eu-central-1."""
    dataset = dataset or globals()["dataset"]()
    number = next(_numbers)
    fields = {
        "label": f"s-{number}",
        "sha256": hashlib.sha256(str(number).encode()).hexdigest(),
        "rows": 1000,
        "schema": [{"name": "age", "type": "int64"}, {"name": "sex", "type": "string"}],
        "residency": "eu-central-1",
        "licence": "CC BY 4.0",
        "contains_personal_data": True,
    } | kw
    return datasets.add_snapshot(dataset, actor=actor or people.person("developer", dataset.team), **fields)


def metrics(version: ModelVersion, actor: User | None = None, **values: float) -> Evidence:
    """Metrics of the test split by name, each with an interval of ±0.01 and n = 1,000: metrics(v, accuracy=0.85)."""
    rows = [
        {"name": name, "value": value, "lower": value - 0.01, "upper": value + 0.01, "n": 1000}
        for name, value in (values or {"accuracy": 0.85}).items()
    ]
    return facts.record_metrics(version, actor=actor or version.created_by, metrics=rows, tool="tests 1")


def measure(attribute: str, group: str, reference: str, *, n: int, selected: int, ratio: float, **kw: Any) -> dict:
    """One row of a bias test; the interval of the ratio is ±0.05."""
    rate = selected / n
    row = {"attribute": attribute, "group": group, "reference": reference, "favourable": 1, "n": n}
    row |= {"selected": selected, "rate": rate, "rate_lower": rate - 0.02, "rate_upper": rate + 0.02}
    row |= {"tpr": 0.8, "fpr": 0.1, "ratio": ratio, "ratio_lower": ratio - 0.05, "ratio_upper": ratio + 0.05}
    return row | {"gap_tpr": 0.02, "gap_fpr": 0.01} | kw


def bias(
    version: ModelVersion,
    actor: User | None = None,
    measures: list[dict[str, Any]] | None = None,
    metrics: list[dict[str, Any]] | None = None,
    **kw: Any,
) -> Evidence:
    """A bias report on sex, with a ratio of 0.95 for women, unless other measures are given."""
    rows = measures or [
        measure("sex", "Male", "Male", n=600, selected=300, ratio=1.0, gap_tpr=0.0, gap_fpr=0.0),
        measure("sex", "Female", "Male", n=400, selected=190, ratio=0.95),
    ]
    fields = {"title": "Bias test on the test split", "tool": "tests 1"} | kw
    return facts.record_bias(version, actor=actor or version.created_by, measures=rows, metrics=metrics or (), **fields)
