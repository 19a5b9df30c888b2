"""What governance does when others record something: releases whose facts may have changed are assessed again."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q

from catalog.models import CardRevision, Deployment, Evidence
from governance.choices import ASSESSED_STATES, OPEN_STATES
from governance.models import Release
from governance.tasks import REASSESS
from portal.jobs.services import enqueue
from portal.ledger.events import subscribe
from portal.ledger.models import LedgerEntry


def _enqueue(releases: Iterable[int]) -> None:
    keys = sorted(set(releases))
    if keys:
        with transaction.atomic():
            enqueue(REASSESS, payload={"releases": keys}, actor=None)


def _of_version(version_id: int) -> list[int]:
    """Releases of the version, and open ones at endpoints where it is live: it is what they are compared with."""
    endpoints = Deployment.objects.filter(version=version_id, during__upper_inf=True).values("endpoint")
    wanted = Q(version=version_id, state__in=ASSESSED_STATES) | Q(endpoint__in=endpoints, state__in=OPEN_STATES)
    return list(Release.objects.filter(wanted).values_list("pk", flat=True))


@subscribe("catalog:fact:recorded")
def on_fact(entry: LedgerEntry) -> None:
    row = Evidence.objects.filter(pk=entry.subject_id).values_list("version_id", flat=True).first()
    _enqueue(_of_version(row) if row else [])


@subscribe("catalog:card:saved")
def on_card(entry: LedgerEntry) -> None:
    row = CardRevision.objects.filter(pk=entry.subject_id).values_list("version_id", flat=True).first()
    _enqueue(_of_version(row) if row else [])


@subscribe("catalog:artifact:uploaded")
def on_artifact(entry: LedgerEntry) -> None:
    _enqueue(_of_version(int(entry.subject_id)))


@subscribe("catalog:deployment:opened")
def on_deployment(entry: LedgerEntry) -> None:
    """Another version is live: open releases to that endpoint are compared with it from now on."""
    endpoint = Deployment.objects.filter(pk=entry.subject_id).values_list("endpoint_id", flat=True).first()
    _enqueue(Release.objects.filter(endpoint=endpoint, state__in=OPEN_STATES).values_list("pk", flat=True))


@subscribe("governance:policy:published")
def on_policy(entry: LedgerEntry) -> None:
    _enqueue(Release.objects.filter(state__in=ASSESSED_STATES).values_list("pk", flat=True))
