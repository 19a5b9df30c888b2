"""`backup dump|check|load|record FOLDER`: the database's part of `./gatehouse backup` and `./gatehouse restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import backup
from portal.errors import DomainError


class Command(BaseCommand):
    help = "Dumps the database into a folder with a manifest, checks such a folder, loads it, records the restore."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=["dump", "check", "load", "record"])
        parser.add_argument("folder", type=Path)
        parser.add_argument("--force", action="store_true", help="although the log would become shorter")

    def handle(self, *args: Any, **options: Any) -> None:
        folder, force = options["folder"], options["force"]
        try:
            if options["act"] == "dump":
                self.stdout.write(f"{backup.dump(folder).ledger_size}")
                return
            manifest = backup.Manifest.read(folder / "manifest.json")
            if options["act"] == "check":
                backup.refuse_unfit(manifest, force=force)
            elif options["act"] == "load":
                backup.load(folder)
            else:
                backup.record_restore(manifest, forced=force)
        except DomainError as error:
            raise CommandError(error.diagnostics()) from error
