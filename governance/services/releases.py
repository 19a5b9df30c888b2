"""Request, assess and withdraw releases. A release has one writer of its state: `move`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.models import Endpoint, ModelVersion
from catalog.services.endpoints import lock_endpoint
from governance import seats
from governance.choices import ASSESSED_STATES, BLOCKING, OPEN_STATES, TRANSITIONS, DecisionChoice, ReleaseState
from governance.models import Release
from governance.services.decisions import make_decision
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import Conflict
from portal.jobs.choices import OPEN
from portal.jobs.models import Job
from portal.ledger.services import record


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


@transaction.atomic
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

    Raises Conflict when the version is live there or asked for already.
    """
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
    return _assess(lock_release(release.pk), actor=actor)


@transaction.atomic
def assess_release(release: Release, *, actor: User | None = None) -> Release:
    """Let the gates run again, as facts or policies may have changed. A release that is over stays as it is."""
    lock_endpoint(release.endpoint_id)
    return assess_locked(release.pk, actor=actor)


def assess_locked(pk: int, *, actor: User | None = None) -> Release:
    """The same for a caller who holds the endpoint's lock; the release's row stays locked."""
    return _assess(lock_release(pk), actor=actor)


def _assess(release: Release, *, actor: User | None) -> Release:
    if release.state not in ASSESSED_STATES:
        return release
    if release.state == ReleaseState.CHECKING and fact_job(release.version) is not None:
        return release
    now = timezone.now()
    decision = make_decision(release.version, release.endpoint, actor=actor, now=now, release=release)
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
