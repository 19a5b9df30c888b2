"""Backup and restore of one installation: database, artifacts, keys and outside checkpoints in one tar file.

What touches the database is `manage.py backup`; here the file is packed, unpacked and put in place.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher import postgres, services
from launcher.errors import LauncherError
from launcher.installation import Installation

PARTS = ("database.dump", "manifest.json")


def write(place: Installation, stores: services.Stores, env: dict[str, str], target: Path) -> None:
    """Write the backup; the file appears whole or not at all. It holds the keys, so its mode is 0600.

    The checkpoints are copied before the dump, so that none is newer than it; the artifacts after it, because they
    are only ever added, and those that the dump names are there by then.
    """
    if not target.parent.is_dir():
        raise LauncherError(f"There is no folder {target.parent}.", f"mkdir -p '{target.parent}'")
    part = target.with_name(f"{target.name}.part")
    with _scratch(place) as folder:
        if (place.var / "checkpoints").is_dir():
            shutil.copytree(place.var / "checkpoints", folder / "checkpoints")
        services.manage(place, _as_owner(place, stores, env), "backup", "dump", str(folder))
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as tar:
                for name in (*PARTS, "checkpoints"):
                    if (folder / name).exists():
                        tar.add(folder / name, name)
                for name in ("artifacts", "keys"):
                    if (place.var / name).is_dir():
                        tar.add(place.var / name, name, filter=_without_passwords)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            part.unlink(missing_ok=True)
            raise LauncherError(f"{target} cannot be written: {error.strerror}.") from error
    part.replace(target)


def read(
    place: Installation, stores: services.Stores, env: dict[str, str], source: Path, *, force: bool
) -> Path | None:
    """Put a backup back into this installation's database and folders; where what was there is kept, if anything was.

    Raises LauncherError before anything is changed when the file is no backup, is of newer code, or would make the
    log shorter than what was published (unless `force`).
    """
    owner, flags = _as_owner(place, stores, env), ["--force"] if force else []
    with _scratch(place) as folder:
        _unpack(source, folder)
        services.manage(place, env, "backup", "check", str(folder), *flags)
        kept = None
        if stores.embedded_database and not stores.postgres.fresh and place.state_file.exists():
            kept = place.backups / time.strftime("before-restore-%Y%m%dT%H%M%SZ.tar", time.gmtime())
            write(place, stores, env, kept)
        if (folder / "artifacts").is_dir():
            shutil.copytree(folder / "artifacts", place.artifacts, dirs_exist_ok=True)
        services.manage(place, owner, "backup", "load", str(folder))
        if (folder / "keys").is_dir():
            shutil.copytree(folder / "keys", place.keys, dirs_exist_ok=True)
        # What was published from here since stays the witness; a new machine takes the backup's.
        here = place.var / "checkpoints"
        if (folder / "checkpoints").is_dir() and not (here.is_dir() and any(here.iterdir())):
            shutil.copytree(folder / "checkpoints", here, dirs_exist_ok=True)
        services.manage(place, owner, "prepare")
        # The log's key and its name came with the backup.
        origin = os.environ.get("GATEHOUSE_LEDGER_ORIGIN") or services.log_origin(place, env["GATEHOUSE_URL"])
        env = env | {"GATEHOUSE_LEDGER_ORIGIN": origin}
        services.manage(place, env, "backup", "record", str(folder), *flags)
    place.state_file.unlink(missing_ok=True)
    return kept


@contextmanager
def _scratch(place: Installation) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=place.backups, prefix=".part-") as folder:
        yield Path(folder)


def _unpack(source: Path, folder: Path) -> None:
    try:
        with tarfile.open(source) as tar:
            names = tar.getnames()
            if not set(PARTS) <= set(names):
                raise LauncherError(f"{source} is no backup of Gatehouse: it holds no {PARTS[0]} and {PARTS[1]}.")
            for member in tar:
                if not (member.isreg() or member.isdir()) or ".." in Path(member.name).parts or member.name[0] == "/":
                    raise LauncherError(f"{source} is no backup of Gatehouse: it holds {member.name}.")
            # The filter came with 3.11.4; Debian 12 has an older Python.
            options = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tar.extractall(folder, **options)  # type: ignore[arg-type]  # noqa: S202 (each member is checked above)
    except (OSError, tarfile.TarError) as error:
        raise LauncherError(f"{source} cannot be read: {error}") from error


def _as_owner(place: Installation, stores: services.Stores, env: dict[str, str]) -> dict[str, str]:
    """The owner's powers, and where PostgreSQL's own programs are."""
    wheel = postgres.wheel_folder(place)
    programs = {"GATEHOUSE_PG_BIN": str(wheel / "bin")} if wheel is not None and stores.embedded_database else {}
    return env | stores.urls(powers="owner") | programs


def _without_passwords(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """The embedded server's passwords belong to the server that runs now, not to the data."""
    return None if Path(member.name).name.startswith("pg_") else member
