"""`demo seed|remove|tamper|flip|logins`: the demo's story, its drills and its end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo import drills, people, removal
from demo.seed import is_seeded, seed
from portal.accounts.models import User
from portal.errors import DomainError


class Command(BaseCommand):
    help = "The demo: seed it, remove it, list its logins, or run one of its drills."

    def add_arguments(self, parser: CommandParser) -> None:
        sub = parser.add_subparsers(dest="act", required=True)
        sub.add_parser("seed", help="fill an empty database with the story")
        sub.add_parser("remove", help="take the story out again, marked in the ledger")
        sub.add_parser("logins", help="print the demo people's log-ins")
        flip = sub.add_parser("flip", help="check an evidence pack, flip a byte, see it fail")
        flip.add_argument("--out", default=".", help="folder for the two files")
        sub.add_parser("tamper", help="edit a row as superuser, let the ledger name it, put it back")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["act"])(options)
        except DomainError as error:
            raise CommandError(error.diagnostics()) from error

    def seed(self, options: dict[str, Any]) -> None:
        if is_seeded() or User.objects.exists():
            self.stdout.write("There is something in the database already; the demo was not added.")
            return
        seed(say=lambda line: self.stdout.write(f"  demo: {line}"))

    def remove(self, options: dict[str, Any]) -> None:
        if not is_seeded():
            raise CommandError("The demo is not here.")
        for name, count in removal.remove().items():
            self.stdout.write(f"{count:6d} {name}")
        people.password_file().unlink(missing_ok=True)
        self.stdout.write("The demo is gone; its people are closed accounts, because the log names them.")

    def logins(self, options: dict[str, Any]) -> None:
        rows = User.objects.filter(is_demo=True, is_active=True).order_by("pk")
        if not rows or not people.password_file().exists():
            return
        secret = people.password()
        self.stdout.write(f"Demo log-ins, all with the password {secret}")
        for user in rows:
            self.stdout.write(f"  {user.username:<10} {user.name}")
        self.stdout.write(f"Begin as reviewer: {settings.PUBLIC_URL}")

    def flip(self, options: dict[str, Any]) -> None:
        if not drills.flip(folder=Path(options["out"]), say=self.stdout.write):
            raise CommandError("The checks did not tell the two files apart.")

    def tamper(self, options: dict[str, Any]) -> None:
        url = os.environ.get("GATEHOUSE_SUPERUSER_URL", "")
        if not url:
            raise CommandError("This needs the database's superuser: use ./gatehouse demo tamper.")
        if not drills.tamper(superuser_url=url, say=self.stdout.write):
            raise CommandError("The edited row was not named.")
