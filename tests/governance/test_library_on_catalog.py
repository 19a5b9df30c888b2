"""The whole library over a subject about which all is recorded and attested: nothing that it reads is unknown."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.choices import DatasetRole
from catalog.services import attestations, cards
from catalog.services.versions import DeclaredRun
from governance.gates.evaluate import evaluate
from governance.gates.policy import Policy
from governance.services.facts import build_facts
from governance.services.policies import LIBRARY, read
from tests.factories import catalog, governance

pytestmark = pytest.mark.django_db


def told(who: governance.Cast):
    """(version, endpoint) with all that the catalog records and all that is attested."""
    today = timezone.now()
    snapshot = catalog.snapshot(
        catalog.dataset(owner=who.owner, team=who.team),
        actor=who.developer,
        retention_until=(today + timedelta(days=900)).date(),
        legal_basis="contract",
        purposes=["income-eligibility"],
    )
    uses = [(snapshot, role) for role in (DatasetRole.TRAIN, DatasetRole.VALIDATION, DatasetRole.TEST)]
    run = DeclaredRun("run-1", "0a1b2c3", parameters={"seed": 1}, extra={"region": "eu-central-1"})
    version = governance.ready_version(who, run=run, datasets=uses, artifacts=[catalog.declared(format="onnx")])
    catalog.uploaded(version)
    words = dict.fromkeys(("intended_use", "out_of_scope", "users_affected", "limitations", "human_oversight"), "Said.")
    cards.save_card(version, actor=who.developer, sections=words)
    endpoint = catalog.endpoint(owner=who.owner, team=who.team)
    at = lambda days: (today + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: E731
    day = lambda days: at(days)[:10]  # noqa: E731
    reviewer = who.reviewers["validator"]
    file = {"name": "weights.bin", "scan": "clean", "signature": {"verified": True, "signer": "release@example.org"}}
    papers = [{"kind": kind, "valid_until": day(300)} for kind in ("ISO 27001", "SOC 2", "iso-27001", "soc-2")]
    provider = {"name": "Acme", "dpa_until": day(300), "byok": True, "exit_tested_at": at(-30), "attestations": papers}
    said = [
        (version, who.developer, "artifacts", file),
        (version, who.developer, "training", {"cost": {"amount": 40, "currency": "EUR"}, "budget": 50}),
        *(
            (version, who.developer, "tests", {"suite": name, "passed": 98, "failed": 0, "worst": 1.0})
            for name in ("security", "robustness", "regression", "fairness")
        ),
        (version, reviewer, "card", {"approved": True, "template": "house"}),
        (version, reviewer, "risk", {"assessed_at": at(-10), "residual": "low", "mitigations_open": 0}),
        *(
            (version.model, reviewer, "reviews", {"kind": kind, "done_at": at(-10), "due_at": at(300)})
            for kind in ("annual", "security", "privacy", "fairness", "validation", "legal", "model-validation")
        ),
        (version.model, reviewer, "provider", provider),
        (
            endpoint,
            who.owner,
            "endpoint",
            {"slo": {"p95_ms": 200, "availability": 0.999}, "contract_version": "1"},
        ),
        (
            endpoint,
            who.developer,
            "telemetry",
            {
                "wired": True,
                "last_seen_at": at(-0.01),
                "error_rate": 0.0,
                "calls": 900,
                "psi": 0.01,
                "labels_return": True,
            },
        ),
    ]
    for about, actor, section, value in said:
        attestations.attest(about, actor=actor, section=section, value=value)
    return version, endpoint


def test_library_knows_all_that_it_reads() -> None:
    who = governance.cast()
    version, endpoint = told(who)
    release = governance.release_in_review(who, version=version, endpoint=endpoint)
    facts = build_facts(version, endpoint, now=timezone.now(), release=release)
    texts = [read(path.read_text(encoding="utf-8")) for path in sorted(LIBRARY.rglob("*.yaml"))]
    result = evaluate([one for one in texts if isinstance(one, Policy)], facts)
    unknown = [(rule.policy, rule.id, rule.message) for rule in result.rules if rule.verdict == "unknown"]
    assert unknown == []
    assert [(rule.policy, rule.id, rule.message) for rule in result.rules if rule.verdict == "fail"] == []
