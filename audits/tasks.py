"""Jobs and beats of audits."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from audits.services import bias, packs, staging
from portal.jobs.models import Job
from portal.jobs.registry import Report, handler


@handler("audits:bias", "Bias test")
def bias_job(job: Job, report: Report) -> dict[str, Any]:
    """Count the predictions, measure, record the evidence."""
    return bias.run_bias(job, report)


@handler("audits:pack", "Evidence pack")
def pack_job(job: Job, report: Report) -> dict[str, Any]:
    """Gather, render, seal and keep an evidence pack."""
    return packs.run_pack(job, report)


@shared_task(name="audits.tasks.sweep_staged")
def sweep_staged() -> None:
    """Forget uploads that nobody came back for, also when nobody uploads any more."""
    staging.forget_old()
