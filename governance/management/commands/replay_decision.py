"""`manage.py replay_decision ID [--all]`: repeat a stored decision from its own parts; the same bytes, or exit 1."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.models import Decision
from governance.services.decisions import replay_decision


class Command(BaseCommand):
    help = "Repeat stored decisions from their facts and policies. Exit 1 unless every one gives the same bytes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("decision", nargs="?", metavar="ID", help="D-7 or 7")
        parser.add_argument("--all", action="store_true", help="every stored decision")

    def handle(self, *args: Any, decision: str | None, **options: Any) -> None:
        if (decision is None) == (not options["all"]):
            raise CommandError("Name one decision, such as D-7, or give --all.", returncode=2)
        rows = Decision.objects.order_by("pk")
        if decision is not None:
            digits = decision.upper().removeprefix("D-")
            rows = (
                rows.filter(pk=int(digits))
                if digits.isascii() and digits.isdigit() and len(digits) < 19
                else rows.none()
            )
            if not rows.exists():
                raise CommandError(f"There is no decision {decision}.", returncode=2)
        wrong = count = 0
        for row in rows.iterator(chunk_size=200):
            outcome = replay_decision(row)
            count += 1
            wrong += not outcome.identical
            if decision is not None or not outcome.identical:
                self.stdout.write(f"{row.public_id} {row.digest}: {outcome.text}")
        if wrong:
            raise CommandError(f"{wrong} of {count} decisions gave other bytes.", returncode=1)
        self.stdout.write(f"{count} decision{'' if count == 1 else 's'} replayed: identical.")
