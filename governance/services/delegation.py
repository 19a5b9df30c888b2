"""Lending the seats of one's role to a deputy for a time, and standing back from one release."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from catalog.models import Endpoint, RegisteredModel
from catalog.services.endpoints import lock_endpoint
from governance import policies
from governance.choices import DECIDING_ROLES, ReleaseState
from governance.models import Delegation, Recusal, Release
from governance.services.lifecycle import lock_release
from portal.access import Permission, can, holds_role, require
from portal.accounts.choices import Kind
from portal.accounts.models import Team, User
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.services import record

LONGEST = timedelta(days=366)
RECUSABLE = (ReleaseState.CHECKING, ReleaseState.BLOCKED, ReleaseState.IN_REVIEW, ReleaseState.CHANGES_ASKED)


def delegate(
    *,
    actor: User,
    deputy: User,
    role: str,
    scope: Team | RegisteredModel | Endpoint,
    until: datetime,
    reason: str,
    starts_at: datetime | None = None,
) -> Delegation:
    """Let the deputy fill the actor's seats of this role, for releases in the scope, between the two moments.

    The actor must hold the role for the scope's team: what one holds as a deputy is not passed on. Raises
    PermissionRefused for a role that is not held; InvalidInput for a deputy, role, reason or time that cannot be.
    """
    now = timezone.now()
    starts_at = starts_at or now
    team = scope if isinstance(scope, Team) else scope.team
    require(actor, Permission.GOVERNANCE_RELEASE_DECIDE, team)
    if role not in DECIDING_ROLES:
        raise InvalidInput(f"{role!r} is no role that decides.", code="role-unknown", field="role")
    if not holds_role(actor, role, team):
        raise PermissionRefused(
            f"You do not hold the role {role} for {team}; only a role that is held is lent.",
            code="role-not-held",
            field="role",
            how="Ask who holds it; a deputy does not pass it on.",
        )
    _check_deputy(actor, deputy, team)
    if not reason.strip():
        raise InvalidInput("A reason is needed.", code="reason-missing", field="reason", how="Say why in a sentence.")
    if starts_at < now - timedelta(days=1) or until <= max(starts_at, now) or until - starts_at > LONGEST:
        how = "It begins today or later, and ends after that and within a year."
        raise InvalidInput("These are no dates of a delegation.", code="dates-odd", field="until", how=how)
    with transaction.atomic():
        row = Delegation.objects.create(
            giver=actor,
            deputy=deputy,
            role=role,
            team=scope if isinstance(scope, Team) else None,
            model=scope if isinstance(scope, RegisteredModel) else None,
            endpoint=scope if isinstance(scope, Endpoint) else None,
            starts_at=starts_at,
            until=until,
            reason=reason.strip(),
            made_at=now,
        )
        body = {
            "deputy": str(deputy.uuid),
            "role": role,
            "scope": f"{scope._meta.model_name}:{scope.pk}",
            "starts_at": starts_at.isoformat(),
            "until": until.isoformat(),
        }
        event = "governance:delegation:given"
        record(actor=actor, event=event, subject=row, body=body, personal={"reason": row.reason}, now=now)
    return row


def _check_deputy(actor: User, deputy: User, team: Team) -> None:
    if deputy.pk == actor.pk:
        raise InvalidInput("You are your own deputy.", code="deputy-self", field="deputy", how="Name another person.")
    may = deputy.kind == Kind.PERSON and can(deputy, Permission.GOVERNANCE_RELEASE_DECIDE, team)
    if not may or deputy.is_demo != actor.is_demo:
        raise InvalidInput(
            f"{deputy} is not of the second line for {team}, so cannot decide there.",
            code="deputy-not-second-line",
            field="deputy",
            how="Name an active person who decides on releases of this team.",
        )


@transaction.atomic
def revoke_delegation(row: Delegation, *, actor: User) -> Delegation:
    """End a delegation now. Giver and deputy may. Raises Conflict when it is over already."""
    row = Delegation.objects.select_for_update(of=("self",)).select_related("giver", "deputy").get(pk=row.pk)
    require(actor, Permission.GOVERNANCE_RELEASE_DECIDE)
    if actor.pk not in (row.giver_id, row.deputy_id):
        raise PermissionRefused(
            "Only who gave a delegation, or holds it, ends it.", code="not-yours", how=f"Ask {row.giver}."
        )
    now = timezone.now()
    if row.revoked_at is not None or row.until <= now:
        raise Conflict("This delegation is over already.", code="delegation-over", how="There is nothing to end.")
    row.revoked_at, row.revoked_by = now, actor
    row.save(update_fields=["revoked_at", "revoked_by"])
    body = {"deputy": str(row.deputy.uuid), "role": row.role}
    record(actor=actor, event="governance:delegation:revoked", subject=row, body=body, now=now)
    return row


def recuse(release: Release, *, actor: User, role: str, reason: str) -> Recusal:
    """Stand back from a release: what the actor decided on it counts no more, and another is asked.

    Raises PermissionRefused for who could fill no such seat; Conflict when the release is decided, or the actor has
    stood back already; InvalidInput without a reason.
    """
    require(actor, Permission.GOVERNANCE_RELEASE_DECIDE, release.version.model.team_id)
    if not reason.strip():
        raise InvalidInput("A reason is needed.", code="reason-missing", field="reason", how="Say why in a sentence.")
    with transaction.atomic():
        lock_endpoint(release.endpoint_id)
        release = lock_release(release.pk)
        if release.state not in (*RECUSABLE, ReleaseState.APPROVED, ReleaseState.LIVE):
            raise Conflict(
                f"{release} is {str(release.get_state_display()).lower()}: there is nothing to stand back from.",
                code="not-in-review",
                how="Open the release again.",
            )
        _check_recusal(release, actor, role)
        row = Recusal.objects.create(
            release=release, person=actor, role=role, reason=reason.strip(), made_at=timezone.now()
        )
        body = {
            "release": release.public_id,
            "role": role,
            "asked": [str(user.uuid) for user in asked_instead(release, actor, role)],
        }
        personal = {"reason": row.reason}
        record(actor=actor, event="governance:recusal:made", subject=row, body=body, personal=personal)
    return row


def _check_recusal(release: Release, actor: User, role: str) -> None:
    if release.recusals.filter(person=actor).exists():
        raise Conflict("You stood back from this release already.", code="recused", how="Another person is asked.")
    team = release.version.model.team_id
    lent = any(row.role == role and row.covers(release) for row in policies.delegations_of(actor))
    if role not in DECIDING_ROLES or not (holds_role(actor, role, team) or lent):
        raise PermissionRefused(
            f"You do not hold the role {role} for this model.", code="role-not-held", field="role", how="Choose yours."
        )


def asked_instead(release: Release, person: User, role: str) -> list[User]:
    """Who is asked when this person stands back: their deputy where they have one, else the other holders."""
    now = timezone.now()
    rows = Delegation.objects.filter(giver=person, role=role, revoked_at=None, starts_at__lte=now, until__gt=now)
    lent = [row for row in rows.select_related("giver", "deputy").order_by("pk") if row.covers(release)]
    deputies = [row.deputy for row in lent if not policies.conflict_of(row.deputy, release)]
    if deputies:
        return deputies
    team = release.version.model.team_id
    held = policies.team_people(team).filter(memberships__role=role, memberships__ended_at=None).exclude(pk=person.pk)
    return [user for user in held if holds_role(user, role, team) and not policies.conflict_of(user, release)]
