"""What is attested: who may say what about what, what of it counts, and what the gates then know."""

from datetime import date, timedelta

import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from catalog.models import Attestation
from catalog.services import attestations, cards
from governance.services import reassessment
from governance.services.facts import build_facts
from portal.errors import InvalidInput, PermissionRefused
from portal.ledger.encoding import instant
from portal.ledger.models import LedgerEntry
from tests.factories import catalog, governance, people

pytestmark = pytest.mark.django_db
SCAN = {"name": "weights.bin", "scan": "clean", "signature": {"verified": True, "signer": "release@example.org"}}


@pytest.fixture
def who() -> governance.Cast:
    return governance.cast()


@pytest.fixture
def version(who):
    return catalog.version(model=catalog.model(owner=who.owner, team=who.team), actor=who.developer)


@pytest.fixture
def endpoint(who):
    return catalog.endpoint(owner=who.owner, team=who.team)


def attest(about, actor, section, value, **kw) -> Attestation:
    return attestations.attest(about, actor=actor, section=section, value=value, **kw)


def facts_of(version, endpoint, now=None):
    return build_facts(version, endpoint, now=now or timezone.now())


def test_attested_sections_become_facts_with_their_source(who, version, endpoint) -> None:
    reviewer = who.reviewers["validator"]
    scan = attest(version, who.developer, "artifacts", SCAN, source="scanner 3")
    attest(version, who.developer, "training", {"cost": {"amount": 40, "currency": "EUR"}, "budget": 50})
    suite = attest(version, who.developer, "tests", {"suite": "robustness", "passed": 98, "failed": 2, "worst": 0.4})
    risk = attest(version, reviewer, "risk", {"residual": "low", "mitigations_open": 0})
    attest(version.model, reviewer, "provider", {"name": "Acme", "dpa_until": "2027-01-31", "attestations": []})
    attest(version, reviewer, "reviews", {"kind": "annual", "due_at": "2027-01-31T00:00:00Z"})
    attest(version, reviewer, "card", {"approved": True})
    attest(endpoint, who.owner, "endpoint", {"contract_version": "2", "data_classes": ["financial"]})
    facts = facts_of(version, endpoint)
    (file,) = facts["artifacts"]
    assert (file["scan"], file["signature"]["verified"], file["evidence"]) == ("clean", True, scan.public_id)
    assert file["scanned_at"] == instant(scan.attested_at)
    assert (facts["training"]["cost"]["amount"], facts["training"]["budget"]) == (40.0, 50.0)
    assert facts["training"]["by"] == str(who.developer.uuid)
    assert facts["tests"][0]["evidence"] == suite.public_id
    assert facts["tests"][0]["measured_at"] == instant(suite.attested_at)
    assert facts["risk"] == {"residual": "low", "mitigations_open": 0, "evidence": risk.public_id}
    assert (facts["provider"]["name"], facts["provider"]["attestations"]) == ("Acme", [])
    assert [row["kind"] for row in facts["reviews"]] == ["annual"]
    assert facts["card"]["approved"] is True
    assert facts["endpoint"]["contract_version"] == "2"
    assert facts["endpoint"]["data_classes"] == ["financial", "personal"]


def test_nothing_attested_is_not_known(version, endpoint) -> None:
    facts = facts_of(version, endpoint)
    assert not {"provider", "risk", "reviews", "telemetry", "tests", "waivers"} & set(facts)
    assert "scan" not in facts["artifacts"][0]


def test_newest_counts_and_narrower_goes_before_wider(who, version, endpoint) -> None:
    reviewer = who.reviewers["validator"]
    attest(version, reviewer, "risk", {"residual": "medium"})
    attest(version.model, reviewer, "risk", {"residual": "high", "mitigations_open": 3})
    assert facts_of(version, endpoint)["risk"]["residual"] == "medium"
    assert "mitigations_open" not in facts_of(version, endpoint)["risk"]
    attest(version, reviewer, "risk", {"residual": "low"})
    assert facts_of(version, endpoint)["risk"]["residual"] == "low"
    attest(version.model, reviewer, "reviews", {"kind": "annual", "due_at": "2027-01-01T00:00:00Z"})
    attest(version.model, reviewer, "reviews", {"kind": "security", "due_at": "2027-02-01T00:00:00Z"})
    attest(endpoint, reviewer, "reviews", {"kind": "annual", "due_at": "2028-01-01T00:00:00Z"})
    due = {row["kind"]: row["due_at"][:4] for row in facts_of(version, endpoint)["reviews"]}
    assert due == {"annual": "2028", "security": "2027"}


