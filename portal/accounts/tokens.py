"""API tokens: made once, shown once, stored as a hash."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from portal.access import Permission, require
from portal.accounts.choices import Kind
from portal.accounts.models import ApiToken, Team, User
from portal.accounts.services import grant_role
from portal.errors import InvalidInput
from portal.ledger.services import record

PREFIX = "gh_"


def digest_of(token: str) -> str:
    """SHA-256 of the token as hex. The secret has 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def create_token(user: User, *, actor: User | None, name: str, expires_at: datetime | None = None) -> str:
    """Make a token for the user and return its text, which is not kept. actor None is the console."""
    if actor is not None:
        require(actor, Permission.PORTAL_TOKEN_OWN if actor == user else Permission.PORTAL_USER_MANAGE)
    if not name.strip():
        raise InvalidInput("A token needs a name.", code="name-missing", field="name", how="Say what will use it.")
    token = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        user=user,
        name=name.strip()[:80],
        prefix=token[:10],
        digest=digest_of(token),
        created_by=actor,
        expires_at=expires_at,
    )
    record(actor=actor, event="portal:token:created", subject=row, body={"prefix": row.prefix, "name": row.name})
    return token


@transaction.atomic
def revoke_token(row: ApiToken, *, actor: User) -> None:
    """End a token at once. Its owner may, and who manages users."""
    row = ApiToken.objects.select_for_update().get(pk=row.pk)
    require(actor, Permission.PORTAL_TOKEN_OWN if actor == row.user else Permission.PORTAL_USER_MANAGE)
    if row.revoked_at is None:
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
        record(actor=actor, event="portal:token:revoked", subject=row, body={"prefix": row.prefix})


def find_user(token: str, *, now: datetime) -> User | None:
    """The account that a bearer token stands for, or None when it is unknown, revoked or expired."""
    row = ApiToken.objects.select_related("user").filter(digest=digest_of(token), revoked_at=None).first()
    if row is None or not row.user.is_active or (row.expires_at is not None and row.expires_at <= now):
        return None
    return row.user


@transaction.atomic
def create_service(
    name: str, *, role: str, team: Team | None, actor: User | None = None, responsible: User | None = None
) -> User:
    """The service identity of that name with that role; made when missing. Roles that decide are for people.

    `responsible` answers for it, and decides on nothing that it registers or requests.
    """
    if actor is not None:
        require(actor, Permission.PORTAL_USER_MANAGE)
    if responsible is not None and responsible.kind != Kind.PERSON:
        raise InvalidInput("Who is responsible is a person.", code="not-a-person", field="responsible")
    user = User.objects.select_for_update().filter(username__iexact=name).first()
    if user is not None and user.kind != Kind.SERVICE:
        raise InvalidInput(f"{name} is a person.", code="name-taken", field="name", how="Choose another name.")
    if user is None:
        user = User(username=name, name=name, kind=Kind.SERVICE, responsible=responsible)
        user.set_unusable_password()
        user.full_clean(exclude=["password"])
        user.save()
        record(actor=actor, event="portal:user:created", subject=user, body=_body(user))
    elif responsible is not None and user.responsible != responsible:
        user.responsible = responsible
        user.save(update_fields=["responsible"])
        record(actor=actor, event="portal:user:responsible-named", subject=user, body=_body(user))
    grant_role(user, role=role, team=team, actor=actor)
    return user


def _body(user: User) -> dict[str, str]:
    body = {"kind": str(user.kind)}
    return body | {"responsible": str(user.responsible.uuid)} if user.responsible else body
