"""Let the gates run again on the releases that a changed fact, policy or deployment may concern."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from catalog.models import Attestation, Evidence
from governance.choices import ASSESSED_STATES, ReleaseState, Verdict
from governance.models import Release
from governance.services import overdue
from governance.services.overdue import flag_overdue
from governance.services.releases import assess_release, fact_job
from portal.jobs.choices import State
from portal.jobs.models import Job
from portal.jobs.services import enqueue

KIND = "governance:reassess"
__all__ = [
    "KIND",
    "enqueue_reassessment",
    "flag_overdue",
    "reassess",
    "releases_reading",
    "releases_told",
    "releases_with_lapsed_facts",
    "sweep",
]
AGAIN_AFTER = timedelta(seconds=3)
# A fact this fresh may have lost its message with the process that recorded it.
LOOK_BACK = timedelta(minutes=10)
BATCH = 200
# Releases that wait because a server did not answer well: it is asked again.
UNANSWERED = Q(
    state__in=ASSESSED_STATES,
    decision__verdict=Verdict.UNKNOWN,
    decision__result_text__contains='"external":',
) & Q(decision__result_text__contains='"problem":')


def releases_reading(version_id: int) -> QuerySet[Release]:
    """Releases whose facts speak of this version: its own, and those held against it where it answered."""
    own = Q(version=version_id) | Q(endpoint__deployments__version=version_id)
    return Release.objects.filter(own, state__in=ASSESSED_STATES).distinct()


def releases_told(about: str, pk: int) -> QuerySet[Release]:
    """Releases whose facts hold what is attested about this model, version or endpoint."""
    path = {"model": "version__model", "version": "version", "endpoint": "endpoint"}[about]
    return Release.objects.filter(**{path: pk}, state__in=ASSESSED_STATES)


def releases_with_lapsed_facts(today: date) -> QuerySet[Release]:
    """Releases decided before today about which something attested held until yesterday: it is not known any more."""
    lapsed = Attestation.objects.filter(valid_until=today - timedelta(days=1))
    told = (
        Q(version__in=lapsed.exclude(version=None).values("version"))
        | Q(version__model__in=lapsed.exclude(model=None).values("model"))
        | Q(endpoint__in=lapsed.exclude(endpoint=None).values("endpoint"))
    )
    return Release.objects.filter(told, state__in=ASSESSED_STATES, decision__made_at__date__lt=today).distinct()


@transaction.atomic
def enqueue_reassessment(releases: QuerySet[Release]) -> list[Job]:
    """One job a release, unless one waits already."""
    ids = list(releases.order_by("pk").values_list("pk", flat=True))
    queued = Job.objects.filter(kind=KIND, state=State.QUEUED, subject_id__in=[str(pk) for pk in ids])
    waiting = set(queued.values_list("subject_id", flat=True))
    wanted = Release.objects.select_related("version__model__team").filter(pk__in=ids).order_by("pk")
    return [
        enqueue(KIND, payload={"release": row.pk}, actor=None, subject=row, team=row.version.model.team)
        for row in wanted
        if str(row.pk) not in waiting
    ]


def reassess(release_id: int) -> Release:
    """Assess the release now. One that still waits for a fact is looked at again in a moment."""
    release = assess_release(Release.objects.get(pk=release_id))
    if release.state == ReleaseState.CHECKING and fact_job(release.version) is not None:
        with transaction.atomic():
            for job in enqueue_reassessment(Release.objects.filter(pk=release.pk)):
                job.due_at = timezone.now() + AGAIN_AFTER
                job.save(update_fields=["due_at"])
    return release


def sweep() -> int:
    """Assess what waits for no job any more and what new facts may concern; act on what is overdue. How many."""
    fresh = Evidence.objects.filter(recorded_at__gt=timezone.now() - LOOK_BACK).values("version")
    # What is approved waits for another release of its endpoint, which may be over now.
    waiting = Q(state__in=[ReleaseState.CHECKING, ReleaseState.APPROVED])
    lapsed = releases_with_lapsed_facts(timezone.now().date()).values("pk")
    concerned = Q(state__in=ASSESSED_STATES, version__in=fresh) | Q(pk__in=lapsed) | UNANSWERED
    ids = list(Release.objects.filter(waiting | concerned).order_by("pk").values_list("pk", flat=True)[:BATCH])
    for pk in ids:
        assess_release(Release.objects.get(pk=pk))
    return len(ids) + overdue.sweep()
