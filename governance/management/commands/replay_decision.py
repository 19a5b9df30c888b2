"""`manage.py replay_decision ID | --all`: repeat stored decisions from their own parts; the same bytes, or exit 1."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Prefetch, QuerySet

from governance.models import Decision, DecisionPolicy
from governance.services.decisions import replay_decision

CHUNK = 500
SHOWN = 20


def in_chunks(rows: QuerySet[Decision]) -> Iterator[Decision]:
    """The decisions with their policies, in the order they were made; memory does not grow with their number."""
    bundle = DecisionPolicy.objects.select_related("policy_version").order_by("position")
    rows, last = rows.order_by("pk").prefetch_related(Prefetch("bundle", queryset=bundle)), 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        yield from chunk
        last = chunk[-1].pk


class Command(BaseCommand):
    help = "Repeat stored decisions from their facts and policies. Exit 1 unless every one gives the same bytes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("decision", nargs="?", metavar="ID", help="D-7 or 7")
        parser.add_argument("--all", action="store_true", help="every stored decision")
        parser.add_argument("--keep-going", action="store_true", help="do not stop at the first that differs")
        parser.add_argument("--progress", action="store_true", help="say how far it is on standard error")

    def handle(self, *args: Any, decision: str | None, **options: Any) -> None:
        if (decision is None) == (not options["all"]):
            raise CommandError("Name one decision, such as D-7, or give --all.", returncode=2)
        rows = Decision.objects.all() if decision is None else self._one(decision)
        total = rows.count() if options["progress"] else 0
        wrong = count = other_engine = 0
        for row in in_chunks(rows):
            outcome = replay_decision(row)
            count += 1
            wrong += not outcome.good
            other_engine += outcome.good and not outcome.identical
            if decision is not None or (not outcome.identical and wrong + other_engine <= SHOWN):
                self.stdout.write(f"{row.public_id} {row.digest}: {outcome.text}")
            if total and count % CHUNK == 0:
                self.stderr.write(f"{count:,} of {total:,}")
            if wrong and not options["keep_going"]:
                break
        if wrong:
            raise CommandError(f"{wrong} of {count} decisions gave other bytes.", returncode=1)
        same = f"{count} decision{'' if count == 1 else 's'} replayed: "
        more = f"identical but for {other_engine}: verdict equal, engine differs." if other_engine else "identical."
        self.stdout.write(same + more)

    @staticmethod
    def _one(decision: str) -> QuerySet[Decision]:
        digits = decision.upper().removeprefix("D-")
        plain = digits.isascii() and digits.isdigit() and len(digits) < 19
        rows = Decision.objects.filter(pk=int(digits)) if plain else Decision.objects.none()
        if not rows.exists():
            raise CommandError(f"There is no decision {decision}.", returncode=2)
        return rows
