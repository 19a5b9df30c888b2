"""Request, assess and withdraw releases. A release has one writer of its state: `move`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.models import Endpoint, ModelVersion
from catalog.services.endpoints import lock_endpoint
from governance import seats
from governance.choices import ASSESSED_STATES, BLOCKING, OPEN_STATES, TRANSITIONS, DecisionChoice, ReleaseState
from governance.models import Release
from governance.services.decisions import Asked, FactsMoved, ask_ahead, make_decision, needs_servers
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import Conflict
from portal.jobs.choices import OPEN
from portal.jobs.models import Job
from portal.ledger.services import record

T = TypeVar("T")
# How often servers are asked anew, because the facts moved before the rows were locked.
TRIES = 3
# Seconds after which that is over.
AGAIN_WITHIN = 1.0


def fact_job(version: ModelVersion) -> Job | None:
    """A job that still computes a fact about this version, or None."""
    return Job.objects.filter(subject_type="version", subject_id=str(version.pk), state__in=OPEN).order_by("pk").first()


def lock_release(pk: int) -> Release:
    """The release's row, locked until the transaction ends. Take the endpoint's lock first."""
    rows = Release.objects.select_for_update(of=("self",)).select_related(
        "endpoint__team", "version__model__team", "version__training_run", "decision", "requested_by"
    )
    return rows.get(pk=pk)


def move(release: Release, state: ReleaseState, *, actor: User | None, now: datetime, event: str, **extra: Any) -> None:
    """Change the state and record it: the last act of a transaction that holds the release's lock."""
    if state != release.state and state not in TRANSITIONS[release.state]:
        raise Conflict(
            f"{release} is {release.get_state_display().lower()}; it cannot become {state.label.lower()}.",
            code="wrong-state",
            how="Open the release again: somebody acted first.",
        )
    personal = extra.pop("personal", None)
    release.state = state
    if state == ReleaseState.LIVE and release.live_at is None:
        release.live_at = now
    if state not in ASSESSED_STATES and release.ended_at is None:
        release.ended_at = now
    release.save(update_fields=["state", "decision", "live_at", "ended_at"])
    body = {"state": str(state), "decision": release.decision.digest if release.decision else None, **extra}
    record(actor=actor, event=event, subject=release, body=body, personal=personal, now=now)


def request_release(
    version: ModelVersion,
    endpoint: Endpoint,
    *,
    actor: User,
    words: str = "",
    due_at: datetime | None = None,
    is_demo: bool = False,
) -> Release:
    """Ask that the version answers at the endpoint. Gates run at once, unless a fact is still being computed.

    Where a server must be asked, that happens after the request is stored, so that nothing is locked meanwhile.
    Raises Conflict when the version is live there or asked for already.
    """
    release = _request(version, endpoint, actor=actor, words=words, due_at=due_at, is_demo=is_demo)
    return assess_release(release, actor=actor) if _waits_for_servers(release) else release


@transaction.atomic
def _request(
    version: ModelVersion, endpoint: Endpoint, *, actor: User, words: str, due_at: datetime | None, is_demo: bool
) -> Release:
    require(actor, Permission.GOVERNANCE_RELEASE_REQUEST, version.model.team_id)
    require(actor, Permission.GOVERNANCE_RELEASE_REQUEST, endpoint.team_id)
    endpoint = lock_endpoint(endpoint.pk)
    if endpoint.deployments.filter(version=version, during__upper_inf=True).exists():
        raise Conflict(
            f"{version} answers at {endpoint} already.", code="already-live", how="There is nothing to release."
        )
    release = Release(
        version=version, endpoint=endpoint, requested_by=actor, words=words.strip(), due_at=due_at, is_demo=is_demo
    )
    try:
        with transaction.atomic():
            release.save()
    except IntegrityError as error:
        raise Conflict(
            f"{version} at {endpoint} is asked for already.",
            code="already-open",
            how="Follow the open release, or withdraw it first.",
        ) from error
    record(
        actor=actor,
        event="governance:release:requested",
        subject=release,
        body={"version": version.pk, "endpoint": endpoint.name},
        personal={"words": release.words} if release.words else None,
    )
    release = lock_release(release.pk)
    return release if needs_servers() else _assess(release, actor=actor, asked=Asked())


