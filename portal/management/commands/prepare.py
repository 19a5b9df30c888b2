"""`prepare`: bring the database to what this code needs, as the owner of its tables."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from portal.backup import unknown_migrations
from portal.database import sync_guards

# One number for the whole database: two starts do not migrate at once.
PREPARE_LOCK = 0x70726570


class Command(BaseCommand):
    help = "Migrates, makes the cache table and the guards. Refuses a database that newer code has migrated."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--is-empty", action="store_true", help="only say whether anybody has an account")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["is_empty"]:
            self.stdout.write("used" if get_user_model().objects.exists() else "empty")
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [PREPARE_LOCK])
            try:
                self._refuse_newer()
                call_command("migrate", interactive=False, verbosity=0)
                call_command("createcachetable", verbosity=0)
                sync_guards()
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [PREPARE_LOCK])

    def _refuse_newer(self) -> None:
        if found := unknown_migrations(set(MigrationRecorder(connection).applied_migrations())):
            raise CommandError(
                f"This code is older than its database, which has {', '.join(found)}. "
                "Check out the newer version, or restore a backup made before the upgrade."
            )
