"""Whether anything on a release's page changed for this reader: one query, so that a page may ask every few seconds."""

from __future__ import annotations

import hashlib

from django.db.models import CharField, Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast

from catalog.models import Deployment
from governance.models import (
    Approval,
    Condition,
    Finding,
    MaterialityClass,
    Recusal,
    Release,
)
from portal.accounts.models import User
from portal.jobs.choices import OPEN
from portal.jobs.models import Job
from portal.ledger.models import LedgerEntry


def _newest(rows: QuerySet, column: str) -> Subquery:
    return Subquery(rows.order_by().values("release").annotate(newest=Max(column)).values("newest"))


def pulse(actor: User, pk: int) -> str:
    """An entity tag of the release as this person sees it; empty where they see none.

    It changes with the state, the decision, every approval, recusal, condition and finding, the rollout, what is live
    at the endpoint, the jobs about it, and the roles of the reader.
    """
    mine = {
        kind: kind.objects.filter(release=OuterRef("pk"))
        for kind in (Approval, Condition, Finding, MaterialityClass, Recusal)
    }
    entries = LedgerEntry.objects.filter(subject_type="release", subject_id=OuterRef("key"))
    live = Deployment.objects.filter(endpoint=OuterRef("endpoint"), during__upper_inf=True)
    jobs = Job.objects.filter(subject_type="release", subject_id=OuterRef("key")).order_by("-created_at")
    facts = Job.objects.filter(subject_type="version", subject_id=OuterRef("version_key"), state__in=OPEN)
    row = (
        Release.objects.visible_to(actor)
        .filter(pk=pk)
        .annotate(key=Cast("pk", CharField()), version_key=Cast("version_id", CharField()))
        .values_list(
            "state",
            "decision",
            _newest(mine[Approval], "pk"),
            *(_newest(mine[kind], column) for kind in (Condition, Finding) for column in ("pk", "closed_at")),
            *(_newest(mine[kind], "overdue_at") for kind in (Condition, Finding)),
            _newest(mine[MaterialityClass], "pk"),
            _newest(mine[Recusal], "pk"),
            "rollout__state",
            Subquery(entries.order_by("-id").values("id")[:1]),
            Subquery(live.values("pk")[:1]),
            Subquery(jobs.values("state")[:1]),
            Subquery(jobs.values("id")[:1]),
            Subquery(facts.order_by("pk").values("pk")[:1]),
        )
        .first()
    )
    if row is None:
        return ""
    seen = repr((actor.pk, sorted(actor.grants, key=str), row))
    return f'"{hashlib.sha256(seen.encode()).hexdigest()[:32]}"'
