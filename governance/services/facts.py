"""Builds the facts document of one subject from the catalog, in a fixed number of queries. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from catalog import selectors
from catalog.choices import DatasetRole
from catalog.models import Attestation, Endpoint, ModelVersion, VersionDataset
from governance.choices import Moment, ReleaseState
from governance.gates.facts import Facts, read_facts
from governance.gates.schema import FACTS_SCHEMA
from governance.models import Emergency, Release
from governance.services.facts_attested import lay_over
from governance.services.facts_kept import conditions_of, findings_of
from governance.services.facts_measured import baseline, bias_row, metric_row, odds_rows
from governance.services.facts_telemetry import measured_telemetry
from portal.ledger.encoding import instant
from portal.ledger.models import LedgerEntry

# Facts that change with every reading, request or report and say nothing about what was approved. A policy reads
# them all the same, and a verdict that changes with them counts.
MOMENTARY = ("conditions", "evaluated_at", "ledger_index", "request", "telemetry")


def build_facts(
    version: ModelVersion,
    endpoint: Endpoint,
    *,
    now: datetime,
    release: Release | None = None,
    moment: str = "",
) -> Facts:
    """Everything known about this version at this endpoint. What is not known is left out.

    moment: why it is asked (see Moment); by default what the release is at, or a check where there is none.
    Raises FactsError when the catalog holds a value that the schema refuses.
    """
    live = selectors.live_deployment(endpoint)
    if live is not None and live.version_id == version.pk:
        # A live version goes on being held against what it replaced, or its own release would change its facts.
        live = selectors.deployment_before(live)
    other = live.version if live is not None else None
    ids = [version.pk, *([other.pk] if other else [])]
    metrics, bias = selectors.current_metrics(ids), selectors.current_bias(ids)
    datasets = list(version.datasets.select_related("snapshot__dataset"))
    card = selectors.card_state(version, selectors.Measured(metrics[version.pk], bias[version.pk], datasets))
    document: dict[str, Any] = {
        "schema": FACTS_SCHEMA,
        "evaluated_at": instant(now),
        "subject": {
            "model": version.model.name,
            "version": version.version,
            "target": endpoint.environment,
            "endpoint": endpoint.name,
            "moment": moment or moment_of(release),
            "registered_by": str(version.created_by.uuid),
        },
        "model": _model(version),
        "artifacts": _artifacts(version),
        "datasets": _datasets(datasets),
        "training": _training(version),
        "metrics": [metric_row(row) for row in metrics[version.pk]],
        "bias": [bias_row(row) for row in bias[version.pk]],
        "odds": list(odds_rows(bias[version.pk])),
        "card": _card(card),
        "endpoint": _endpoint(endpoint),
        "conditions": conditions_of(version, endpoint, release, today=now.date()),
        "findings": findings_of(version, today=now.date()),
        "telemetry": measured_telemetry(endpoint, now=now) or None,
        "ledger_index": _ledger_index(),
    }
    document |= baseline(version, other, metrics, bias)
    if release is not None:
        document["request"] = {"id": release.public_id, "by": str(release.requested_by.uuid)}
        document["request"]["emergency"] = Emergency.objects.filter(release=release).exists()
    attested = selectors.current_attestations(version, endpoint)
    lay_over(document, [row for row in attested if not _card_moved_on(row, card)], today=now.date())
    # Never measured is not the same as measured, none: an absent key is unknown.
    for name in ("metrics", "bias", "odds", "datasets"):
        if not document[name]:
            del document[name]
    return read_facts(_known(document))


def moment_of(release: Release | None) -> str:
    """Why the gates are asked about this release."""
    if release is None:
        return str(Moment.CHECK)
    return str(Moment.LIVE if release.state == ReleaseState.LIVE else Moment.REQUEST)


def inputs_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The document without when and why it was read: what an approval depends on.

    So a release that goes live, or is looked at, changes nothing that was approved.
    """
    kept = {name: value for name, value in facts.items() if name not in MOMENTARY}
    if "moment" in kept.get("subject", {}):
        kept["subject"] = {name: value for name, value in kept["subject"].items() if name != "moment"}
    if facts.get("request", {}).get("emergency"):
        # Who approved an ordinary release has not approved an emergency.
        kept["request"] = {"emergency": True}
    if not kept.get("findings"):
        # That nothing was found is what documents from before findings were kept say too.
        kept.pop("findings", None)
    return kept


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _known(item) for name, item in value.items() if item is not None and item != ""}
    return [_known(item) for item in value] if isinstance(value, list) else value


def _model(version: ModelVersion) -> dict[str, Any]:
    model = version.model
    return {
        "risk_tier": model.risk_tier,
        "intended_use": model.intended_use or None,
        "affects_legal_or_safety": model.affects_legal_or_safety,
        "owner_team": model.team.slug,
    }


def _artifacts(version: ModelVersion) -> list[dict[str, Any]]:
    rows = sorted(version.artifacts.all(), key=lambda row: row.name)
    stored = selectors.uploaded_digests([row.sha256 for row in rows])
    return [
        {
            "name": row.name,
            "sha256": row.sha256,
            "size": row.size,
            "format": row.format,
            "stored": row.sha256 in stored,
        }
        for row in rows
    ]


def _datasets(uses: Sequence[VersionDataset]) -> list[dict[str, Any]]:
    return [
        {
            "id": use.snapshot.dataset.name,
            "snapshot": use.snapshot.label,
            "role": str(DatasetRole(use.role)),
            "sha256": use.snapshot.sha256,
            "residency": use.snapshot.residency,
            "retention_until": use.snapshot.retention_until.isoformat() if use.snapshot.retention_until else None,
            "legal_basis": use.snapshot.legal_basis,
            "purposes": use.snapshot.purposes or None,
            "licence": use.snapshot.licence,
            "contains_personal_data": use.snapshot.contains_personal_data,
            "rows": use.snapshot.rows,
        }
        for use in sorted(uses, key=lambda use: (use.snapshot.dataset.name, use.role))
    ]


def _training(version: ModelVersion) -> dict[str, Any] | None:
    run = version.training_run
    if run is None:
        return None
    cost = None
    if run.cost_amount is not None:
        cost = {"amount": float(run.cost_amount), "currency": run.cost_currency}
    return {
        "run": run.job_id,
        "by": str(run.trained_by.uuid),
        "provider": run.provider,
        "region": run.region,
        "cost": cost,
        "code_revision": run.code_revision,
    }


def _card(state: selectors.CardState) -> dict[str, Any] | None:
    if state.revision is None:
        return None
    return {"complete": state.complete, "missing": state.missing, "stale": state.stale}


def _card_moved_on(row: Attestation, card: selectors.CardState) -> bool:
    """Whether this approves a card that was saved anew since."""
    return row.section == "card" and card.revision is not None and card.revision.created_at > row.recorded_at


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    slo = {"p95_ms": endpoint.slo_p95_ms, "availability": endpoint.slo_availability}
    return {
        "name": endpoint.name,
        "environment": endpoint.environment,
        "regions": endpoint.regions,
        "exposure": endpoint.exposure,
        "slo": slo,
        "data_classes": endpoint.data_classes or None,
        "contract_version": endpoint.contract_version,
        "owner_team": endpoint.team.slug,
    }


def _ledger_index() -> int | None:
    newest = LedgerEntry.objects.filter(idx__isnull=False).order_by("-idx").values_list("idx", flat=True).first()
    return newest
