"""Builds the facts document of one subject from the catalog, in a fixed number of queries. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import F, Func

from catalog import selectors
from catalog.choices import DatasetRole
from catalog.models import BiasMeasure, Endpoint, Metric, ModelVersion
from governance.gates.facts import Facts, read_facts
from governance.gates.schema import FACTS_SCHEMA
from governance.models import Release
from portal.ledger.encoding import instant
from portal.ledger.models import LedgerEntry

MIN_GROUP = 100
_START = Func(F("during"), function="lower")
# Facts that change with every reading or request and say nothing about the subject itself.
MOMENTARY = ("evaluated_at", "ledger_index", "request")


def build_facts(version: ModelVersion, endpoint: Endpoint, *, now: datetime, release: Release | None = None) -> Facts:
    """Everything known about this version at this endpoint. What is not known is left out.

    Raises FactsError when the catalog holds a value that the schema refuses.
    """
    live = selectors.live_deployment(endpoint)
    if live is not None and live.version_id == version.pk:
        # A live version goes on being held against what it replaced, or its own release would change its facts.
        live = selectors.deployment_before(live)
    other = live.version if live is not None else None
    ids = [version.pk, *([other.pk] if other else [])]
    metrics, bias = selectors.current_metrics(ids), selectors.current_bias(ids)
    document: dict[str, Any] = {
        "schema": FACTS_SCHEMA,
        "evaluated_at": instant(now),
        "subject": {
            "model": version.model.name,
            "version": version.version,
            "target": endpoint.environment,
            "endpoint": endpoint.name,
        },
        "model": _model(version),
        "artifacts": _artifacts(version),
        "datasets": _datasets(version),
        "training": _training(version),
        "metrics": [_metric(row) for row in metrics[version.pk]],
        "bias": [_bias(row) for row in bias[version.pk]],
        "odds": list(_odds(bias[version.pk])),
        "card": _card(version),
        "endpoint": _endpoint(endpoint),
        "ledger_index": _ledger_index(),
    }
    document |= _baseline(version, other, metrics, bias)
    if release is not None:
        document["request"] = {"id": release.public_id, "by": str(release.requested_by.uuid), "emergency": False}
    # Never measured is not the same as measured, none: an absent key is unknown.
    for name in ("metrics", "bias", "odds", "datasets"):
        if not document[name]:
            del document[name]
    return read_facts(_known(document))


def _held_against(version: ModelVersion, endpoint: Endpoint) -> ModelVersion | None:
    """What answers at the endpoint; for a version that answers there itself, what it replaced.

    So going live changes no fact, and the approvals that led there still count.
    """
    newest = list(endpoint.deployments.select_related("version").order_by(_START.desc())[:2])
    if not newest or newest[0].during.upper is not None:
        return None
    if newest[0].version_id != version.pk:
        return newest[0].version
    former = newest[1] if len(newest) > 1 else None
    return former.version if former is not None and former.during.upper == newest[0].during.lower else None


def inputs_of(facts: Facts) -> dict[str, Any]:
    """The document without the moment it was read at: what an approval depends on."""
    return {name: value for name, value in facts.items() if name not in MOMENTARY}


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


def _datasets(version: ModelVersion) -> list[dict[str, Any]]:
    uses = version.datasets.select_related("snapshot__dataset").order_by("snapshot__dataset__name", "role")
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
        for use in uses
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


def _metric(row: Metric) -> dict[str, Any]:
    return {
        "name": row.name,
        "split": row.split,
        "segment": row.segment,
        "value": row.value,
        "lower": row.lower,
        "upper": row.upper,
        "n": row.n,
        "evidence": row.evidence.public_id,
    }


def _bias(row: BiasMeasure) -> dict[str, Any]:
    numbers = {name: getattr(row, name) for name in BiasMeasure.NUMBERS}
    return {
        "attribute": row.attribute,
        "group": row.group,
        "reference": row.reference,
        "favourable": row.favourable,
        **numbers,
        "evidence": row.evidence.public_id,
    }


def _odds(rows: Iterable[BiasMeasure]) -> Iterable[dict[str, Any]]:
    """Spread of error rates by attribute, over the groups large enough to judge."""
    groups: dict[str, list[tuple[float, float, str]]] = {}
    for row in rows:
        if row.n >= MIN_GROUP and row.tpr is not None and row.fpr is not None:
            groups.setdefault(row.attribute, []).append((row.tpr, row.fpr, row.evidence.public_id))
    for attribute, judged in sorted(groups.items()):
        if len(judged) < 2:
            continue
        gap_tpr = max(tpr for tpr, _, _ in judged) - min(tpr for tpr, _, _ in judged)
        gap_fpr = max(fpr for _, fpr, _ in judged) - min(fpr for _, fpr, _ in judged)
        yield {
            "attribute": attribute,
            "groups": len(judged),
            "min_group": MIN_GROUP,
            "gap_tpr": gap_tpr,
            "gap_fpr": gap_fpr,
            "gap": max(gap_tpr, gap_fpr),
            "evidence": judged[0][2],
        }


def _baseline(
    version: ModelVersion,
    live: ModelVersion | None,
    metrics: dict[int, list[Metric]],
    bias: dict[int, list[BiasMeasure]],
) -> dict[str, Any]:
    """The live version's numbers, and how this version's differ; empty lists when nothing is live."""
    if live is None:
        return {"baseline_metrics": [], "bias_changes": [], "odds_changes": []}
    found: dict[str, Any] = {"baseline_metrics": [_metric(row) for row in metrics[live.pk]] or None}
    if bias[version.pk] and bias[live.pk]:
        found["bias_changes"] = list(_bias_changes(bias[version.pk], bias[live.pk]))
        before = {row["attribute"]: row for row in _odds(bias[live.pk])}
        found["odds_changes"] = [
            {
                "attribute": row["attribute"],
                "gap": row["gap"],
                "gap_live": before[row["attribute"]]["gap"],
                "gap_change": row["gap"] - before[row["attribute"]]["gap"],
                "evidence": row["evidence"],
                "evidence_live": before[row["attribute"]]["evidence"],
            }
            for row in _odds(bias[version.pk])
            if row["attribute"] in before
        ]
    return found


def _bias_changes(now: list[BiasMeasure], live: list[BiasMeasure]) -> Iterable[dict[str, Any]]:
    before = {(row.attribute, row.group): row for row in live}
    for row in now:
        old = before.get((row.attribute, row.group))
        if old is None or row.ratio is None or old.ratio is None:
            continue
        yield {
            "attribute": row.attribute,
            "group": row.group,
            "n": min(row.n, old.n),
            "ratio": row.ratio,
            "ratio_live": old.ratio,
            "ratio_change": row.ratio - old.ratio,
            "evidence": row.evidence.public_id,
            "evidence_live": old.evidence.public_id,
        }


def _card(version: ModelVersion) -> dict[str, Any] | None:
    state = selectors.card_state(version)
    if state.revision is None:
        return None
    return {"complete": state.complete, "missing": state.missing, "stale": state.stale}


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
    }


def _ledger_index() -> int | None:
    newest = LedgerEntry.objects.filter(idx__isnull=False).order_by("-idx").values_list("idx", flat=True).first()
    return newest
