"""Jobs of audits."""

from __future__ import annotations

from typing import Any

from audits.services import bias, packs
from portal.jobs.models import Job
from portal.jobs.registry import Report, handler


@handler("audits:bias")
def bias_job(job: Job, report: Report) -> dict[str, Any]:
    """Count the predictions, measure, record the evidence."""
    return bias.run_bias(job, report)


@handler("audits:pack")
def pack_job(job: Job, report: Report) -> dict[str, Any]:
    """Gather, render, seal and keep an evidence pack."""
    return packs.run_pack(job, report)
