"""Reading accounts, for those who manage them."""

from __future__ import annotations

import uuid

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from portal.access import Permission, can
from portal.accounts.models import Membership, Team, User
from portal.errors import NotFound


def people_for(actor: User | None) -> QuerySet[User]:
    """All accounts with their open memberships, for who manages users; nobody else sees any."""
    held = Prefetch(
        "memberships",
        queryset=Membership.objects.filter(ended_at=None).select_related("team").order_by("role", "team__name"),
        to_attr="held",
    )
    rows = User.objects.select_related("responsible").prefetch_related(held).order_by("name", "username")
    return rows if can(actor, Permission.PORTAL_USER_MANAGE) else rows.none()


def person_with(actor: User | None, key: uuid.UUID | str) -> User:
    """The account of that uuid. Raises NotFound, also for who may not see it."""
    user = people_for(actor).filter(uuid=key).first()
    if user is None:
        raise NotFound("There is no such account for you.", code="no-account", how="See the list of people.")
    return user


def search_people(rows: QuerySet[User], text: str) -> QuerySet[User]:
    """Those whose name or user name holds every word."""
    for word in text.replace("\x00", "").split()[:8]:
        rows = rows.filter(Q(name__icontains=word) | Q(username__icontains=word))
    return rows


def without_role(actor: User | None) -> QuerySet[User]:
    """Open accounts that hold no role, and so can see nothing."""
    held = Membership.objects.filter(user=OuterRef("pk"), ended_at=None)
    return people_for(actor).filter(~Exists(held), is_active=True)


def teams() -> QuerySet[Team]:
    return Team.objects.order_by("name")
