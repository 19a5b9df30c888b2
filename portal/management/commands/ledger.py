"""`manage.py ledger verify|checkpoint|proof`: check the log, sign it now, hand out the proof of one entry."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from portal.ledger.findings import Verification
from portal.ledger.models import LedgerEntry
from portal.ledger.selectors import ASSURANCES, proof_of
from portal.ledger.services import BATCH, LedgerDamaged, sequence, sign_checkpoint
from portal.ledger.verify import verify


class Command(BaseCommand):
    help = "Check the audit log and every governed row, sign a checkpoint, or print the proof of one entry."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        check = verbs.add_parser("verify", help="Exit 0: all agrees. 1: findings. 2: it could not be checked.")
        check.add_argument("--json", action="store_true", help="the outcome as JSON on standard output")
        check.add_argument("--since", type=int, default=0, metavar="IDX", help="do not read entries before IDX again")
        check.add_argument(
            "--checkpoint", action="append", default=[], metavar="FILE", help="a signed note that you kept elsewhere"
        )
        verbs.add_parser("checkpoint", help="Number what waits, sign the tree, print the signed note.")
        proof = verbs.add_parser("proof", help="Print the proof of an entry as JSON.")
        proof.add_argument("idx", type=int)

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(**options)
        except (ImproperlyConfigured, DatabaseError, OSError, LedgerDamaged) as error:
            raise CommandError(f"Could not be done: {error}", returncode=2) from error

    def _verify(self, *, json: bool, since: int, checkpoint: list[str], **options: Any) -> None:
        if since < 0:
            raise CommandError("--since is the number of an entry, 0 or more.", returncode=2)
        own = [Path(name).read_text() for name in checkpoint]
        started = time.monotonic()
        outcome = verify(None if json else self._progress(), since=since, own=own)
        seconds = time.monotonic() - started
        self._as_json(outcome, seconds) if json else self._as_text(outcome, seconds)
        if not outcome.is_clean:
            count = outcome.count
            raise CommandError(f"{count} finding{'s' if count != 1 else ''}. Keep the evidence.", returncode=1)

    def _progress(self) -> Any:
        is_terminal = sys.stderr.isatty()

        def report(percent: int, step: str) -> None:
            if is_terminal:
                self.stderr.write(f"\r{percent:3d} %  {step:<60}", ending="\n" if percent == 100 else "")

        return report

    def _as_json(self, outcome: Verification, seconds: float) -> None:
        self.stdout.write(json.dumps(outcome.document() | {"seconds": round(seconds, 3)}, indent=2))

    def _as_text(self, outcome: Verification, seconds: float) -> None:
        for finding in outcome.findings:
            self.stdout.write(f"{finding.table} {finding.id}: {finding.text} [{finding.kind}]")
        if outcome.count > len(outcome.findings):
            self.stdout.write(f"… and {outcome.count - len(outcome.findings)} more")
        waiting = f" ({outcome.waiting} not numbered yet)" if outcome.waiting else ""
        self.stdout.write(
            f"Read {outcome.entries:,} entries{waiting}, {outcome.rows:,} governed rows, {outcome.checkpoints:,} "
            f"checkpoints and {outcome.outside:,} kept outside, in {seconds:.1f} s."
        )
        self.stdout.write(f"Tree of {outcome.size:,} entries, root {outcome.root or 'cannot be computed'}.")
        level = ASSURANCES[outcome.assurance]
        self.stdout.write(f"Assurance: {level.title}. {level.words}")
        if outcome.is_clean:
            self.stdout.write(self.style.SUCCESS("Nothing contradicts the log."))

    def _checkpoint(self, **options: Any) -> None:
        while sequence() == BATCH:
            pass
        made = sign_checkpoint()
        if made is None:
            raise CommandError("The log is empty: there is nothing to sign.", returncode=2)
        self.stdout.write(made.note, ending="")

    def _proof(self, *, idx: int, **options: Any) -> None:
        entry = LedgerEntry.objects.filter(idx=idx).first()
        bundle = proof_of(entry) if entry else None
        if bundle is None:
            reason = "no entry has this number" if entry is None else "no checkpoint covers it yet"
            raise CommandError(f"No proof of entry {idx}: {reason}.", returncode=2)
        self.stdout.write(json.dumps(bundle, indent=2, ensure_ascii=False))