def _waits_for_servers(release: Release) -> bool:
    return release.state == ReleaseState.CHECKING and _is_ready(release)


def assess_release(release: Release, *, actor: User | None = None) -> Release:
    """Let the gates run again, as facts or policies may have changed. A release that is over stays as it is."""

    @transaction.atomic
    def assess(asked: Asked) -> Release:
        lock_endpoint(release.endpoint_id)
        return assess_locked(release.pk, actor=actor, asked=asked)

    return servers_first(release, assess)


def servers_first(release: Release, act: Callable[[Asked], T]) -> T:
    """Do an act that locks the release and runs its gates; it must be a transaction of its own.

    The servers that its policies need are asked before; they are asked again where the facts moved meanwhile.
    """
    began = time.monotonic()
    for left in reversed(range(TRIES)):
        now = Release.objects.select_related("version__model__team", "version__training_run", "endpoint__team")
        row = now.get(pk=release.pk)
        asked = Asked()
        if _is_ready(row):
            asked = ask_ahead(row.version, row.endpoint, release=row, last=not left or _is_late(began))
        try:
            return act(asked)
        except FactsMoved:
            continue
    raise AssertionError("the last try takes the facts as they are")


def _is_late(began: float) -> bool:
    return time.monotonic() - began > AGAIN_WITHIN


def assess_locked(pk: int, *, actor: User | None = None, asked: Asked) -> Release:
    """The same for a caller who holds the endpoint's lock; the release's row stays locked."""
    return _assess(lock_release(pk), actor=actor, asked=asked)


def _is_ready(release: Release) -> bool:
    """Whether gates run on the release as it stands."""
    if release.state not in ASSESSED_STATES:
        return False
    return release.state != ReleaseState.CHECKING or fact_job(release.version) is None


def _assess(release: Release, *, actor: User | None, asked: Asked) -> Release:
    if not _is_ready(release):
        return release
    now = timezone.now()
    decision = make_decision(release.version, release.endpoint, actor=actor, now=now, release=release, asked=asked)
    if release.decision is not None and seats.same_question(release.decision, decision):
        decision = release.decision
    if release.state == ReleaseState.LIVE:
        state = ReleaseState.LIVE
    elif decision.verdict in BLOCKING:
        state = ReleaseState.BLOCKED
    elif release.approvals.filter(decision=decision, choice=DecisionChoice.CHANGES).exists():
        state = ReleaseState.CHANGES_ASKED
    else:
        state = ReleaseState.IN_REVIEW
    if release.decision_id == decision.pk and release.state == state:
        return release
    release.decision = decision
    event = "governance:release:blocked" if state == ReleaseState.BLOCKED else "governance:release:assessed"
    move(release, state, actor=actor, now=now, event=event, verdict=decision.verdict)
    return release


@transaction.atomic
def withdraw_release(release: Release, *, actor: User, reason: str = "") -> Release:
    """Take an open release back. Who asked may, and who may ask for this model."""
    release = lock_release(release.pk)
    require(actor, Permission.GOVERNANCE_RELEASE_WITHDRAW, release.version.model.team_id)
    if release.state not in OPEN_STATES:
        raise Conflict(
            f"{release} is {release.get_state_display().lower()} and cannot be withdrawn.",
            code="not-open",
            how="A live version is replaced by another release.",
        )
    personal = {"reason": reason.strip()} if reason.strip() else None
    now = timezone.now()
    move(
        release,
        ReleaseState.WITHDRAWN,
        actor=actor,
        now=now,
        event="governance:release:withdrawn",
        personal=personal,
    )
    return release
