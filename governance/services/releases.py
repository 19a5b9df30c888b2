"""Draft, request, assess and withdraw releases. A release has one writer of its state: `lifecycle.move`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.models import Endpoint, ModelVersion
from catalog.services.endpoints import lock_endpoint
from governance import seats
from governance.choices import (
    ASKED_STATES,
    ASSESSED_STATES,
    BLOCKING,
    OPEN_STATES,
    WITHDRAWABLE,
    DecisionChoice,
    ReleaseState,
    SecondRelease,
)
from governance.models import Decision, Release
from governance.services.decisions import Asked, FactsMoved, ask_ahead, make_decision, needs_servers
from governance.services.fallbacks import Fallback, name_fallback
from governance.services.lifecycle import go_on, has_quorum, lock_release, move, rules_of
from governance.services.materiality import note_class
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import Conflict, PermissionRefused
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


def request_release(
    version: ModelVersion,
    endpoint: Endpoint,
    *,
    actor: User,
    words: str = "",
    due_at: datetime | None = None,
    valid_until: datetime | None = None,
    fallback: Fallback | None = None,
    draft: bool = False,
    is_demo: bool = False,
) -> Release:
    """Ask that the version answers at the endpoint. Gates run at once, unless a fact is still being computed.

    Where a server must be asked, that happens after the request is stored, so that nothing is locked meanwhile.
    draft: only written down; `submit_release` asks for it. fallback: where it goes back to; by default the version
    that answers there now, or else the endpoint is suspended.
    Raises Conflict when the version is live there or asked for already, or where the endpoint takes one at a time.
    """
    release = Release(
        version=version,
        endpoint=endpoint,
        requested_by=actor,
        words=words.strip(),
        due_at=due_at,
        valid_until=valid_until,
        is_demo=is_demo,
        state=ReleaseState.DRAFT if draft else ReleaseState.CHECKING,
    )
    release = _request(release, fallback, actor=actor)
    return assess_release(release, actor=actor) if _waits_for_servers(release) else release


@transaction.atomic
def _request(release: Release, fallback: Fallback | None, *, actor: User) -> Release:
    version, endpoint = release.version, release.endpoint
    require(actor, Permission.GOVERNANCE_RELEASE_REQUEST, version.model.team_id)
    require(actor, Permission.GOVERNANCE_RELEASE_REQUEST, endpoint.team_id)
    endpoint = lock_endpoint(endpoint.pk)
    if endpoint.deployments.filter(version=version, during__upper_inf=True).exists():
        raise Conflict(
            f"{version} answers at {endpoint} already.", code="already-live", how="There is nothing to release."
        )
    release.endpoint = endpoint
    name_fallback(release, fallback)
    if release.state == ReleaseState.DRAFT:
        release.save()
        _record(release, "governance:release:drafted", actor=actor)
        return release
    _check_first(release)
    try:
        with transaction.atomic():
            release.save()
    except IntegrityError as error:
        raise _asked_already(release) from error
    _record(release, "governance:release:requested", actor=actor)
    return _asked_now(release, actor=actor)


def submit_release(release: Release, *, actor: User) -> Release:
    """Ask for what was a draft: the gates run. Only who drafted it may. Refusals as `request_release`."""
    release = _submit(release, actor=actor)
    return assess_release(release, actor=actor) if _waits_for_servers(release) else release


@transaction.atomic
def _submit(release: Release, *, actor: User) -> Release:
    lock_endpoint(release.endpoint_id)
    release = lock_release(release.pk)
    require(actor, Permission.GOVERNANCE_RELEASE_REQUEST, release.version.model.team_id)
    if release.requested_by_id != actor.pk:
        raise PermissionRefused(
            "Only who drafted a release asks for it.", code="not-your-draft", how="Ask them, or draft your own."
        )
    if release.state != ReleaseState.DRAFT:
        raise Conflict(f"{release} is no draft.", code="wrong-state", how="Open the release again.")
    _check_first(release)
    asked = Release.objects.filter(version=release.version_id, endpoint=release.endpoint_id, state__in=ASKED_STATES)
    if asked.exists():
        raise _asked_already(release)
    move(release, ReleaseState.CHECKING, actor=actor, event="governance:release:requested")
    return _asked_now(release, actor=actor)


def _asked_already(release: Release) -> Conflict:
    return Conflict(
        f"{release.version} at {release.endpoint} is asked for already.",
        code="already-open",
        how="Follow the open release, or withdraw it first.",
    )


def _check_first(release: Release) -> None:
    """Refuse a second release where the endpoint takes one at a time."""
    if rules_of(release.endpoint_id).second_release != SecondRelease.REFUSE:
        return
    others = Release.objects.filter(endpoint=release.endpoint_id, state__in=ASKED_STATES).exclude(pk=release.pk)
    if (first := others.order_by("pk").first()) is not None:
        raise Conflict(
            f"{first} to {release.endpoint} is open, and this endpoint takes one release at a time.",
            code="endpoint-busy",
            how="Wait until it is over, or withdraw it.",
        )


def _record(release: Release, event: str, *, actor: User) -> None:
    record(
        actor=actor,
        event=event,
        subject=release,
        body={"version": release.version_id, "endpoint": release.endpoint.name, "fallback": str(release.fallback)},
        personal={"words": release.words} if release.words else None,
    )


def _asked_now(release: Release, *, actor: User) -> Release:
    """Let the gates run in this transaction, unless a server must be asked: that is done after it."""
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
    if release.state not in (*OPEN_STATES, ReleaseState.APPROVED):
        # What answers, or is stopped, stays so until somebody acts.
        state = ReleaseState(release.state)
    elif decision.verdict in BLOCKING:
        state = ReleaseState.BLOCKED
    elif release.approvals.filter(decision=decision, choice=DecisionChoice.CHANGES).exists():
        state = ReleaseState.CHANGES_ASKED
    elif release.state == ReleaseState.APPROVED and _stays_approved(release, decision):
        state = ReleaseState.APPROVED
    else:
        state = ReleaseState.IN_REVIEW
    if release.decision_id == decision.pk and release.state == state:
        go_on(release, actor=actor, now=now)
        return release
    release.decision = decision
    note_class(release, now=now)
    event = "governance:release:blocked" if state == ReleaseState.BLOCKED else "governance:release:assessed"
    move(release, state, actor=actor, now=now, event=event, verdict=decision.verdict)
    go_on(release, actor=actor, now=now)
    return release


def _stays_approved(release: Release, decision: Decision) -> bool:
    before, release.decision = release.decision, decision
    full = has_quorum(release)
    release.decision = before
    return full


@transaction.atomic
def withdraw_release(release: Release, *, actor: User, reason: str = "") -> Release:
    """Take an open release back. Who asked may, and who may ask for this model."""
    release = lock_release(release.pk)
    require(actor, Permission.GOVERNANCE_RELEASE_WITHDRAW, release.version.model.team_id)
    if release.state not in WITHDRAWABLE:
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
