"""Where a release goes back to, and going there: never to something that nobody approved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.models import Endpoint, ModelVersion
from catalog.selectors import live_deployment
from catalog.services.endpoints import close_deployment, lock_endpoint, open_deployment
from governance import seats
from governance.choices import (
    BLOCKING,
    UNDER_WAY,
    ConditionState,
    EmergencyOutcome,
    FallbackKind,
    ReleaseState,
    Severity,
    Verdict,
)
from governance.models import Emergency, Release
from governance.services.decisions import preview
from governance.services.lifecycle import answers, lock_release, move
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput

S = ReleaseState
BACKABLE = (*UNDER_WAY, S.LIVE, S.SUSPENDED)
# Facts that compare with what is live now: what one goes back to is not held against what failed.
COMPARING = ("baseline", "bias_changes", "odds_changes")


@dataclass(frozen=True)
class Fallback:
    """Where a release goes back to: an older version, no version at all, or a manual process in words."""

    kind: str
    version: ModelVersion | None = None
    text: str = ""


def name_fallback(release: Release, wanted: Fallback | None) -> None:
    """Write the fallback on an unsaved release: by default what answers there now, else suspension.

    Raises InvalidInput for an older version that nobody approved at this endpoint, or a process without words.
    """
    if wanted is None:
        live = live_deployment(release.endpoint)
        proven = live is not None and proven_release(release.endpoint, live.version) is not None
        wanted = Fallback(FallbackKind.VERSION, live.version) if live and proven else Fallback(FallbackKind.SUSPEND)
    if wanted.kind not in FallbackKind.values:
        how = f"One of: {', '.join(FallbackKind.values)}."
        raise InvalidInput(f"{wanted.kind!r} is no fallback.", code="fallback-unknown", field="fallback", how=how)
    if wanted.kind == FallbackKind.MANUAL and not wanted.text.strip():
        raise InvalidInput(
            "The manual process has no words.",
            code="fallback-text",
            field="fallback_text",
            how="Write who does what instead of the model.",
        )
    if wanted.kind == FallbackKind.VERSION and (why := why_not_verified(release.endpoint, wanted.version)):
        how = "Name a version that answered there on a full approval."
        raise InvalidInput(why, code="fallback-not-verified", field="fallback_version", how=how)
    release.fallback = wanted.kind
    release.fallback_version = wanted.version if wanted.kind == FallbackKind.VERSION else None
    release.fallback_text = wanted.text.strip() if wanted.kind == FallbackKind.MANUAL else ""


def proven_release(endpoint: Endpoint, version: ModelVersion) -> Release | None:
    """The newest release under which the version answered there and was not taken back."""
    states = (S.LIVE, S.SUPERSEDED)
    rows = Release.objects.filter(endpoint=endpoint, version=version, state__in=states, live_at__isnull=False)
    return rows.select_related("decision", "version", "endpoint").order_by("-pk").first()


def why_not_verified(endpoint: Endpoint, version: ModelVersion | None) -> str:
    """Why this version may not be gone back to, or an empty string.

    It must have answered there under a full quorum (or an emergency that was upheld), have no open critical
    finding, and fail no gate now but such as compare it with what is live.
    """
    if version is None:
        return "No version is named."
    release = proven_release(endpoint, version)
    if release is None:
        return f"{version} never answered at {endpoint} on an approval that still stands."
    decision = release.decision
    if decision is None or decision.verdict in BLOCKING:
        return f"A gate refused {version} when it last answered at {endpoint}."
    full = all(seat.is_filled for seat in seats.seats_of(release, seats.load(release)))
    upheld = Emergency.objects.filter(release=release, outcome=EmergencyOutcome.UPHELD)
    if not full and not upheld.exists():
        return f"The approvals of {version} at {endpoint} no longer count."
    if version.findings.filter(state=ConditionState.OPEN, severity=Severity.CRITICAL).exists():
        return f"{version} has an open critical finding."
    failing = [rule for rule in preview(version, endpoint).document()["rules"] if _fails_by_itself(rule)]
    return f"{version} fails a gate now: {failing[0]['title']}." if failing else ""


def _fails_by_itself(rule: Mapping[str, Any]) -> bool:
    compares = any(str(fact.get("path", "")).startswith(COMPARING) for fact in rule.get("facts", ()))
    return rule["verdict"] == Verdict.FAIL and rule["enforcement"] == "block" and not compares


@transaction.atomic
def roll_back(release: Release, *, actor: User | None, reason: str) -> Release:
    """Go to the named fallback. What is not verified any more is not gone to: the endpoint is suspended instead.

    actor None is the portal itself (a breach, something overdue). Raises Conflict where there is nothing to undo.
    """
    if actor is not None:
        require(actor, Permission.GOVERNANCE_RELEASE_ROLL_BACK, release.version.model.team_id)
    if not reason.strip():
        raise InvalidInput("A reason is needed.", code="reason-missing", field="reason", how="Say why in a sentence.")
    lock_endpoint(release.endpoint_id)
    release = lock_release(release.pk)
    if release.state not in BACKABLE and not (release.state == S.HELD and release.held_from in BACKABLE):
        raise Conflict(
            f"{release} is {str(release.get_state_display()).lower()}: there is nothing to roll back.",
            code="wrong-state",
            how="Open the release again; its page says what can be done now.",
        )
    now, stopped = timezone.now(), release.state == S.SUSPENDED
    if stopped and release.fallback == FallbackKind.SUSPEND:
        raise Conflict(
            f"{release} is suspended, which is its fallback.", code="at-fallback", how="Release another version."
        )
    personal = {"reason": reason.strip()}
    move(release, S.ROLLING_BACK, actor=actor, now=now, event="governance:release:rolling-back", personal=personal)
    if answers(release) or (stopped and live_deployment(release.endpoint) is None):
        _go_back(release, actor=actor, reason=reason.strip(), now=now)
    else:
        _end(release, actor=actor, now=now, to="what answers there")
    return release


def _go_back(release: Release, *, actor: User | None, reason: str, now: datetime) -> None:
    if release.fallback == FallbackKind.VERSION:
        assert release.fallback_version is not None
        why = why_not_verified(release.endpoint, release.fallback_version)
        if not why:
            _restore(release, actor=actor, now=now)
            _end(release, actor=actor, now=now, to=str(release.fallback_version))
            return
        reason = f"{reason} The fallback was not taken: {why}"
    close_deployment(release.endpoint, actor=actor, release_ref=release.public_id, now=now)
    if release.fallback == FallbackKind.MANUAL:
        _end(release, actor=actor, now=now, to="the manual process")
        return
    release.held_from, release.stop_reason, release.stopped_at = S.LIVE, reason[:4000], now
    release.live_at = release.live_at or now
    move(
        release,
        S.SUSPENDED,
        actor=actor,
        now=now,
        event="governance:release:suspended",
        personal={"reason": release.stop_reason},
    )


def _restore(release: Release, *, actor: User | None, now: datetime) -> None:
    assert release.fallback_version is not None
    found = proven_release(release.endpoint, release.fallback_version)
    assert found is not None
    former = lock_release(found.pk)
    open_deployment(release.endpoint, former.version, actor=actor, release_ref=former.public_id, now=now)
    if former.state == S.SUPERSEDED:
        event = "governance:release:restored"
        move(former, S.LIVE, actor=actor, now=now, event=event, after=release.public_id)


def _end(release: Release, *, actor: User | None, now: datetime, to: str) -> None:
    move(release, S.ROLLED_BACK, actor=actor, now=now, event="governance:release:rolled-back", to=to)
