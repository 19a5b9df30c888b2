"""Reads of audits, shared by pages, API and command. Lists begin with what the actor may see."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import Min, QuerySet

from audits.models import EvidencePack, TestRun
from catalog.choices import EvidenceKind
from catalog.models import BiasMeasure, Evidence, ModelVersion
from catalog.selectors import evidence_numbered, missing
from catalog.services.blobs import open_blob
from governance.models import Release
from portal.accounts.models import User
from portal.jobs.choices import OPEN


def test_runs_for(actor: User) -> QuerySet[TestRun]:
    """Test runs that the actor may see."""
    rows: QuerySet[TestRun] = TestRun.objects.visible_to(actor)
    return rows.select_related("version__model__team", "job", "evidence", "created_by", "blob")


def test_run_numbered(actor: User, pk: int) -> TestRun:
    row = test_runs_for(actor).filter(pk=pk).first()
    if row is None:
        raise missing("test run", f"T-{pk}")
    return row


def open_runs_of(version: ModelVersion) -> QuerySet[TestRun]:
    """Runs of a version that have no evidence: still computing, or failed."""
    return version.test_runs.filter(evidence=None).select_related("job", "created_by").order_by("-pk")


def packs_for(actor: User) -> QuerySet[EvidencePack]:
    """Evidence packs that the actor may see."""
    rows: QuerySet[EvidencePack] = EvidencePack.objects.visible_to(actor)
    return rows.select_related(
        "release__version__model__team", "release__endpoint", "job", "blob", "document", "created_by"
    )


def pack_numbered(actor: User, pk: int) -> EvidencePack:
    row = packs_for(actor).filter(pk=pk).first()
    if row is None:
        raise missing("evidence pack", f"P-{pk}")
    return row


def packs_of(release: Release) -> QuerySet[EvidencePack]:
    return release.evidence_packs.select_related("job", "created_by", "blob").order_by("-pk")


def bias_reports_for(actor: User) -> QuerySet[Evidence]:
    """Bias reports that the actor may see, each with its lowest ratio over groups large enough to judge."""
    rows: QuerySet[Evidence] = Evidence.objects.visible_to(actor).filter(kind=EvidenceKind.BIAS)
    return rows.select_related("version__model__team", "recorded_by").annotate(lowest_ratio=Min("bias_measures__ratio"))


@dataclass(frozen=True)
class BiasReport:
    """One bias report: its evidence, a row per group, and the attached document ({} when it has none)."""

    evidence: Evidence
    measures: list[BiasMeasure]
    document: dict[str, Any]

    @property
    def min_group(self) -> int:
        return int(self.document.get("report", {}).get("min_group", 1))

    @property
    def judged(self) -> list[BiasMeasure]:
        """Groups that count: large enough, with a ratio, and not the reference itself."""
        return [
            row
            for row in self.measures
            if row.n >= self.min_group and row.ratio is not None and row.group != row.reference
        ]

    @property
    def lowest(self) -> BiasMeasure | None:
        return min(self.judged, key=lambda row: row.ratio or 0.0, default=None)

    @property
    def per_hundred(self) -> int:
        """The lowest ratio as favourable predictions for every 100 in the reference group."""
        return round(100 * (self.lowest.ratio or 0.0)) if self.lowest else 0

    @property
    def worst_intersections(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.document.get("worst_intersections", [])
        return found


def bias_report(actor: User, number: int) -> BiasReport:
    """The bias report EV-`number`. Raises NotFound, also for evidence of another kind."""
    evidence = evidence_numbered(actor, number)
    if evidence.kind != EvidenceKind.BIAS:
        raise missing("bias report", f"EV-{number}")
    return BiasReport(evidence, list(evidence.bias_measures.order_by("pk")), document_of(evidence))


def document_of(evidence: Evidence) -> dict[str, Any]:
    """The JSON kept with a piece of evidence; {} when there is none."""
    if evidence.blob is None:
        return {}
    with open_blob(evidence.blob) as stream:
        found: dict[str, Any] = json.load(stream)
    return found


def is_open(pack: EvidencePack) -> bool:
    return pack.job.state in OPEN


def release_numbered(actor: User, pk: int) -> Release:
    row = (
        Release.objects.visible_to(actor)
        .select_related("version__model__team", "endpoint", "requested_by", "decision")
        .filter(pk=pk)
        .first()
    )
    if row is None:
        raise missing("release", f"R-{pk}")
    return row
