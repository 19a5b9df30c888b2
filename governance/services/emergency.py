"""Emergency release: one person's recorded right, live at once, reviewed after the fact. And the endpoint's rules.

An emergency leaves seats open; it never goes past a gate. Every rule that blocks counts, whatever its policy says
about emergencies: one that fails or cannot conclude refuses the emergency as it refuses an approval. Duties stay
apart as well: who asked for, registered or trained the version does not declare its emergency.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.models import Endpoint
from catalog.services.endpoints import lock_endpoint
from governance import policies
from governance.choices import (
    BLOCKING,
    DECIDING_ROLES,
    EmergencyOutcome,
    EmergencyOverdue,
    EmergencyState,
    ReleaseState,
    SecondRelease,
)
from governance.models import Emergency, Release, ReleaseRules
from governance.services.decisions import ask_ahead
from governance.services.fallbacks import roll_back
from governance.services.lifecycle import go_live, hold, lock_release, rules_of
from governance.services.releases import assess_locked
from portal.access import Permission, holds_role, require, roles_of
from portal.accounts.choices import Role
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.services import record

S = ReleaseState
RULES = ("second_release", "expire_when_due", "emergency_roles", "emergency_hours", "emergency_overdue")


@transaction.atomic
def declare_emergency(release: Release, *, actor: User, role: str, reason: str) -> Emergency:
    """Let the release go live at once although seats are open, and set a time for its review.

    Raises PermissionRefused for a role that the endpoint does not allow, or a person who had a part in the version;
    Conflict where a gate refuses, or where the release does not wait for people.
    """
    require(actor, Permission.GOVERNANCE_RELEASE_EMERGENCY, release.version.model.team_id)
    asked = ask_ahead(release.version, release.endpoint, release=release, last=True)
    lock_endpoint(release.endpoint_id)
    release = assess_locked(release.pk, asked=asked)
    rules = rules_of(release.endpoint_id)
    _check_right(release, actor, role, rules, reason)
    _check_gates(release)
    now = timezone.now()
    assert release.decision is not None
    row = Emergency.objects.create(
        release=release,
        decision_digest=release.decision.digest,
        declared_by=actor,
        role=role,
        reason=reason.strip(),
        declared_at=now,
        review_due_at=now + timedelta(hours=rules.emergency_hours),
        on_overdue=rules.emergency_overdue,
    )
    body = {"release": release.public_id, "role": role, "decision_digest": row.decision_digest}
    body |= {"review_due_at": row.review_due_at.isoformat(), "on_overdue": str(row.on_overdue)}
    personal = {"reason": row.reason}
    record(actor=actor, event="governance:emergency:declared", subject=row, body=body, personal=personal, now=now)
    # That it is an emergency is a fact, and a rule may read it. A server is asked under the lock here: the fact is
    # true only now, and an emergency is rare.
    release = assess_locked(release.pk, asked=ask_ahead(release.version, release.endpoint, release=release, last=True))
    _check_gates(release)
    go_live(release, actor=actor, now=timezone.now(), emergency=True)
    return row


def _check_right(release: Release, actor: User, role: str, rules: ReleaseRules, reason: str) -> None:
    if not reason.strip():
        raise InvalidInput("A reason is needed.", code="reason-missing", field="reason", how="Say why it cannot wait.")
    if role not in rules.emergency_roles or not holds_role(actor, role, release.version.model.team_id):
        allowed = ", ".join(str(Role(one).label) for one in rules.emergency_roles) or "nobody"
        raise PermissionRefused(
            f"An emergency release to {release.endpoint} is not yours to declare as {role or 'nobody'}.",
            code="emergency-role",
            field="role",
            how=f"Allowed there: {allowed}.",
        )
    if why := policies.conflict_of(actor, release):
        raise PermissionRefused(why, code="separation-of-duties", how="Ask a person who had no part in it.")


def _check_gates(release: Release) -> None:
    if release.decision is not None and release.decision.verdict in BLOCKING:
        raise Conflict(
            "A gate refuses it or cannot conclude; an emergency does not change that.",
            code="gate-refuses",
            how="Supply the fact that the rule names.",
        )
    if release.state != S.IN_REVIEW:
        raise Conflict(
            f"{release} is {str(release.get_state_display()).lower()}: it does not wait for people.",
            code="not-in-review",
            how="Open the release again; its page says what can be done now.",
        )


def allowed_roles(release: Release, *, actor: User) -> list[str]:
    """The roles in which this person could declare an emergency of this release."""
    if policies.conflict_of(actor, release):
        return []
    rules = getattr(release.endpoint, "release_rules", None) or ReleaseRules()
    return roles_of(actor, release.version.model.team_id, rules.emergency_roles)


@transaction.atomic
def review_emergency(emergency: Emergency, *, actor: User, outcome: str, review: str) -> Emergency:
    """What the second line says of an emergency after the fact: it was right, hold it, or roll it back.

    Never by who declared it, nor by who had a part in the version. An open seat is not filled by this.
    """
    lock_endpoint(emergency.release.endpoint_id)
    release = lock_release(emergency.release_id)
    require(actor, Permission.GOVERNANCE_RELEASE_DECIDE, release.version.model.team_id)
    row = Emergency.objects.select_for_update(of=("self",)).get(pk=emergency.pk)
    _check_reviewer(row, release, actor, outcome, review)
    row.state, row.outcome, row.review = EmergencyState.REVIEWED, outcome, review.strip()
    row.reviewed_by, row.reviewed_at = actor, timezone.now()
    row.save(update_fields=["state", "outcome", "review", "reviewed_by", "reviewed_at"])
    body = {"release": release.public_id, "outcome": outcome}
    record(actor=actor, event="governance:emergency:reviewed", subject=row, body=body, personal={"review": row.review})
    _follow(release, outcome, actor=actor, reason=row.review)
    return row


def _check_reviewer(row: Emergency, release: Release, actor: User, outcome: str, review: str) -> None:
    if actor.pk == row.declared_by_id:
        raise PermissionRefused(
            "You declared this emergency, so somebody else must review it.",
            code="separation-of-duties",
            how="Ask another person of the second line.",
        )
    if why := policies.conflict_of(actor, release):
        raise PermissionRefused(why, code="separation-of-duties", how="Ask a person who had no part in it.")
    if not roles_of(actor, release.version.model.team_id, DECIDING_ROLES):
        raise PermissionRefused("The second line reviews an emergency.", code="role-not-held", how="Ask who does.")
    if row.state == EmergencyState.REVIEWED:
        raise Conflict("It is reviewed already.", code="emergency-reviewed", how="There is nothing to do.")
    if outcome not in EmergencyOutcome.values:
        how = f"One of: {', '.join(EmergencyOutcome.values)}."
        raise InvalidInput(f"{outcome!r} is no outcome.", code="outcome-unknown", field="outcome", how=how)
    if not review.strip():
        raise InvalidInput("Say what you found.", code="review-missing", field="review", how="Write a sentence.")


def _follow(release: Release, what: str, *, actor: User | None, reason: str) -> None:
    """Hold or roll back what is still on its way or live; anything else is over already."""
    if what == EmergencyOutcome.HOLD and release.state == S.LIVE:
        hold(release, actor=actor, reason=reason)
    elif what == EmergencyOutcome.ROLL_BACK and release.state in (S.LIVE, S.HELD):
        roll_back(release, actor=actor, reason=reason)


@transaction.atomic
def overdue_emergency(emergency: Emergency) -> Emergency:
    """Its review is late: escalate, hold or roll back, as the endpoint said when it was declared."""
    lock_endpoint(emergency.release.endpoint_id)
    release = lock_release(emergency.release_id)
    row = Emergency.objects.select_for_update(of=("self",)).get(pk=emergency.pk)
    now = timezone.now()
    if row.state != EmergencyState.WAITING or row.review_due_at > now:
        return row
    row.state, row.overdue_at = EmergencyState.OVERDUE, now
    row.save(update_fields=["state", "overdue_at"])
    body = {"release": release.public_id, "then": str(row.on_overdue)}
    record(actor=None, event="governance:emergency:overdue", subject=row, body=body, now=now)
    _follow(release, row.on_overdue, actor=None, reason="The review of its emergency is overdue.")
    return row


@transaction.atomic
def set_release_rules(endpoint: Endpoint, *, actor: User, **wanted: Any) -> ReleaseRules:
    """Say how the endpoint takes releases: a second one, what is due, emergencies. The second line only.

    Fields: second_release, expire_when_due, emergency_roles, emergency_hours, emergency_overdue.
    Raises InvalidInput for a value that is none.
    """
    require(actor, Permission.GOVERNANCE_RELEASE_HOLD, endpoint.team_id)
    lock_endpoint(endpoint.pk)
    row = rules_of(endpoint.pk)
    for name in RULES:
        if name in wanted:
            setattr(row, name, wanted[name])
    _check_rules(row)
    row.save()
    body = {name: getattr(row, name) for name in RULES}
    record(actor=actor, event="governance:release-rules:set", subject=row, body={"endpoint": endpoint.name} | body)
    return row


def _check_rules(row: ReleaseRules) -> None:
    known: dict[str, tuple[Any, list[str]]] = {
        "second_release": (row.second_release, list(SecondRelease.values)),
        "emergency_overdue": (row.emergency_overdue, list(EmergencyOverdue.values)),
    }
    for one in row.emergency_roles:
        known[f"emergency_roles: {one}"] = (one, [str(role) for role in (*DECIDING_ROLES, Role.MODEL_OWNER)])
    for name, (value, allowed) in known.items():
        if value not in allowed:
            how = f"One of: {', '.join(allowed)}."
            raise InvalidInput(f"{value!r} is not known here.", code="rule-unknown", field=name.split(":")[0], how=how)
    if not 1 <= row.emergency_hours <= 24 * 90:
        how = "Give 1 to 2160 hours."
        raise InvalidInput("The review is never.", code="rule-hours", field="emergency_hours", how=how)
