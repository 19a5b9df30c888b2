"""Accounts and memberships: made, changed and ended by an administrator or at the console, never silently."""

from __future__ import annotations

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from portal.access import Permission, require
from portal.accounts.choices import FIRST_LINE, SECOND_LINE, SERVICE_ROLES, Kind, Role
from portal.accounts.models import Membership, Team, User
from portal.errors import Conflict, InvalidInput
from portal.ledger.services import record


def _authorise(actor: User | None) -> None:
    if actor is not None:
        require(actor, Permission.PORTAL_USER_MANAGE)


@transaction.atomic
def create_person(
    username: str,
    *,
    name: str,
    password: str,
    actor: User | None,
    email: str = "",
    is_demo: bool = False,
    must_change: bool = False,
) -> User:
    """A person's account. actor None is the console. Raises InvalidInput for a weak password or a bad name.

    An administrator knows the password that the account starts with, so the person has to change it.
    """
    _authorise(actor)
    if User.objects.filter(username__iexact=username).exists():
        raise Conflict(f"The name {username} is taken.", code="name-taken", field="username", how="Choose another.")
    user = User(username=username, name=name, email=email, kind=Kind.PERSON, is_demo=is_demo)
    user.must_change_password = must_change or actor is not None
    try:
        if not is_demo:
            validate_password(password, user)
        user.set_password(password)
        user.full_clean()
    except ValidationError as error:
        field = next(iter(error.error_dict), "password") if hasattr(error, "error_dict") else "password"
        raise InvalidInput(" ".join(error.messages), code="account-invalid", field=field) from error
    user.save()
    record(actor=actor, event="portal:user:created", subject=user, body={"kind": user.kind})
    return user


@transaction.atomic
def create_team(slug: str, *, name: str, actor: User | None, is_demo: bool = False) -> Team:
    _authorise(actor)
    if Team.objects.filter(slug__iexact=slug).exists():
        raise Conflict(f"The team {slug} exists.", code="name-taken", field="slug", how="Choose another name.")
    team = Team.objects.create(slug=slug, name=name, is_demo=is_demo)
    record(actor=actor, event="portal:team:created", subject=team, body={"slug": slug})
    return team


@transaction.atomic
def grant_role(user: User, *, role: str, team: Team | None, actor: User | None) -> Membership:
    """Give a role in a team, or organisation-wide without one.

    Raises InvalidInput when the person would hold what has to stay apart: managing users, auditing, and the first
    and the second line over one team.
    """
    _authorise(actor)
    user = User.objects.select_for_update().get(pk=user.pk)
    if role == Role.ADMIN and team is not None:
        raise InvalidInput(
            "An administrator manages the accounts of the whole organisation.",
            code="admin-in-a-team",
            field="team",
            how="Leave the team empty.",
        )
    if user.kind != Kind.PERSON and role not in SERVICE_ROLES:
        raise InvalidInput(
            f"A service identity cannot be {Role(role).label.lower()}: who decides, audits or manages is a person.",
            code="role-not-for-services",
            field="role",
            how="A service identity is viewer, developer or model owner.",
        )
    _keep_apart(user, role, team)
    membership, made = Membership.objects.get_or_create(user=user, team=team, role=role, ended_at=None)
    if made:
        record(
            actor=actor,
            event="portal:membership:granted",
            subject=membership,
            body={"role": role, "user": str(user.uuid), "team": team.slug if team else None},
        )
    return membership


def _keep_apart(user: User, role: str, team: Team | None) -> None:
    """Refuse a role beside those that its holder must not have with it."""
    memberships = list(user.memberships.filter(ended_at=None).select_related("team"))
    held = {row.role for row in memberships} | {role}
    if Role.ADMIN in held and held - {Role.ADMIN, Role.VIEWER}:
        raise InvalidInput(
            "An administrator manages users and approves nothing.",
            code="separation-of-duties",
            field="role",
            how="End the other roles first, or use a second account.",
        )
    if Role.AUDITOR in held and held - {Role.AUDITOR, Role.VIEWER}:
        raise InvalidInput(
            "An auditor reads all and changes nothing.",
            code="separation-of-duties",
            field="role",
            how="End the other roles first.",
        )
    other = SECOND_LINE if role in FIRST_LINE else FIRST_LINE if role in SECOND_LINE else frozenset()
    for row in memberships:
        if row.role in other and (team is None or row.team is None or row.team == team):
            where = team or row.team or "the whole organisation"
            raise InvalidInput(
                f"{user} is {row.get_role_display().lower()} already, and who builds a model does not also judge it: "
                f"{Role(role).label.lower()} would be the other line over {where}.",
                code="lines-of-defence",
                field="role",
                how=f"End the role {row.get_role_display().lower()} first, or give this one to somebody else.",
            )


@transaction.atomic
def end_membership(membership: Membership, *, actor: User | None) -> None:
    _authorise(actor)
    membership = Membership.objects.select_for_update().get(pk=membership.pk)
    if membership.ended_at is None:
        membership.ended_at = timezone.now()
        membership.save(update_fields=["ended_at"])
        record(actor=actor, event="portal:membership:ended", subject=membership, body={"role": membership.role})


@transaction.atomic
def set_active(user: User, *, active: bool, actor: User | None) -> None:
    """Open or close an account. A closed one keeps its history and loses every right at once."""
    _authorise(actor)
    user = User.objects.select_for_update().get(pk=user.pk)
    if user == actor:
        raise Conflict("You cannot close your own account.", code="own-account", how="Ask another administrator.")
    user.is_active = active
    user.save(update_fields=["is_active"])
    record(
        actor=actor,
        event="portal:user:opened" if active else "portal:user:closed",
        subject=user,
        body={"active": active},
    )
