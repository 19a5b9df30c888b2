"""What was released, and what was live when, on whose word. A fixed number of queries, whatever the history holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import F, Prefetch, Q, QuerySet

from catalog.models import Deployment, Endpoint, RegisteredModel
from governance import selectors
from governance.choices import ReleaseState
from governance.models import Approval, Condition, Emergency, Release
from portal.accounts.models import User
from portal.ledger.models import LedgerEntry

_LOST_PLUS = re.compile(r"(\d\d:\d\d[:.\d]*) (\d\d:?\d\d)\Z", re.ASCII)


@dataclass(frozen=True)
class Span:
    """When a release's version answered: from, and until (None while it still does)."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Chapter:
    """One release in a history: what people decided on it, oldest first, and when it answered."""

    release: Release
    approvals: Sequence[Approval]
    spans: Sequence[Span]


@dataclass(frozen=True)
class AnswerAt:
    """What answered at an endpoint at a moment, and on whose word. approvals: those given until that moment."""

    endpoint: Endpoint
    moment: datetime
    deployment: Deployment | None = None
    release: Release | None = None
    approvals: Sequence[Approval] = ()
    conditions: Sequence[Condition] = ()
    emergency: Emergency | None = None
    entry: int | None = None
    hidden: bool = False

    @property
    def ended(self) -> datetime | None:
        return self.deployment.during.upper if self.deployment else None  # type: ignore[no-any-return]


def moment_of(text: str) -> datetime | None:
    """A moment as ISO 8601, in UTC where no zone is given; None for what is none, or beyond the calendar."""
    try:
        # A plus that was not escaped in an address arrives as a space.
        found = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text.strip()))
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def history(
    actor: User,
    *,
    model: RegisteredModel | None = None,
    endpoint: Endpoint | None = None,
    state: str = "",
    q: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Release]:
    """Releases of a model or to an endpoint that the actor sees, the newest request first. q: a name of the other."""
    rows = selectors.releases_for(actor)
    if model is not None:
        rows = rows.filter(version__model=model)
    if endpoint is not None:
        rows = rows.filter(endpoint=endpoint)
    if state in ReleaseState.values:
        rows = rows.filter(state=state)
    if q:
        rows = rows.filter(endpoint__name__icontains=q) if model else rows.filter(version__model__name__icontains=q)
    if since:
        rows = rows.filter(requested_at__gte=since)
    if until:
        rows = rows.filter(requested_at__lt=until)
    given = Approval.objects.select_related("person").order_by("pk")
    return rows.order_by("-pk").prefetch_related(Prefetch("approvals", queryset=given, to_attr="given"))


def chapters(rows: Sequence[Release]) -> list[Chapter]:
    """The releases with when each answered: one query for all."""
    refs = [row.public_id for row in rows]
    spans: dict[tuple[str, int], list[Span]] = {}
    for one in Deployment.objects.filter(release_ref__in=refs).order_by(F("during").asc()):
        spans.setdefault((one.release_ref, one.version_id), []).append(Span(one.during.lower, one.during.upper))
    return [
        Chapter(row, row.given, tuple(spans.get((row.public_id, row.version_id), ())))  # type: ignore[attr-defined]
        for row in rows
    ]


def answer_at(actor: User, endpoint: Endpoint, moment: datetime) -> AnswerAt:
    """What answered then and who approved it: at most six queries.

    After a roll-back the version stands on the release that once brought it there, so that release is the one named;
    the deployment says which release opened it. `hidden`: the actor sees the endpoint and not the release.
    """
    deployment = selectors.live_at(endpoint, moment)
    if deployment is None:
        return AnswerAt(endpoint, moment)
    entry = LedgerEntry.objects.filter(subject_type="deployment", subject_id=str(deployment.pk)).order_by("id")
    idx = entry.values_list("idx", flat=True).first()
    rows = selectors.releases_for(actor).filter(
        version=deployment.version_id, endpoint=endpoint, live_at__isnull=False, live_at__lte=moment
    )
    release = rows.order_by("-live_at", "-pk").first()
    if release is None:
        return AnswerAt(endpoint, moment, deployment, entry=idx, hidden=True)
    given = Approval.objects.filter(release=release, decided_at__lte=moment).select_related("person").order_by("pk")
    known = Q(approval=None) | Q(approval__decided_at__lte=moment)
    conditions = Condition.objects.filter(known, release=release).select_related("owner").order_by("pk")
    emergency = Emergency.objects.filter(release=release).select_related("declared_by").first()
    return AnswerAt(endpoint, moment, deployment, release, list(given), list(conditions), emergency, idx)


HEADER = (
    "release",
    "model",
    "version",
    "endpoint",
    "state",
    "requested_at",
    "requested_by",
    "live_at",
    "ended_at",
    "answered",
    "decisions",
    "decision_digest",
)


def row_of(chapter: Chapter) -> tuple[Any, ...]:
    """A chapter as a line of a file, in the order of HEADER."""
    release = chapter.release
    return (
        release.public_id,
        release.version.model.name,
        release.version.version,
        release.endpoint.name,
        str(release.state),
        _at(release.requested_at),
        str(release.requested_by),
        _at(release.live_at),
        _at(release.ended_at),
        [f"{_at(span.since)} to {_at(span.until) or 'now'}" for span in chapter.spans],
        [f"{row.role}: {row.choice} by {row.person} at {_at(row.decided_at)}" for row in chapter.approvals],
        release.decision.digest if release.decision else "",
    )


def _at(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else ""
