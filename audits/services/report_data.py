"""Everything an evidence pack says about a release, as one plain JSON document: what is rendered and attached."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audits.models import EvidencePack
from audits.services import proofs, signatures
from audits.services.sealing import current_seal
from catalog.models import BiasMeasure, Deployment, Evidence, Metric, ModelVersion
from catalog.selectors import current_bias, current_metrics
from governance.models import Approval, Condition, Decision, Emergency, Finding, Release
from portal.accounts.models import User
from portal.ledger.models import LedgerEntry

SCHEMA = "gatehouse.evidence-pack/1"


def moment(at: dt.datetime | None) -> str | None:
    """A time as UTC in ISO form, to the second."""
    return None if at is None else at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def build_document(pack: EvidencePack) -> dict[str, Any]:
    """The document of a pack as things are now. Not inside a transaction: the ledger is brought up to date."""
    with transaction.atomic():
        # The lock keeps decisions and approvals of this release still while it is read.
        Release.objects.select_for_update().get(pk=pack.release_id)
        last = LedgerEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        document, subjects = _gather(pack)
    document["ledger"] = proofs.prove(proofs.entries_about(subjects, up_to=last))
    signatures.add_consistency(document["signatures"], document["ledger"]["checkpoint"]["size"])
    index = {(row["subject"]["type"], row["subject"]["id"]): row["index"] for row in document["ledger"]["entries"]}
    for kind, rows in (("approval", document["approvals"]), ("evidence", document["evidence"])):
        for row in rows:
            row["ledger_index"] = index.get((kind, str(row["pk"])))
            del row["pk"]
    return document


def _gather(pack: EvidencePack) -> tuple[dict[str, Any], list[tuple[str, object]]]:
    release = Release.objects.select_related(
        "version__model__team",
        "version__model__owner",
        "version__created_by",
        "version__training_run__trained_by",
        "endpoint",
        "requested_by",
        "decision",
    ).get(pk=pack.release_id)
    version, decision = release.version, release.decision
    approvals = list(release.approvals.select_related("person", "decision", "signature").order_by("pk"))
    conditions = list(release.conditions.select_related("owner", "closed_by", "approval", "set_by").order_by("pk"))
    findings = list(version.findings.select_related("owner", "raised_by", "closed_by").order_by("pk"))
    emergency = Emergency.objects.filter(release=release).select_related("declared_by", "reviewed_by").first()
    evidence = list(version.evidence.select_related("recorded_by").order_by("pk"))
    deployments = list(Deployment.objects.filter(release_ref=release.public_id).order_by("pk"))
    bundle = _bundle(decision)
    subjects: list[tuple[str, object]] = [("release", release.pk), ("version", version.pk)]
    subjects += [("decision", decision.pk)] if decision else []
    subjects += [("approval", row.pk) for row in approvals] + [("condition", row.pk) for row in conditions]
    subjects += [("evidence", row.pk) for row in evidence] + [("deployment", row.pk) for row in deployments]
    subjects += [("policy_version", row.pk) for row in bundle] + [("finding", row.pk) for row in findings]
    subjects += [("emergency", emergency.pk)] if emergency else []
    signed, of_signed = signatures.gather(release)
    subjects += of_signed
    document = {
        "schema": SCHEMA,
        "pack": {
            "id": pack.public_id,
            "as_of": moment(timezone.now()),
            "prepared_for": str(pack.created_by),
            "site": settings.SITE_NAME,
            "url": settings.PUBLIC_URL,
        },
        "seal": current_seal().as_document(),
        "release": _release(release),
        "version": _version(version),
        "decision": _decision(decision),
        "policies": [
            {
                "name": row.policy.name,
                "number": row.number,
                "sha256": row.digest,
                "enforcement": row.enforcement,
                "source": row.source,
            }
            for row in bundle
        ],
        "approvals": [_approval(row, decision) for row in approvals],
        "signatures": signed,
        "conditions": [_condition(row) for row in conditions],
        "findings": [_finding(row) for row in findings],
        "emergency": _emergency(emergency),
        "evidence": [_evidence(row) for row in evidence],
        "metrics": [_metric(row) for row in current_metrics([version.pk])[version.pk]],
        "bias": [_bias(row) for row in current_bias([version.pk])[version.pk]],
        "deployments": [{"from": moment(row.during.lower), "until": moment(row.during.upper)} for row in deployments],
        "duties": _duties(release, approvals),
    }
    return document, subjects


def _bundle(decision: Decision | None) -> list[Any]:
    if decision is None:
        return []
    rows = decision.bundle.select_related("policy_version__policy").order_by("position")
    return [row.policy_version for row in rows]


def _release(release: Release) -> dict[str, Any]:
    endpoint = release.endpoint
    return {
        "id": release.public_id,
        "state": release.state,
        "state_label": str(release.get_state_display()),
        "requested_by": str(release.requested_by),
        "requested_at": moment(release.requested_at),
        "due_at": moment(release.due_at),
        "live_at": moment(release.live_at),
        "ended_at": moment(release.ended_at),
        "valid_until": moment(release.valid_until),
        "fallback": str(release.get_fallback_display()),
        "fallback_version": str(release.fallback_version) if release.fallback_version else None,
        "fallback_text": release.fallback_text,
        "stop_reason": release.stop_reason,
        "stopped_at": moment(release.stopped_at),
        "words": release.words,
        "endpoint": {
            "name": endpoint.name,
            "environment": endpoint.environment,
            "regions": list(endpoint.regions),
            "exposure": endpoint.exposure,
            "data_classes": list(endpoint.data_classes),
        },
    }


def _version(version: ModelVersion) -> dict[str, Any]:
    run, model = version.training_run, version.model
    return {
        "model": model.name,
        "title": model.title,
        "risk_tier": model.risk_tier,
        "risk_label": str(model.get_risk_tier_display()),
        "team": model.team.name,
        "owner": str(model.owner),
        "version": version.version,
        "sha256": version.digest,
        "registered_by": str(version.created_by),
        "registered_at": moment(version.created_at),
        "artifacts": [
            {"name": row.name, "sha256": row.sha256, "size": row.size, "format": row.format}
            for row in version.artifacts.order_by("name")
        ],
        "datasets": [
            {
                "role": row.role,
                "name": row.snapshot.dataset.name,
                "label": row.snapshot.label,
                "sha256": row.snapshot.sha256,
                "rows": row.snapshot.rows,
                "residency": row.snapshot.residency,
                "licence": row.snapshot.licence,
            }
            for row in version.datasets.select_related("snapshot__dataset").order_by("role", "pk")
        ],
        "training": run
        and {
            "job_id": run.job_id,
            "code_revision": run.code_revision,
            "trained_by": str(run.trained_by),
            "region": run.region,
        },
    }


def _decision(decision: Decision | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {
        "id": decision.public_id,
        "verdict": decision.verdict,
        "verdict_label": str(decision.get_verdict_display()),
        "made_at": moment(decision.made_at),
        "sha256": decision.digest,
        "facts_sha256": decision.facts_digest,
        "inputs_sha256": decision.inputs_digest,
        # As text, because a digest is over these very bytes.
        "facts_text": decision.facts_text,
        "result_text": decision.result_text,
    }


def _approval(row: Approval, decision: Decision | None) -> dict[str, Any]:
    same = decision is not None and row.decision.inputs_digest == decision.inputs_digest
    return {
        "pk": row.pk,
        "role": row.role,
        "role_label": str(row.get_role_display()),
        "person": str(row.person),
        "choice": row.choice,
        "choice_label": str(row.get_choice_display()),
        "reason": row.reason,
        "decided_at": moment(row.decided_at),
        "decision": row.decision.public_id,
        "decision_sha256": row.decision_digest,
        "same_facts_as_now": same,
        "signed": hasattr(row, "signature"),
    }


def _condition(row: Condition) -> dict[str, Any]:
    return {
        "text": row.text,
        "owner": str(row.owner),
        "due_on": row.due_on.isoformat(),
        "state": row.state,
        "set_by": str(row.approval.get_role_display()) if row.approval else str(row.setter),
        "proof_wanted": row.proof_wanted,
        "on_overdue": str(row.get_on_overdue_display()),
        "overdue_at": moment(row.overdue_at),
        "closed_at": moment(row.closed_at),
        "proof": row.proof,
    }


def _finding(row: Finding) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "severity": str(row.severity),
        "text": row.text,
        "cause": row.cause,
        "raised_by": str(row.raised_by),
        "raised_at": moment(row.raised_at),
        "owner": str(row.owner),
        "due_on": row.due_on.isoformat(),
        "overdue_at": moment(row.overdue_at),
        "state": row.state,
        "closed_at": moment(row.closed_at),
        "proof": row.proof,
    }


def _emergency(row: Emergency | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "declared_by": str(row.declared_by),
        "role": str(row.get_role_display()),
        "reason": row.reason,
        "declared_at": moment(row.declared_at),
        "decision_sha256": row.decision_digest,
        "review_due_at": moment(row.review_due_at),
        "state": row.state,
        "reviewed_by": str(row.reviewed_by) if row.reviewed_by else None,
        "reviewed_at": moment(row.reviewed_at),
        "outcome": str(row.get_outcome_display()) if row.outcome else None,
        "review": row.review,
    }


def _evidence(row: Evidence) -> dict[str, Any]:
    return {
        "pk": row.pk,
        "id": row.public_id,
        "kind": row.kind,
        "title": row.title,
        "tool": row.tool,
        "sha256": row.sha256,
        "recorded_by": str(row.recorded_by),
        "measured_at": moment(row.measured_at),
    }


def _metric(row: Metric) -> dict[str, Any]:
    names = ("name", "split", "segment", "value", "lower", "upper", "n")
    return {name: getattr(row, name) for name in names} | {"evidence": row.evidence.public_id}


def _bias(row: BiasMeasure) -> dict[str, Any]:
    names = ("attribute", "group", "reference", "favourable", *BiasMeasure.NUMBERS)
    return {name: getattr(row, name) for name in names} | {"evidence": row.evidence.public_id}


def _duties(release: Release, approvals: list[Approval]) -> list[dict[str, Any]]:
    """What separation of duties asks, each held against the rows as they are: not claimed, computed."""
    version = release.version
    trainer: User | None = version.training_run.trained_by if version.training_run else None
    people = {row.person_id for row in approvals if row.counts}
    decisive = [row for row in approvals if row.counts]
    seats: dict[int, set[str]] = {}
    for row in decisive:
        seats.setdefault(row.person_id, set()).add(row.role)
    return [
        {
            "text": f"The requester ({release.requested_by}) did not approve.",
            "met": release.requested_by_id not in people,
        },
        {
            "text": f"Who trained the version ({trainer}) did not approve." if trainer else "No trainer is on record.",
            "met": trainer is None or trainer.pk not in people,
        },
        {
            "text": f"Who registered the version ({version.created_by}) did not approve.",
            "met": version.created_by_id not in people,
        },
        {
            "text": "Nobody approved in two roles.",
            "met": all(len(roles) == 1 for roles in seats.values()),
        },
    ]
