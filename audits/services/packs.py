"""Evidence packs: asked for by a person, made by a job, sealed, kept by content."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from pathlib import Path
from typing import Any

from django.db import transaction

from audits.models import EvidencePack
from audits.proof import check_ledger, check_signatures, check_witnesses, key_history
from audits.services import rendering, report_data
from audits.services.sealing import seal, verify_pdf
from catalog.models import Blob
from catalog.services import blobs
from governance.models import Release
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import Conflict
from portal.jobs.choices import OPEN
from portal.jobs.models import Job
from portal.jobs.registry import JobCancelled, JobFailed, Report
from portal.jobs.services import enqueue
from portal.ledger.services import record

KIND = "audits:pack"
LIMIT = 256 * 1024**2


@transaction.atomic
def request_pack(release: Release, *, actor: User) -> EvidencePack:
    """Ask for a pack of the release as it is. One that is still being made is given back instead of a second.

    Raises Conflict while the release has no decision yet.
    """
    require(actor, Permission.AUDITS_EVIDENCE_PACK_CREATE, release.version.model.team_id)
    release = Release.objects.select_for_update(of=("self",)).select_related("version__model__team").get(pk=release.pk)
    if release.decision_id is None:
        raise Conflict(
            f"{release} has no decision yet, so there is nothing to prove.",
            code="no-decision",
            how="Wait until its gates have run.",
        )
    open_pack = release.evidence_packs.filter(job__state__in=OPEN).select_related("job").order_by("-pk").first()
    if open_pack is not None:
        return open_pack
    job = enqueue(KIND, payload={"release": release.pk}, actor=actor, subject=release, team=release.version.model.team)
    pack = EvidencePack.objects.create(release=release, job=job, created_by=actor)
    record(actor=actor, event="audits:pack:requested", subject=pack, body={"release": release.public_id})
    return pack


def run_pack(job: Job, report: Report) -> dict[str, Any]:
    """Make the pack of this job. Idempotent: a pack that is there is left as it is."""
    pack = EvidencePack.objects.select_related("release", "created_by").get(job=job)
    if pack.blob_id is None:
        report(5, "Gathering facts, decisions and ledger proofs")
        document = report_data.build_document(pack)
        if problems := check_ledger(document["ledger"]):
            raise JobFailed(f"The ledger does not prove this release: {problems[0]}. Run ledger verify.")
        history = key_history(row["leaf"] for row in document["ledger"]["entries"])
        told, checkpoint = document["signatures"], document["ledger"]["checkpoint"]
        if problems := check_signatures(told, history) + check_witnesses(told, checkpoint):
            raise JobFailed(f"A signature does not hold: {problems[0]}.")
        report(30, "Rendering the report")
        unsigned = rendering.render_pdf(document)
        report(75, "Sealing the report")
        sealed = sealed_bytes(unsigned)
        report(90, "Keeping the report")
        pack = _keep(pack, job, document, unsigned, sealed)
    return {"pack": pack.pk, "sha256": pack.sha256}


def sealed_bytes(unsigned: bytes) -> bytes:
    """The sealed form of a rendered report, checked. Nothing is left on disk, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-pack-") as folder:
        source, target = Path(folder) / "report.pdf", Path(folder) / "sealed.pdf"
        source.write_bytes(unsigned)
        seal(source, target)
        return target.read_bytes()


@transaction.atomic
def _keep(pack: EvidencePack, job: Job, document: dict[str, Any], unsigned: bytes, sealed: bytes) -> EvidencePack:
    """Files, digests and ledger entry together, unless the job was cancelled or given to another meanwhile."""
    current = Job.objects.select_for_update().get(pk=job.pk)
    if current.is_final or current.attempts != job.attempts:
        raise JobCancelled
    pack = EvidencePack.objects.select_for_update().get(pk=pack.pk)
    pack.blob = _store(sealed)
    pack.document = _store(rendering.attached(document))
    pack.sha256 = pack.blob.sha256
    pack.unsigned_sha256 = hashlib.sha256(unsigned).hexdigest()
    pack.as_of = dt.datetime.fromisoformat(document["pack"]["as_of"])
    pack.checkpoint_size = document["ledger"]["checkpoint"]["size"]
    pack.certificate_serial = document["seal"]["serial"]
    pack.save()
    record(
        actor=pack.created_by,
        event="audits:pack:sealed",
        subject=pack,
        body={
            "release": f"R-{pack.release_id}",
            "sha256": pack.sha256,
            "unsigned_sha256": pack.unsigned_sha256,
            "evidence_sha256": pack.document.sha256,
            "checkpoint_size": pack.checkpoint_size,
        },
    )
    return pack


def _store(content: bytes) -> Blob:
    return blobs.store(iter([content]), limit=LIMIT, what="evidence pack")


__all__ = ["request_pack", "run_pack", "sealed_bytes", "verify_pdf"]
