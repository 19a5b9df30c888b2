"""`evidence export R-12 --out DIR`: a folder that an auditor can check. `evidence check FILE`: the seal of a PDF."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audits.models import EvidencePack
from audits.services.exporting import export_pack
from audits.services.packs import request_pack
from audits.services.sealing import verify_pdf
from governance.models import Release
from portal.accounts.models import User
from portal.errors import DomainError
from portal.jobs import services as jobs
from portal.jobs.choices import State


class Command(BaseCommand):
    help = "Export an evidence pack as a folder, or check the seal of a PDF."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        export = verbs.add_parser("export", help="write the newest pack of a release as a folder")
        export.add_argument("release", help="such as R-12")
        export.add_argument("--out", required=True, type=Path, help="a folder that does not exist yet")
        export.add_argument("--user", help="make a new pack first, in the name of this person")
        check = verbs.add_parser("check", help="check the seal of a PDF against this installation's root")
        check.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._export(options) if options["verb"] == "export" else self._check(options["file"])
        except DomainError as error:
            raise CommandError(error.diagnostics()) from error

    def _export(self, options: dict[str, Any]) -> None:
        release = self._release(options["release"])
        pack = self._made(release, options["user"]) if options["user"] else self._newest(release)
        for path in export_pack(pack, options["out"].resolve()):
            self.stdout.write(str(path.relative_to(options["out"].resolve())))

    @staticmethod
    def _release(text: str) -> Release:
        digits = text.removeprefix("R-")
        found = Release.objects.filter(pk=int(digits)).first() if digits.isdigit() and len(digits) < 19 else None
        if found is None:
            raise CommandError(f"There is no release {text}.")
        return found

    @staticmethod
    def _newest(release: Release) -> EvidencePack:
        packs = release.evidence_packs.filter(blob__isnull=False).select_related("blob", "document")
        if (pack := packs.order_by("-pk").first()) is None:
            raise CommandError(f"{release} has no evidence pack: make one on its page, or name --user.")
        return pack

    @staticmethod
    def _made(release: Release, username: str) -> EvidencePack:
        actor = User.objects.filter(username__iexact=username).first()
        if actor is None:
            raise CommandError(f"There is no person {username}.")
        pack = request_pack(release, actor=actor)
        jobs.run(pack.job_id)
        pack.refresh_from_db()
        pack.job.refresh_from_db()
        if pack.job.state != State.DONE:
            raise CommandError(f"The pack was not made: {pack.job.error or pack.job.get_state_display()}")
        return pack

    def _check(self, file: Path) -> None:
        try:
            found = verify_pdf(file.read_bytes())
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}") from error
        if not found.good:
            raise CommandError(f"{file.name}: {found.problem}")
        stamp = "with a timestamp" if found.timestamped else "without a timestamp"
        self.stdout.write(f"{file.name}: sealed as a whole by {found.signer}, {stamp}, unchanged since.")
