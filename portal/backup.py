"""Dump and restore of the database, by PostgreSQL's own programs, with what the ledger has to be asked about it.

A manifest goes with every dump: how long the log was in exactly that dump, and which migrations it had. It is read
in the dump's own snapshot, so that a restore can refuse before it changes anything.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader

from portal.errors import DomainError
from portal.ledger.outside import high_water_mark
from portal.ledger.services import Subject, record

FORMAT = 1
# All of it or nothing: the script of the dump runs in the same transaction.
RESET = """SET lock_timeout = '30s';
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
ALTER SCHEMA public OWNER TO pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""


class BackupRefused(DomainError):
    """A backup cannot be made or put back."""

    status = 409
    title = "The backup cannot be used"


@dataclass(frozen=True)
class Manifest:
    """What is known of a dump without reading it."""

    format: int
    ledger_size: int
    origin: str
    migrations: list[str]

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Raises BackupRefused for a file that is none of ours."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            manifest = cls(**found)
        except (OSError, ValueError, TypeError) as error:
            raise BackupRefused(f"The manifest of the backup cannot be read: {error}", code="bad-manifest") from error
        if manifest.format != FORMAT:
            raise BackupRefused(
                f"The backup has format {manifest.format}; this code reads {FORMAT}.",
                code="other-format",
                how="Restore it with the version that wrote it, then upgrade.",
            )
        return manifest


def unknown_migrations(applied: set[tuple[str, str]]) -> list[str]:
    """Which of these migrations newer code must have made, because this code does not have them."""
    known = set(MigrationLoader(None).disk_migrations)
    ours = {app for app, _ in known}
    return sorted(f"{app}.{name}" for app, name in applied - known if app in ours)


def dump(folder: Path) -> Manifest:
    """Write `database.dump` and `manifest.json` of one and the same moment into the folder."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot = cursor.fetchone()[0]
        applied = MigrationLoader(connection).applied_migrations
        # Not by the model: before an upgrade the table is as older code left it.
        cursor.execute("SELECT coalesce(max(idx) + 1, 0) FROM ledger_ledgerentry")
        size = cursor.fetchone()[0]
        manifest = Manifest(FORMAT, size, settings.LEDGER_ORIGIN, sorted(f"{a}.{n}" for a, n in applied))
        target = f"--file={folder / 'database.dump'}"
        _client("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", target])
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
    return manifest


def refuse_unfit(manifest: Manifest, *, force: bool) -> None:
    """Raise BackupRefused when this dump must not replace what is here; reads no database.

    A log shorter than a published checkpoint would be a fork: the entries between are known outside.
    """
    unknown = unknown_migrations({(app, name) for app, _, name in (m.partition(".") for m in manifest.migrations)})
    if unknown:
        raise BackupRefused(
            f"The backup is of newer code: it has {', '.join(unknown)}.",
            code="newer-code",
            how="Check out the version that wrote it.",
        )
    mark = high_water_mark()
    if mark is not None and mark.size > manifest.ledger_size and not force:
        raise BackupRefused(
            f"The backup's log has {manifest.ledger_size} entries; a checkpoint of {mark.size} was published since.",
            code="shorter-log",
            how="Restoring it would fork the log. Use a newer backup, or --force and a new GATEHOUSE_LEDGER_ORIGIN.",
        )


def load(folder: Path) -> None:
    """Replace everything in the database by the folder's dump, in one transaction. Run as the owner."""
    script, reset = folder / "restore.sql", folder / "reset.sql"
    reset.write_text(RESET, encoding="utf-8")
    # A comment vouches for the guards; the grants it vouches for are not in the dump, so it may not be either.
    plain = ["--no-owner", "--no-privileges", "--no-comments"]
    _client("pg_restore", [*plain, f"--file={script}", str(folder / "database.dump")])
    arguments = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    _client("psql", [*arguments, f"--file={reset}", f"--file={script}"])


def record_restore(manifest: Manifest, *, forced: bool) -> None:
    """Say in the ledger that a backup was put back; the log goes on from there."""
    mark = high_water_mark()
    body: dict[str, Any] = {
        "size": manifest.ledger_size,
        "published": mark.size if mark else 0,
        "origin": manifest.origin,
        "forced": forced,
    }
    with transaction.atomic():
        record(actor=None, event="ledger:backup:restored", subject=Subject("portal.backup", "restore"), body=body)


def _client(name: str, arguments: Sequence[str]) -> None:
    """Run one of PostgreSQL's programs against our database; the password goes by the environment, not by `ps`."""
    program = shutil.which(name, path=os.environ.get("GATEHOUSE_PG_BIN", "")) or shutil.which(name)
    if program is None:
        raise BackupRefused(
            f"There is no {name}.",
            code="no-client",
            how="Install PostgreSQL's client programs of the server's version.",
        )
    target = connection.settings_dict
    named = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    env = {variable: str(target[key]) for variable, key in named.items() if target.get(key)}
    options = target.get("OPTIONS", {})
    env |= {f"PG{key.upper()}": str(options[key]) for key in ("sslmode", "sslrootcert") if options.get(key)}
    if options.get("host"):
        env["PGHOST"] = str(options["host"])
    env["PATH"] = os.environ.get("PATH", os.defpath)
    done = subprocess.run([program, *arguments], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)  # noqa: S603
    if done.returncode != 0:
        raise BackupRefused(f"{name} failed: {done.stderr.strip()[-2000:]}", code="client-failed")
