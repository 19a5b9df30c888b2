"""Where one installation keeps its things: the project, its environment, its data folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from launcher.errors import LauncherError

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Installation:
    """The project's code and one data folder; several data folders may share the code."""

    project: Path
    var: Path

    @property
    def venv(self) -> Path:
        return self.project / ".venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def keys(self) -> Path:
        return self.var / "keys"

    @property
    def run(self) -> Path:
        return self.var / "run"

    @property
    def logs(self) -> Path:
        return self.var / "logs"

    @property
    def artifacts(self) -> Path:
        return self.var / "artifacts"

    @property
    def static(self) -> Path:
        return self.var / "static"

    @property
    def backups(self) -> Path:
        return self.var / "backups"

    @property
    def home(self) -> Path:
        """What the services may write besides the data: the clock's memory, caches of libraries."""
        return self.run / "home"

    @property
    def lock_file(self) -> Path:
        return self.run / "lock"

    @property
    def holder_file(self) -> Path:
        """Who holds the lock, and where it answers."""
        return self.run / "supervisor.json"

    @property
    def children_file(self) -> Path:
        """The supervisor's children, for the next run to clear away if need be."""
        return self.run / "pids.json"

    @property
    def failure_file(self) -> Path:
        """Why the last run ended, when it did not end by itself."""
        return self.run / "last-failure"

    @property
    def state_file(self) -> Path:
        """Digests of what was already done, so that it is not done again."""
        return self.var / "digests.json"


def locate(environ: Mapping[str, str], project: Path = PROJECT) -> Installation:
    """The installation of this project that the environment names (GATEHOUSE_VAR, else `var/`)."""
    chosen = environ.get("GATEHOUSE_VAR", "").strip()
    return Installation(project, Path(os.path.abspath(os.path.expanduser(chosen))) if chosen else project / "var")


def make_folders(place: Installation) -> None:
    """Make the data folder, private to this user. Folders that exist keep the mode they have.

    Root's may be passed through (0711, not listed), because its servers run as another user, who has to reach
    folders of their own below; what is secret lies in folders of mode 0700.
    """
    passable = 0o711 if os.geteuid() == 0 else 0o700
    wanted = [(place.var, passable), (place.run, passable), (place.static, 0o755)]
    wanted += [(folder, 0o700) for folder in (place.keys, place.logs, place.artifacts, place.backups)]
    wanted += [(place.var / "redis", 0o700), (place.home, 0o700)]
    for folder, mode in wanted:
        try:
            make_folder(folder, mode)
        except OSError as error:
            how = "Run as the user it belongs to, or choose another data folder: GATEHOUSE_VAR=/path ./gatehouse run"
            raise LauncherError(f"Cannot make {folder}: {error.strerror}.", how) from error
    if not os.access(place.run, os.W_OK | os.X_OK) or not os.access(place.keys, os.R_OK | os.X_OK):
        how = "Run as that user, or choose another data folder: GATEHOUSE_VAR=/path ./gatehouse run"
        raise LauncherError(f"{place.var} belongs to another user.", how)


def make_folder(folder: Path, mode: int) -> None:
    """Make one folder with exactly this mode; leave it alone if it exists."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=mode)
    folder.chmod(mode)


def public_url(environ: Mapping[str, str], port: int) -> str:
    """The origin that people type: GATEHOUSE_URL, else localhost (passkeys refuse an IP address)."""
    url = environ.get("GATEHOUSE_URL", "").strip().rstrip("/") or f"http://localhost:{port}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
        raise LauncherError(
            f"GATEHOUSE_URL is {url!r}, which is no origin.", "It looks like https://gatehouse.example.org"
        )
    return url
