"""Backup and restore of one installation: database, artifacts, keys and outside checkpoints in one tar file."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from launcher import postgres, services
from launcher.errors import LauncherError
from launcher.installation import Installation

DUMP = "database.dump"
FOLDERS = ("artifacts", "keys", "checkpoints")


def _tool(place: Installation, name: str) -> Path:
    wheel = postgres.wheel_folder(place)
    found = wheel / "bin" / name if wheel else None
    if found is not None and found.exists():
        return found
    if path := shutil.which(name):
        return Path(path)
    raise LauncherError(f"There is no {name}.", "Install PostgreSQL's client programs.")


def _run(arguments: list[str | Path]) -> None:
    done = subprocess.run(
        [os.fspath(part) for part in arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise LauncherError(f"{Path(arguments[0]).name} failed:\n{done.stderr.strip()}")


def write(place: Installation, stores: services.Stores, target: Path) -> None:
    """Write the backup; the file appears whole or not at all. It holds the keys, so its mode is 0600."""
    url = stores.urls(powers="superuser")["DATABASE_URL"]
    part = target.with_name(f"{target.name}.part")
    with tempfile.TemporaryDirectory(dir=place.run) as folder:
        dump = Path(folder) / DUMP
        # The dump first: artifacts are only ever added, so those it names are there when they are copied.
        _run([_tool(place, "pg_dump"), "--format=custom", "--no-password", f"--file={dump}", url])
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as tar:
            tar.add(dump, DUMP)
            for name in FOLDERS:
                if (place.var / name).is_dir():
                    tar.add(place.var / name, name, filter=_without_passwords)
    part.replace(target)


def _without_passwords(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """The embedded server's passwords belong to the server that runs now, not to the data."""
    return None if Path(member.name).name.startswith("pg_") else member


def read(place: Installation, stores: services.Stores, source: Path) -> None:
    """Put a backup back into this installation's database and folders. What was there is replaced.

    Raises LauncherError before anything is changed when the file is no backup.
    """
    with tempfile.TemporaryDirectory(dir=place.run) as folder:
        try:
            with tarfile.open(source) as tar:
                if DUMP not in tar.getnames():
                    raise LauncherError(f"{source} is no backup of Gatehouse: it holds no {DUMP}.")
                tar.extractall(folder, filter="data")
        except (OSError, tarfile.TarError) as error:
            raise LauncherError(f"{source} cannot be read: {error}") from error
        url = stores.urls(powers="superuser")["DATABASE_URL"]
        _run(
            [_tool(place, "pg_restore"), "--clean", "--if-exists", "--no-password", "--exit-on-error"]
            + ["--single-transaction", f"--dbname={url}", Path(folder) / DUMP]
        )
        for name in FOLDERS:
            if (Path(folder) / name).is_dir() and name != "checkpoints":
                shutil.copytree(Path(folder) / name, place.var / name, dirs_exist_ok=True)
        kept = place.var / "checkpoints"
        if (Path(folder) / "checkpoints").is_dir() and not kept.exists():
            shutil.copytree(Path(folder) / "checkpoints", kept)
