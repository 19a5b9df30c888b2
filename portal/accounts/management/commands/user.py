"""`user create NAME --role ROLE`: the first administrator, and recovery, from the console."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts import services
from portal.accounts.models import Team
from portal.errors import DomainError


class Command(BaseCommand):
    help = "Makes a person's account. The password is read from the terminal or from standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        sub = parser.add_subparsers(dest="act", required=True)
        create = sub.add_parser("create")
        create.add_argument("username")
        create.add_argument("--name")
        create.add_argument("--role", default="viewer")
        create.add_argument("--team")
        create.add_argument("--must-change", action="store_true", help="ask for a password of their own at log-in")

    def handle(self, *args: Any, **options: Any) -> None:
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        team = Team.objects.filter(slug__iexact=options["team"]).first() if options["team"] else None
        if options["team"] and team is None:
            raise CommandError(f"There is no team {options['team']}.")
        try:
            user = services.create_person(
                options["username"],
                name=options["name"] or options["username"],
                password=password,
                actor=None,
                must_change=options["must_change"],
            )
            services.grant_role(user, role=options["role"], team=team, actor=None)
        except DomainError as error:
            raise CommandError(error.diagnostics()) from error
        self.stdout.write(f"{user.username} can log in as {options['role']}.")
