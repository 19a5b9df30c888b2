"""A version with people around it, and a release with a decision, as the pages of audits meet them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from catalog.models import Endpoint, ModelVersion
from catalog.services import endpoints, models, versions
from governance.models import Decision, Release
from portal.accounts.models import Team, User
from portal.ledger.canonical import canonical_bytes, sha256_hex
from portal.ledger.services import record
from tests.factories import people

DATA = Path(__file__).resolve().parents[2] / "demo" / "data"
ADULT = DATA / "adult_predictions.csv.gz"
BAD = Path(__file__).resolve().parents[1] / "assets" / "predictions" / "bad"


@dataclass(frozen=True)
class World:
    team: Team
    owner: User
    developer: User
    fairness: User
    viewer: User
    stranger: User
    version: ModelVersion
    endpoint: Endpoint


@pytest.fixture
def world(db: Any) -> World:
    team, other = people.team(), people.team("clinic")
    owner, developer = people.person("model_owner", team), people.person("developer", team)
    model = models.register_model(
        actor=owner,
        team=team,
        name="income-model",
        title="Income",
        description="",
        risk_tier="high",
        intended_use=["income-eligibility"],
        affects_legal_or_safety=True,
    )
    declared = versions.DeclaredArtifact("model.bin", hashlib.sha256(b"x").hexdigest(), 1, "bin")
    version = versions.register_version(model, actor=developer, version="1.0.0", artifacts=[declared])
    endpoint = endpoints.register_endpoint(
        actor=owner,
        team=team,
        name="income-prod",
        title="Income",
        environment="production",
        regions=["eu-central-1"],
        exposure="customers",
        data_classes=["personal"],
        slo_p95_ms=300,
        slo_availability=0.99,
        contract_version="1",
    )
    return World(
        team=team,
        owner=owner,
        developer=developer,
        fairness=people.person("fairness", team),
        viewer=people.person("viewer", team),
        stranger=people.person("developer", other),
        version=version,
        endpoint=endpoint,
    )


@pytest.fixture
def release(world: World) -> Release:
    """A release in review with one stored decision."""
    facts = canonical_bytes({"model": {"name": "income-model", "risk_tier": "high"}, "metrics": []}).decode()
    rule = {
        "id": "kept-in-eu",
        "policy": "residency",
        "verdict": "pass",
        "message": "",
        "facts": [{"path": "endpoint.regions", "value": "eu-central-1"}],
    }
    result = canonical_bytes({"rules": [rule], "verdict": "pass"}).decode()
    with transaction.atomic():
        decision = Decision.objects.create(
            version=world.version,
            endpoint=world.endpoint,
            facts_text=facts,
            facts_digest=sha256_hex(facts.encode()),
            inputs_digest=sha256_hex(facts.encode()),
            result_text=result,
            digest=sha256_hex(result.encode()),
            verdict="pass",
            made_by=None,
            made_at=timezone.now(),
        )
        record(actor=None, event="governance:decision:made", subject=decision, body={"digest": decision.digest})
        row = Release.objects.create(
            version=world.version,
            endpoint=world.endpoint,
            requested_by=world.owner,
            words="Please release <b>soon</b>.",
        )
        record(actor=world.owner, event="governance:release:requested", subject=row, body={})
    with transaction.atomic():
        row.state, row.decision = "in_review", decision
        row.save()
        record(actor=world.owner, event="governance:release:assessed", subject=row, body={})
    return row
