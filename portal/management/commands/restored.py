"""`restored`: says in the ledger that a backup was put back; the log goes on and is not forked."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from portal.ledger.outside import high_water_mark
from portal.ledger.services import Subject, record, tree_size


class Command(BaseCommand):
    help = "Records a restore. Refuses a log shorter than the last published checkpoint unless told."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--force", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        mark, size = high_water_mark(), tree_size()
        if mark is not None and mark.size > size and not options["force"]:
            raise CommandError(
                f"The backup's log has {size} entries, and a checkpoint of {mark.size} was published since. "
                "Restoring it would fork the log. Use a newer backup, or --force and a new GATEHOUSE_LEDGER_ORIGIN."
            )
        with transaction.atomic():
            published = mark.size if mark else 0
            body = {"size": size, "published": published, "forced": bool(options["force"])}
            record(actor=None, event="ledger:backup:restored", subject=Subject("portal.backup", "restore"), body=body)
