"""Reads of what stands beside approvals: delegations, sittings. Lists begin with what the actor may see."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Prefetch, Q, QuerySet

from catalog.selectors import missing
from governance import policies
from governance.models import Delegation, Release, Sitting, Vote
from portal.access import Permission, teams_with
from portal.accounts.models import Team, User
from portal.errors import InvalidInput


def delegations_for(actor: User) -> QuerySet[Delegation]:
    """Delegations of the teams that the actor reads, and those that they gave or hold; the newest first."""
    everywhere, teams = teams_with(actor, Permission.GOVERNANCE_RELEASE_READ)
    rows = Delegation.objects.select_related("giver", "deputy", "team", "model__team", "endpoint__team", "revoked_by")
    if not everywhere:
        theirs = Q(team__in=teams) | Q(model__team__in=teams) | Q(endpoint__team__in=teams)
        rows = rows.filter(theirs | Q(giver=actor) | Q(deputy=actor))
    return rows.order_by("-pk")


def delegation_numbered(actor: User, pk: int) -> Delegation:
    """The delegation. Raises NotFound, also for one that the actor may not see."""
    row = delegations_for(actor).filter(pk=pk).first()
    if row is None:
        raise missing("delegation", str(pk))
    return row


def sitting_numbered(actor: User, pk: int) -> Sitting:
    """The sitting with its votes. Raises NotFound, also for one that the actor may not see."""
    row = _sittings().filter(release__in=Release.objects.visible_to(actor), pk=pk).first()
    if row is None:
        raise missing("sitting", str(pk))
    return row


def sittings_of(release: Release) -> list[Sitting]:
    """The sittings of a release, the newest first, with members and votes."""
    return list(_sittings().filter(release=release))


def _sittings() -> QuerySet[Sitting]:
    votes = Vote.objects.select_related("person").order_by("pk")
    rows = Sitting.objects.select_related("release__version__model__team", "chair", "decision")
    return rows.prefetch_related("members", Prefetch("votes", queryset=votes)).order_by("-pk")


def person_of(team: Team | int, username: str, field: str) -> User:
    """An active person with a part in the team. One answer for who does not exist and for who has no part in it."""
    rows = policies.team_people(team if isinstance(team, int) else team.pk)
    user = rows.filter(username__iexact=username).first()
    if user is None:
        how = "Give the user name of an active person with a role in the team."
        raise InvalidInput(f"There is no person {username!r} here.", code="no-such-person", field=field, how=how)
    return user


def people_of(team: Team | int, usernames: Iterable[str], field: str) -> list[User]:
    return [person_of(team, name, f"{field}[{place}]") for place, name in enumerate(usernames)]
