"""Where a file comes from in Git, for the draft that is made of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from governance.gates.errors import GateError

_SECONDS = 10
# A name is a name, not a pattern; and looking at a folder runs nothing that its configuration names.
_OPTIONS = ("--literal-pathspecs", "-c", "core.fsmonitor=false")


def git_of(path: Path) -> dict[str, str] | None:
    """{commit, path, remote} of a file as it is committed, what is known of it; None where it is in no Git folder.

    Raises GateError where the file differs from the commit: a draft would name a commit that does not hold it.
    """
    top = _git(path.parent, "rev-parse", "--show-toplevel")
    commit = _git(path.parent, "rev-parse", "--verify", "HEAD")
    if top is None:
        return None
    if commit is None or _git(path.parent, "status", "--porcelain", "--", path.name) != "":
        how = "Commit it first, or say --allow-dirty to send it without naming a commit."
        raise GateError(f"{path} is not committed as it stands.", how=how)
    remote = _git(path.parent, "config", "--get", "remote.origin.url") or ""
    inside = path.resolve().relative_to(Path(top).resolve()).as_posix()
    found = {"commit": commit, "path": inside, "remote": without_login(remote)}
    return {key: value for key, value in found.items() if value}


def subject_of(path: Path) -> str:
    """The first line of the last commit that touched the file; empty where there is none."""
    return _git(path.parent, "log", "-1", "--format=%s", "--", path.name) or ""


def without_login(remote: str) -> str:
    """The address without a user and password that may stand in it."""
    if "://" not in remote:
        return remote
    try:
        parts = urlsplit(remote)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        return urlunsplit((parts.scheme, host + (f":{parts.port}" if parts.port else ""), parts.path, "", ""))
    except ValueError:
        return ""


def _git(folder: Path, *arguments: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    try:
        found = subprocess.run(  # noqa: S603 - fixed arguments, no shell, a program from the PATH
            [program, *_OPTIONS, "-C", str(folder), *arguments], capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.decode(errors="replace").strip() if found.returncode == 0 else None
