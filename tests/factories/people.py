"""People and teams for tests, made by the services that make them in the product."""

from __future__ import annotations

import itertools

from portal.accounts import services, tokens
from portal.accounts.models import Team, User

PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)


def team(slug: str = "lending") -> Team:
    """The team of that slug, made when it is not there."""
    return Team.objects.filter(slug=slug).first() or services.create_team(slug, name=slug.title(), actor=None)


def person(role: str | None = None, team: Team | None = None, username: str | None = None) -> User:
    """A new person with that role in the team, or in the whole organisation; without a role for None."""
    name = username or f"{role or 'nobody'}-{next(_numbers)}"
    title = name.replace("_", " ").replace("-", " ").capitalize()
    user = services.create_person(name, name=title, password=PASSWORD, actor=None)
    if role is not None:
        services.grant_role(user, role=role, team=team, actor=None)
    return User.objects.get(pk=user.pk)


def service(role: str = "developer", team: Team | None = None, username: str | None = None) -> User:
    """A new service identity with that role."""
    user = tokens.create_service(username or f"service-{next(_numbers)}", role=role, team=team)
    return User.objects.get(pk=user.pk)


def token(user: User) -> str:
    """A bearer token of the user."""
    return tokens.create_token(user, actor=None, name="test")
