"""`replay_decision ID`: repeat a stored decision and compare it to the byte."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.models import Decision
from governance.services.decisions import replay_decision


class Command(BaseCommand):
    help = "Repeats a stored decision from its facts and policies; fails on the first byte that differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", nargs="?", help="such as 7 or D-7")
        parser.add_argument("--all", action="store_true", help="repeat every stored decision")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["all"] == bool(options["id"]):
            raise CommandError("Name one decision, or say --all.")
        rows = Decision.objects.order_by("pk")
        if not options["all"]:
            number = str(options["id"]).upper().removeprefix("D-")
            rows = rows.filter(pk=int(number) if number.isdigit() else 0)
            if not rows:
                raise CommandError(f"There is no decision {options['id']}.")
        bad = count = 0
        for row in rows.iterator(chunk_size=200):
            outcome = replay_decision(row)
            count += 1
            bad += not outcome.good
            if not options["all"] or not outcome.good:
                self.stdout.write(f"{row.public_id} {row.digest}: {outcome.text}")
        if options["all"]:
            self.stdout.write(f"{count} repeated, {bad} differ")
        if bad:
            raise CommandError("A decision differs from what was stored.")