def test_over_is_not_known_and_its_row_stays_so_that_none_is_missed(who, version, endpoint) -> None:
    reviewer, today = who.reviewers["validator"], timezone.now().date()
    attest(version.model, reviewer, "risk", {"residual": "low"})
    attest(version, reviewer, "risk", {"residual": "low"}, valid_until=today)
    attest(version, reviewer, "reviews", {"kind": "annual", "done_at": "2026-01-01T00:00:00Z"}, valid_until=today)
    attest(version, who.developer, "artifacts", SCAN, valid_until=today)
    facts = facts_of(version, endpoint)
    assert facts["risk"]["residual"] == "low"
    later = facts_of(version, endpoint, timezone.now() + timedelta(days=1))
    assert "risk" not in later
    assert later["reviews"] == [{"kind": "annual"}]
    assert "scan" not in later["artifacts"][0]


def test_day_that_ends_an_attestation_lets_the_gates_run_again(who, version, endpoint) -> None:
    release = governance.release_in_review(who)
    today = timezone.now().date()
    attest(release.version.model, who.reviewers["validator"], "risk", {"residual": "low"}, valid_until=today)
    found = reassessment.releases_with_lapsed_facts
    assert list(found(today)) == []
    assert list(found(today + timedelta(days=1))) == [release]
    reassessment.sweep()


def test_approval_of_a_card_ends_when_the_card_is_saved_anew(who, version, endpoint) -> None:
    cards.save_card(version, actor=who.developer, sections={"limitations": "Small groups."})
    attest(version, who.reviewers["validator"], "card", {"approved": True, "template": "house"})
    assert facts_of(version, endpoint)["card"]["approved"] is True
    cards.save_card(version, actor=who.developer, sections={"limitations": "None."})
    assert "approved" not in facts_of(version, endpoint)["card"]


def test_lines_stay_apart(who, version, endpoint) -> None:
    for section, value in (
        ("risk", {"residual": "low"}),
        ("card", {"approved": True}),
        ("reviews", {"kind": "annual"}),
    ):
        with pytest.raises(PermissionRefused):
            attest(version, who.developer, section, value)
        with pytest.raises(PermissionRefused):
            attest(version, who.owner, section, value)
    with pytest.raises(PermissionRefused):
        attest(endpoint, who.developer, "endpoint", {"slo": {"p95_ms": 9000}})
    with pytest.raises(PermissionRefused):
        attest(version, people.person("developer", people.team("other")), "artifacts", SCAN)
    with pytest.raises(PermissionRefused):
        attest(version, people.person("auditor"), "artifacts", SCAN)
    assert not Attestation.objects.exists()


def test_what_does_not_fit_is_refused_with_its_place(who, version, endpoint) -> None:
    reviewer, now = who.reviewers["validator"], timezone.now()
    bad = [
        (version, "metrics", {"name": "x"}, {}, "section-invalid", "section"),
        (version, "risk", "low", {}, "section-invalid", "value"),
        (version, "risk", {"residual": None}, {}, "section-invalid", "value.residual"),
        (version, "telemetry", {"wired": True}, {}, "section-elsewhere", "section"),
        (endpoint, "artifacts", SCAN, {}, "section-elsewhere", "section"),
        (version, "artifacts", {**SCAN, "name": "other.bin"}, {}, "artifact-unknown", "value.name"),
        (version, "risk", {}, {"attested_at": now + timedelta(minutes=5)}, "future", "attested_at"),
        (version, "risk", {}, {"valid_until": date(2020, 1, 1)}, "over", "valid_until"),
        (version, "risk", {}, {"source": "x" * 301}, "invalid-field", "source"),
    ]
    for about, section, value, more, code, field in bad:
        with pytest.raises(InvalidInput) as caught:
            attest(about, reviewer, section, value, **more)
        assert (caught.value.code, caught.value.field) == (code, field)


def test_attestation_is_in_the_ledger_and_cannot_be_changed(who, version) -> None:
    row = attest(version, who.reviewers["validator"], "risk", {"residual": "low"}, source="RA-7")
    entry = LedgerEntry.objects.get(subject_type="attestation", subject_id=str(row.pk))
    assert entry.event == "catalog:attestation:recorded"
    assert row.about == version
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_attestation SET value = '{}' WHERE id = %s", [row.pk])


def test_attested_fact_opens_or_closes_a_release(who, run_jobs, committed) -> None:
    release = governance.release_in_review(who)
    before = release.decision_id
    with committed():
        attest(release.version.model, who.reviewers["validator"], "risk", {"residual": "high"})
    run_jobs()
    release.refresh_from_db()
    assert release.decision_id != before
    assert release.decision.facts["risk"]["residual"] == "high"


def test_a_report_of_production_makes_no_new_decision_while_the_verdicts_stay(who, run_jobs, committed) -> None:
    release = governance.live_release(who)
    for psi in (0.01, 0.02):
        with committed():
            attest(release.endpoint, who.developer, "telemetry", {"wired": True, "psi": psi})
        run_jobs()
    before = release.decision_id
    release.refresh_from_db()
    assert release.decision_id == before
