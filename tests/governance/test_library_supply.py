"""What the library says about supplying facts is so: with all of it each policy passes, without it none does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from catalog.choices import CARD_SECTIONS, DatasetRole
from catalog.models import Endpoint, ModelVersion
from catalog.services import attestations, cards
from governance.gates import library
from governance.gates.evaluate import Result, evaluate
from governance.services.facts import build_facts
from portal.ledger.encoding import instant
from tests.factories import catalog, governance

pytestmark = pytest.mark.django_db
POLICIES = [one.policy for one in library.entries()]


@dataclass
class House:
    """A version and an endpoint, and everything that can be supplied about them."""

    who: governance.Cast
    version: ModelVersion
    endpoint: Endpoint
    supplied: dict[str, Callable[[], object]] = field(default_factory=dict)

    def attest(self, about: Any, section: str, value: Any) -> None:
        judged = section in ("card", "provider", "risk", "reviews")
        actor = self.who.reviewers["validator"] if judged else self.who.owner if section == "endpoint" else None
        attestations.attest(about, actor=actor or self.who.developer, section=section, value=value)

    def decide(self) -> Result:
        facts = build_facts(self.version, self.endpoint, now=timezone.now())
        return evaluate(POLICIES, facts)

    def verdicts(self) -> dict[str, str]:
        return {one.name: one.verdict for one in self.decide().policies}


def ahead(days: int) -> str:
    return instant(timezone.now() + timedelta(days=days))


@pytest.fixture
def house() -> House:
    who = governance.cast()
    model = catalog.model(owner=who.owner, team=who.team)
    data = catalog.snapshot(
        catalog.dataset(owner=who.owner, team=who.team),
        actor=who.developer,
        purposes=["income-eligibility"],
        legal_basis="contract",
        retention_until=(timezone.now() + timedelta(days=900)).date(),
    )
    files = [catalog.declared("weights.onnx", format="onnx")]
    version = catalog.version(
        model=model,
        actor=who.developer,
        run=governance.run("run-1"),
        datasets=[(data, DatasetRole.TRAIN)],
        artifacts=files,
    )
    endpoint = catalog.endpoint(owner=who.owner, team=who.team)
    made = House(who, ModelVersion.objects.get(pk=version.pk), Endpoint.objects.get(pk=endpoint.pk))
    made.supplied = supplies(made)
    return made


def supplies(house: House) -> dict[str, Callable[[], object]]:
    version, endpoint = house.version, house.endpoint
    sections = {name: "Said in words." for name, (_, measured) in CARD_SECTIONS.items() if not measured}
    promise = {"slo": {"p95_ms": 200, "availability": 0.999}, "contract_version": "1"}
    provider = {
        "name": "cloud",
        "dpa_until": ahead(400)[:10],
        "attestations": [{"kind": "ISO 27001", "valid_until": ahead(400)[:10]}],
        "exit_tested_at": ahead(-10),
    }
    report = {"wired": True, "last_seen_at": ahead(0), "calls": 10, "error_rate": 0.0}
    scan = {"name": "weights.onnx", "scan": "clean", "signature": {"verified": True, "signer": "ci"}}
    return {
        "artifacts": lambda: (catalog.uploaded(version), house.attest(version, "artifacts", scan)),
        "metrics": lambda: catalog.metrics(version),
        "bias": lambda: catalog.bias(version, measures=governance.fair_measures()),
        "card": lambda: cards.save_card(version, actor=house.who.developer, sections=sections),
        "training": lambda: house.attest(
            version, "training", {"cost": {"amount": 40, "currency": "EUR"}, "budget": 50}
        ),
        "tests": lambda: [
            house.attest(version, "tests", {"suite": name, "passed": 40, "failed": 0})
            for name in ("robustness", "security")
        ],
        "endpoint": lambda: house.attest(endpoint, "endpoint", promise),
        "telemetry": lambda: house.attest(endpoint, "telemetry", report),
        "provider": lambda: house.attest(version.model, "provider", provider),
        "risk": lambda: house.attest(
            version, "risk", {"assessed_at": ahead(-5), "residual": "low", "mitigations_open": 0}
        ),
        "reviews": lambda: house.attest(
            version, "reviews", {"kind": "validation", "done_at": ahead(-5), "due_at": ahead(200)}
        ),
    }


def test_with_everything_supplied_every_policy_passes(house: House) -> None:
    for supply in house.supplied.values():
        supply()
    result = house.decide()
    assert [f"{one.id}: {one.message}" for one in result.rules if one.verdict not in ("pass", "not_applicable")] == []
    # Nobody asks for a release here, so there is nobody whose duties could be separated.
    assert {one.name for one in result.policies if one.verdict == "not_applicable"} == {"separation-of-duties"}


def test_without_a_supply_each_policy_that_needs_it_is_unknown(house: House) -> None:
    before = house.verdicts()
    assert before["retention"] == before["residency"] == before["allowed-use"] == "pass"
    for section, supply in house.supplied.items():
        needing = [one.name for one in library.entries() if section in {need.section for need in one.needs}]
        blocked = {name for name in needing if before[name] not in ("pass", "not_applicable")}
        assert blocked, section
        assert {before[name] for name in blocked} == {"unknown"}, section
        supply()
    assert "unknown" not in house.verdicts().values()


def test_separation_of_duties_looks_at_the_people_of_a_release() -> None:
    release = governance.release_in_review()
    facts = build_facts(release.version, release.endpoint, now=timezone.now(), release=release)
    result = evaluate([library.entry("separation-of-duties").policy], facts)
    assert result.verdict == "pass"
    assert result.policies[0].approvals == ("validator", "risk")
