"""Shapes of the API's answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from audits.models import EvidencePack, TestRun
from portal.jobs.models import Job

API = "/api/v1"


class TestRunSerializer(serializers.Serializer):
    """A test of a version; when its job is done, `evidence` is where the result lies."""

    __test__ = False

    id = serializers.CharField(read_only=True)
    version = serializers.CharField(read_only=True)
    kind = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    columns = serializers.JSONField(read_only=True)
    state = serializers.CharField(read_only=True)
    progress = serializers.IntegerField(read_only=True)
    step = serializers.CharField(read_only=True)
    error = serializers.CharField(read_only=True)
    url = serializers.CharField(read_only=True)
    job = serializers.CharField(read_only=True)
    evidence = serializers.CharField(read_only=True, allow_null=True)
    page = serializers.CharField(read_only=True)


class PredictionsSerializer(serializers.Serializer):
    """A predictions file with what its columns are for."""

    file = serializers.FileField()
    label = serializers.CharField(default="y_true")
    prediction = serializers.CharField(default="y_pred")
    protected = serializers.CharField(help_text="Comma list of columns, such as sex,race")
    favourable = serializers.ChoiceField(choices=["0", "1"], default="1")
    reference = serializers.CharField(required=False, help_text="Such as sex=Male,race=White")
    title = serializers.CharField(required=False)


class PackSerializer(serializers.Serializer):
    """An evidence pack; when its job is done, `report` is where the sealed PDF lies."""

    id = serializers.CharField(read_only=True)
    release = serializers.CharField(read_only=True)
    state = serializers.CharField(read_only=True)
    progress = serializers.IntegerField(read_only=True)
    step = serializers.CharField(read_only=True)
    error = serializers.CharField(read_only=True)
    url = serializers.CharField(read_only=True)
    job = serializers.CharField(read_only=True)
    report = serializers.CharField(read_only=True, allow_null=True)
    sha256 = serializers.CharField(read_only=True)
    unsigned_sha256 = serializers.CharField(read_only=True)
    as_of = serializers.DateTimeField(read_only=True, allow_null=True)
    checkpoint_size = serializers.IntegerField(read_only=True, allow_null=True)
    certificate_serial = serializers.CharField(read_only=True)


class PackListSerializer(serializers.Serializer):
    results = PackSerializer(many=True, read_only=True)
    next = serializers.IntegerField(read_only=True, allow_null=True)


def _job(job: Job) -> dict[str, Any]:
    return {
        "state": job.state,
        "progress": job.progress,
        "step": job.step,
        "error": job.error,
        "job": f"{API}/jobs/{job.pk}",
    }


def test_run_body(run: TestRun) -> dict[str, Any]:
    """The answer about a test run."""
    evidence = f"{API}/evidence/EV-{run.evidence_id}" if run.evidence_id else None
    return {
        "id": run.public_id,
        "version": str(run.version),
        "kind": run.kind,
        "title": run.title,
        "columns": run.columns,
        **_job(run.job),
        "url": f"{API}/test-runs/{run.public_id}",
        "evidence": evidence,
        "page": f"/bias/T-{run.pk}/",
    }


def pack_body(pack: EvidencePack) -> dict[str, Any]:
    """The answer about an evidence pack."""
    url = f"{API}/evidence-packs/{pack.public_id}"
    return {
        "id": pack.public_id,
        "release": f"R-{pack.release_id}",
        **_job(pack.job),
        "url": url,
        "report": f"{url}/report.pdf" if pack.blob_id else None,
        "sha256": pack.sha256,
        "unsigned_sha256": pack.unsigned_sha256,
        "as_of": pack.as_of,
        "checkpoint_size": pack.checkpoint_size,
        "certificate_serial": pack.certificate_serial,
    }
