"""Jobs and beats of governance."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from governance.choices import ReleaseState
from governance.models import Release
from governance.services.releases import assess_release, fact_job
from portal.jobs.models import Job
from portal.jobs.registry import Report, handler

REASSESS = "governance:reassess"


@handler(REASSESS)
def reassess(job: Job, report: Report) -> dict[str, Any]:
    """Let the gates run again for the releases that the job names."""
    keys = job.payload["releases"]
    for place, key in enumerate(keys):
        report(100 * place // len(keys), f"R-{key}")
        release = Release.objects.filter(pk=key).first()
        if release is not None:
            assess_release(release)
    return {"releases": len(keys)}


@shared_task(name="governance.tasks.sweep_due")
def sweep_due() -> None:
    """Assess what waited for a fact that no job computes any more."""
    for release in Release.objects.filter(state=ReleaseState.CHECKING, requested_at__lt=timezone.now())[:100]:
        if fact_job(release.version) is None:
            assess_release(release)
