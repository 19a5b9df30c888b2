"""Reading jobs, as far as the reader may."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from portal.access import Permission, teams_with
from portal.accounts.models import User
from portal.jobs.models import Job


def visible_jobs(actor: User) -> QuerySet[Job]:
    """The actor's own jobs and those of the teams whose work the actor may read."""
    everywhere, teams = teams_with(actor, Permission.PORTAL_JOB_READ)
    return Job.objects.all() if everywhere else Job.objects.filter(Q(team__in=teams) | Q(created_by=actor))


def latest_for(subject_type: str, subject_id: object, kind: str) -> Job | None:
    return (
        Job.objects.filter(subject_type=subject_type, subject_id=str(subject_id), kind=kind)
        .order_by("-created_at")
        .first()
    )
