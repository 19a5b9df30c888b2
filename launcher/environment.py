"""The Python environment: `.venv`, filled from a lock file whose every package has a hash."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from launcher import system
from launcher.console import Console
from launcher.errors import LauncherError
from launcher.installation import Installation
from launcher.locks import Lock, read_json, write_json

RUNTIME = "requirements.lock"
DEVELOPMENT = "requirements-dev.lock"
_SHIM = """#!/bin/sh
# `gatehouse` inside the environment is the project's launcher, wherever the project was moved to.
exec "$(dirname -- "$(readlink -f -- "$0")")/../../gatehouse" "$@"
"""


def lock_digest(lock: Path) -> str:
    """What the environment depends on: the lock file's bytes and this interpreter."""
    digest = hashlib.sha256(lock.read_bytes())
    digest.update(f"{sys.implementation.cache_tag} {sys.version_info[:3]}".encode())
    return digest.hexdigest()


def ensure(place: Installation, console: Console, *, development: bool = False) -> None:
    """Make the environment and install what is locked, unless both are as they should be.

    Raises LauncherError with the line that mends it.
    """
    lock = place.project / (DEVELOPMENT if development else RUNTIME)
    if not lock.is_file():
        raise LauncherError(f"{lock} is missing.", "git checkout -- " + lock.name)
    guard = Lock(place.project)
    if not guard.acquire():
        console.say("  another start of this project is installing; waiting for it")
        guard.acquire(timeout=1800)
    try:
        with console.step("Python environment") as step:
            if _works(place):
                step.skip("there")
            else:
                _make(place)
        with console.step("dependencies") as step:
            wanted, done = lock_digest(lock), read_json(_marker(place))
            if done.get(lock.name) == wanted:
                step.skip("unchanged")
            else:
                step.note(f"{_count(lock)} packages, each checked against its hash")
                _install(place, lock)
                # Another lock may have moved a shared package, so only what was installed last is known good;
                # the development lock holds the whole runtime one.
                known = {lock.name: wanted}
                if development and (place.project / RUNTIME).is_file():
                    known[RUNTIME] = lock_digest(place.project / RUNTIME)
                write_json(_marker(place), known)
            _write_shim(place)
    finally:
        guard.release()


def is_current(place: Installation) -> bool:
    """Whether the runtime dependencies are installed as locked."""
    lock = place.project / RUNTIME
    return lock.is_file() and read_json(_marker(place)).get(RUNTIME) == lock_digest(lock)


def _marker(place: Installation) -> Path:
    return place.venv / ".gatehouse-digest"


def _count(lock: Path) -> int:
    return sum("==" in line and not line.startswith((" ", "#")) for line in lock.read_text("utf-8").splitlines())


def _works(place: Installation) -> bool:
    """Whether the environment is whole: a start that was killed may have left half of one."""
    if not os.access(place.python, os.X_OK):
        return False
    if _marker(place).exists():
        # Made by us and finished once; only the interpreter below it may have gone since.
        return place.python.resolve().exists()
    tried = subprocess.run([place.python, "-c", "import pip"], capture_output=True)
    return tried.returncode == 0


def _make(place: Installation) -> None:
    """Make `.venv` anew. Debian's Python comes without ensurepip: install or name the package that has it."""
    if importlib.util.find_spec("ensurepip") is None:
        package = f"python3.{sys.version_info[1]}-venv" if _has_versioned_venv() else "python3-venv"
        why = system.install([package], "python3-venv")
        importlib.invalidate_caches()
        if why:
            raise LauncherError("This Python cannot make an environment (no ensurepip).", system.line([package]))
    if place.venv.is_symlink():
        place.venv.unlink()
    else:
        shutil.rmtree(place.venv, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", place.venv], capture_output=True, text=True)
    if made.returncode != 0:
        shutil.rmtree(place.venv, ignore_errors=True)
        said = (made.stderr or made.stdout).strip()
        raise LauncherError(f"Cannot make {place.venv}:\n{said}", system.line(["python3-venv"]))


def _has_versioned_venv() -> bool:
    """Whether apt knows a package for this very minor version (it has none for the default one's alias only)."""
    name = f"python3.{sys.version_info[1]}-venv"
    return (
        subprocess.run(["apt-cache", "show", name], capture_output=True).returncode == 0
        if shutil.which("apt-cache")
        else False
    )


def _install(place: Installation, lock: Path) -> None:
    """Install with the user's own pip settings. `--no-deps`: the lock is complete, so nothing else may come in."""
    arguments = ["-m", "pip", "install", "--require-hashes", "--no-deps", "--no-input", "--quiet"]
    arguments += ["--disable-pip-version-check", "--no-warn-script-location", "-r", str(lock)]
    done = subprocess.run(
        [place.python, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=place.project,
    )
    if done.returncode != 0:
        said = "\n".join(f"    {line}" for line in done.stdout.strip().splitlines()[-12:])
        again = f"'{place.python}' -m pip install --require-hashes -r {lock.name}"
        how = f"Check the network and pip's index settings, then: {again}"
        raise LauncherError(f"pip could not install the locked packages:\n{said}", how)


def _write_shim(place: Installation) -> None:
    """The command `gatehouse` inside the environment."""
    path = place.venv / "bin" / "gatehouse"
    if not path.exists() or path.read_text(encoding="utf-8") != _SHIM:
        path.write_text(_SHIM, encoding="utf-8")
        path.chmod(0o755)
