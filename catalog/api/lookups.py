"""Names in a request → rows, for the API and the forms."""

from __future__ import annotations

from portal.access import Permission, teams_with
from portal.accounts.models import Team, User
from portal.errors import InvalidInput


def team_for(actor: User, slug: str, permission: Permission) -> Team:
    """The team of that slug; with no slug, the only team in which the actor holds the permission.

    Raises InvalidInput when there is none of that slug, or when it must be named.
    """
    if slug:
        row = Team.objects.filter(slug__iexact=slug).first()
        if row is None:
            raise InvalidInput(f"There is no team {slug}.", code="unknown-team", field="team", how="Check the slug.")
        return row
    everywhere, teams = teams_with(actor, permission)
    rows = list((Team.objects.all() if everywhere else Team.objects.filter(pk__in=teams)).order_by("slug")[:2])
    if len(rows) == 1:
        return rows[0]
    how = "Name it, as team." if rows else "Ask an administrator for a role in a team."
    raise InvalidInput("It is not clear for which team.", code="team-missing", field="team", how=how)


def user_named(username: str, *, field: str) -> User | None:
    """The active person or service of that name; None for no name. Raises InvalidInput for an unknown one."""
    if not username:
        return None
    row = User.objects.filter(username__iexact=username, is_active=True).first()
    if row is None:
        raise InvalidInput(
            f"There is no user {username}.", code="unknown-user", field=field, how="Give a username, not a full name."
        )
    return row
