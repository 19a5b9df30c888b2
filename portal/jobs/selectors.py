"""Reading jobs, as far as the reader may."""

from __future__ import annotations

import uuid

from django.db.models import Q, QuerySet

from portal.access import Permission, teams_with
from portal.accounts.models import User
from portal.errors import NotFound
from portal.jobs.models import Job


def visible_jobs(actor: User) -> QuerySet[Job]:
    """The actor's own jobs and those of the teams whose work the actor may read."""
    everywhere, teams = teams_with(actor, Permission.PORTAL_JOB_READ)
    return Job.objects.all() if everywhere else Job.objects.filter(Q(team__in=teams) | Q(created_by=actor))


def job_with_id(actor: User, job_id: uuid.UUID | str) -> Job:
    """The job of that id. Raises NotFound, also for one that the actor may not see."""
    job = visible_jobs(actor).select_related("team", "created_by").filter(pk=job_id).first()
    if job is None:
        raise NotFound("There is no such job for you.", code="no-job", how="Look at the page that started it.")
    return job


def latest_for(subject_type: str, subject_id: object, kind: str) -> Job | None:
    return (
        Job.objects.filter(subject_type=subject_type, subject_id=str(subject_id), kind=kind)
        .order_by("-created_at")
        .first()
    )
