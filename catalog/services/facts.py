"""Record facts: what was measured about a version, by whom, from which evidence. Nothing is judged here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.choices import EvidenceKind
from catalog.models import BiasMeasure, Blob, Evidence, Metric, ModelVersion
from catalog.services.rows import insert, validated
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import InvalidInput
from portal.ledger.canonical import MAX_SAFE_INTEGER, canonical_bytes, sha256_hex
from portal.ledger.services import record

MAX_METRICS = 500


@transaction.atomic
def record_metrics(
    version: ModelVersion,
    *,
    actor: User,
    metrics: Sequence[dict[str, Any]],
    title: str = "Evaluation",
    tool: str = "",
    blob: Blob | None = None,
    measured_at: datetime | None = None,
) -> Evidence:
    """Record measured numbers: each {name, value, split?, segment?, lower?, upper?, n?}. The newest counts."""
    require(actor, Permission.CATALOG_FACT_RECORD, version.model.team_id)
    if not 1 <= len(metrics) <= MAX_METRICS:
        raise InvalidInput(
            f"Send between 1 and {MAX_METRICS} metrics.", code="metrics-count", field="metrics", how="Split the list."
        )
    for index, item in enumerate(metrics):
        _check_item(index, item)
    evidence = _evidence(
        version,
        actor=actor,
        kind=EvidenceKind.METRICS,
        title=title,
        tool=tool,
        blob=blob,
        at=measured_at,
        content=metrics,
    )
    _add_metrics(evidence, metrics)
    _record(evidence, actor=actor)
    return evidence


def _add_metrics(evidence: Evidence, metrics: Sequence[dict[str, Any]]) -> None:
    rows = [_metric(evidence, index, item) for index, item in enumerate(metrics)]
    seen: dict[tuple[str, str, str], int] = {}
    for index, row in enumerate(rows):
        first = seen.setdefault((row.name, row.split, row.segment), index)
        if first != index:
            raise InvalidInput(
                f"metrics[{index}] repeats metrics[{first}]: {row.name} on {row.split}, {row.segment}.",
                code="metric-twice",
                field=f"metrics[{index}]",
                how="One number per name, split and segment.",
            )
    Metric.objects.bulk_create(rows)


def _check_item(index: int, item: dict[str, Any]) -> None:
    """Refuse a number that is none, a name that is missing, a field that is not known."""
    field = f"metrics[{index}]"
    unknown = set(item) - {"name", "value", "split", "segment", "lower", "upper", "n"}
    if unknown:
        raise InvalidInput(
            f"{field} has unknown fields: {', '.join(sorted(unknown))}.",
            code="unknown-field",
            field=field,
            how="Known: name, value, split, segment, lower, upper, n.",
        )
    for name in ("value", "lower", "upper"):
        number = item.get(name)
        if number is None and name != "value":
            continue
        if not _is_number(number):
            raise InvalidInput(
                f"{field}.{name} is not a finite number.",
                code="not-a-number",
                field=f"{field}.{name}",
                how="Leave out what is not known; NaN and infinity are not facts.",
            )
    if not isinstance(item.get("name"), str) or not item["name"].strip():
        raise InvalidInput(
            f"{field} has no name.", code="name-missing", field=f"{field}.name", how="Name it, such as accuracy."
        )
    lower, upper = item.get("lower"), item.get("upper")
    if lower is not None and upper is not None and not lower <= item["value"] <= upper:
        raise InvalidInput(
            f"{field}: the value does not lie within its interval.",
            code="interval-wrong",
            field=f"{field}.lower",
            how="lower ≤ value ≤ upper.",
        )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= MAX_SAFE_INTEGER if isinstance(value, int) else math.isfinite(value)


def _metric(evidence: Evidence, index: int, item: dict[str, Any]) -> Metric:
    field = f"metrics[{index}]"
    row = Metric(evidence=evidence, version=evidence.version, **item)
    try:
        validated(row, exclude=("evidence", "version"))
    except InvalidInput as error:
        error.field = f"{field}.{error.field}" if error.field else field
        raise
    return row


@transaction.atomic
def record_bias(
    version: ModelVersion,
    *,
    actor: User,
    measures: Sequence[dict[str, Any]],
    metrics: Sequence[dict[str, Any]] = (),
    title: str,
    tool: str,
    blob: Blob | None = None,
    measured_at: datetime | None = None,
) -> Evidence:
    """Record the result of a bias test: one row per group (see BiasMeasure), and its overall metrics."""
    # Its numbers are computed here, not claimed: who may run the test may record its result.
    require(actor, Permission.AUDITS_TEST_RUN_CREATE, version.model.team_id)
    for index, item in enumerate(metrics):
        _check_item(index, item)
    content = {"bias": list(measures), "metrics": list(metrics)}
    evidence = _evidence(
        version, actor=actor, kind=EvidenceKind.BIAS, title=title, tool=tool, blob=blob, at=measured_at, content=content
    )
    BiasMeasure.objects.bulk_create([BiasMeasure(evidence=evidence, version=version, **row) for row in measures])
    _add_metrics(evidence, metrics)
    _record(evidence, actor=actor)
    return evidence


def _evidence(
    version: ModelVersion,
    *,
    actor: User,
    kind: str,
    title: str,
    tool: str,
    blob: Blob | None,
    at: datetime | None,
    content: Any,
) -> Evidence:
    try:
        digest = blob.sha256 if blob else sha256_hex(canonical_bytes({"kind": str(kind), "content": content}))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The evidence is not plain JSON: {error}", code="not-canonical", field="metrics") from error
    now = timezone.now()
    if at is not None and at > now:
        raise InvalidInput(
            "measured_at lies in the future.", code="future", field="measured_at", how="Check the clock."
        )
    row = Evidence(
        version=version,
        kind=kind,
        title=title,
        tool=tool,
        sha256=digest,
        blob=blob,
        recorded_by=actor,
        measured_at=at or now,
    )
    insert(row, exclude=("blob",))
    return row


def _record(evidence: Evidence, *, actor: User) -> None:
    record(
        actor=actor,
        event="catalog:fact:recorded",
        subject=evidence,
        body={
            "version": evidence.version_id,
            "evidence": evidence.public_id,
            "kind": evidence.kind,
            "sha256": evidence.sha256,
        },
    )
