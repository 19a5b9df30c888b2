"""`token create NAME --role ROLE`: a service identity with an API token, from the console."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.models import Team, User
from portal.accounts.tokens import create_service, create_token
from portal.errors import DomainError


class Command(BaseCommand):
    help = "Makes an API token for a service identity and prints it once."

    def add_arguments(self, parser: CommandParser) -> None:
        sub = parser.add_subparsers(dest="act", required=True)
        create = sub.add_parser("create", help="make a token")
        create.add_argument("name")
        create.add_argument("--role", default="developer")
        create.add_argument("--team", help="team slug; without it the role holds in the whole organisation")
        create.add_argument("--responsible", help="user name of the person who answers for it")

    def handle(self, *args: Any, **options: Any) -> None:
        team = None
        if options["team"]:
            team = Team.objects.filter(slug__iexact=options["team"]).first()
            if team is None:
                raise CommandError(f"There is no team {options['team']}.")
        responsible = None
        if options["responsible"]:
            responsible = User.objects.filter(username__iexact=options["responsible"]).first()
            if responsible is None:
                raise CommandError(f"There is no account {options['responsible']}.")
        try:
            user = create_service(options["name"], role=options["role"], team=team, responsible=responsible)
            self.stdout.write(create_token(user, actor=None, name=options["name"]))
        except DomainError as error:
            raise CommandError(error.diagnostics()) from error
        if user.responsible is None:
            self.stderr.write(f"Nobody answers for {user} yet: name a person with --responsible USERNAME.")
