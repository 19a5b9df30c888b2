"""Jobs and beats of governance."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from governance.services import reassessment
from portal.jobs.models import Job
from portal.jobs.registry import Report, handler


@handler(reassessment.KIND)
def reassess_job(job: Job, report: Report) -> dict[str, Any]:
    """Let the gates run again on one release."""
    report(10, "Running the gates")
    release = reassessment.reassess(int(job.payload["release"]))
    return {"release": release.public_id, "state": release.state}


@shared_task(name="governance.tasks.sweep_due")
def sweep_due() -> None:
    reassessment.sweep()
