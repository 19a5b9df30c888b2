"""What runs: the database, the queue, the web, the worker and the clock, and the environment each of them gets."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from launcher import postgres, privileges, processes, redis, secrets_store
from launcher.errors import LauncherError, tail
from launcher.installation import Installation, public_url
from launcher.processes import Account

# Children inherit what a person set for them, and nothing that would point them at another installation.
_FOREIGN = ("DATABASE_OWNER_URL", "GATEHOUSE_SUPERUSER_URL", "DJANGO_SETTINGS_MODULE", "PYTHONPATH", "PYTHONHOME")


def mark_of(place: Installation) -> str:
    """The word that children of this data folder carry in their environment."""
    return str(place.var)


@dataclass
class Stores:
    """The database and the queue of one installation: embedded, or where the environment says."""

    place: Installation
    environ: Mapping[str, str]
    durable: bool = True
    port: int | None = None
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.embedded_database = not self.environ.get("DATABASE_URL")
        self.embedded_queue = not self.environ.get("REDIS_URL")
        self.postgres = postgres.Postgres(self.place, durable=self.durable)
        self.redis = redis.Redis(self.place)

    @functools.cached_property
    def _identity(self) -> tuple[Account | None, str]:
        return privileges.for_services(self.place, self.port)

    @property
    def account(self) -> Account | None:
        """The user of queue, web, worker and clock; None for the one who started the launcher.

        To be asked for once the environment is installed and the port is chosen.
        """
        return self._identity[0]

    @property
    def why_root(self) -> str:
        """Why the services keep root's rights; empty when they have none."""
        return self._identity[1]

    def hand_over(self) -> None:
        """Give the services' user what it has to read and write, whoever made it."""
        if self.account is not None:
            privileges.hand_over(self.place, self.account)

    def start_database(self) -> None:
        """Start the embedded server and wait for it; nothing to do for one elsewhere."""
        if self.embedded_database:
            self.postgres.prepare()
            self.children["postgres"] = self.postgres.start()
            postgres.wait_ready(self.postgres, self.children["postgres"])

    def start_queue(self) -> None:
        """Start the embedded queue and wait for it; nothing to do for one elsewhere."""
        if self.embedded_queue:
            self.redis.prepare(self.account)
            self.children["redis"] = self.redis.start()
            redis.wait_ready(self.redis, self.children["redis"])

    def attach(self) -> None:
        """Learn how to reach the servers that a running supervisor has started."""
        record = self.place.run / "sockets"
        found = dict(line.split("=", 1) for line in record.read_text(encoding="utf-8").splitlines())
        try:
            if self.embedded_database:
                self.postgres.passwords, _ = secrets_store.passwords(self.place)
                self.postgres.sockets = Path(found["postgres"])
            if self.embedded_queue:
                self.redis.socket = Path(found["redis"])
        except KeyError as error:
            how = "Set DATABASE_URL and REDIS_URL as they were set for the run."
            raise LauncherError(f"What runs has no {error.args[0]} of its own.", how) from None

    def remember(self) -> None:
        """Write down where the servers answer, for `attach`."""
        lines = []
        if self.embedded_database:
            lines.append(f"postgres={self.postgres.sockets}")
        if self.embedded_queue:
            lines.append(f"redis={self.redis.socket}")
        (self.place.run / "sockets").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def stop(self) -> None:
        """Stop what was started here, the queue first."""
        if child := self.children.pop("redis", None):
            processes.end(child, signal.SIGTERM, 5.0)
        if child := self.children.pop("postgres", None):
            processes.end(child, signal.SIGINT, 30.0)

    def urls(self, *, powers: str = "app") -> dict[str, str]:
        """Addresses as a child with these powers needs them: app, owner (migrates) or superuser (drills)."""
        found = {"REDIS_URL": self.environ.get("REDIS_URL") or self.redis.url}
        if not self.embedded_database:
            app = self.environ["DATABASE_URL"]
            owner = self.environ.get("DATABASE_OWNER_URL") or app
            superuser = self.environ.get("GATEHOUSE_SUPERUSER_URL", "")
        else:
            app, owner = self.postgres.url_of(postgres.APP), self.postgres.url_of(postgres.OWNER)
            superuser = self.postgres.url_of(postgres.SUPERUSER)
        found["DATABASE_URL"] = {"app": app, "owner": owner, "superuser": superuser or owner}[powers]
        if powers in ("owner", "superuser"):
            found["DATABASE_OWNER_URL"] = owner
        if powers == "superuser" and superuser:
            found["GATEHOUSE_SUPERUSER_URL"] = superuser
        return found


def child_environment(
    place: Installation, environ: Mapping[str, str], port: int, urls: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a Django child: the caller's, made to mean this installation only."""
    kept = {key: value for key, value in environ.items() if key not in _FOREIGN}
    url = public_url(environ, port)
    return kept | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "GATEHOUSE_VAR": str(place.var),
        "GATEHOUSE_PORT": str(port),
        "GATEHOUSE_URL": url,
        "GATEHOUSE_LEDGER_ORIGIN": environ.get("GATEHOUSE_LEDGER_ORIGIN") or log_origin(place, url),
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{place.venv / 'bin'}{os.pathsep}{environ.get('PATH', os.defpath)}",
        processes.MARK: mark_of(place),
        **urls,
    }


def log_origin(place: Installation, url: str) -> str:
    """The log's name, chosen at the first start and kept beside its key: another port or address is no other log."""
    path = place.keys / "ledger_origin"
    if path.exists():
        return path.read_text(encoding="utf-8").strip()
    origin = f"{url.split('://', 1)[1]}/gatehouse"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(f"{origin}\n")
    return origin


def web_command(place: Installation, port: int) -> list[str | Path]:
    """gunicorn on both loopback addresses: a browser asked for localhost tries ::1 first."""
    command: list[str | Path] = [place.python, "-m", "gunicorn", "portal.wsgi:application", "-c", "portal/gunicorn.py"]
    host = os.environ.get("GATEHOUSE_BIND", "")
    if host:
        return [*command, "--bind", f"{host}:{port}"]
    command += ["--bind", f"127.0.0.1:{port}"]
    return [*command, "--bind", f"[::1]:{port}"] if Path("/proc/net/if_inet6").exists() else command


def worker_command(place: Installation) -> list[str | Path]:
    """One process for jobs, replaced when it has grown large."""
    concurrency = os.environ.get("GATEHOUSE_WORKERS", "1")
    command: list[str | Path] = [place.python, "-m", "celery", "-A", "portal", "worker", "--concurrency", concurrency]
    return [*command, "--loglevel", "WARNING", "--without-gossip", "--without-mingle", "-O", "fair"]


def beat_command(place: Installation) -> list[str | Path]:
    """The clock that wakes sweepers. Its schedule file is only a memory of last runs."""
    return [place.python, "-m", "portal.clock", place.home / "beat-schedule"]


def manage(
    place: Installation, env: Mapping[str, str], *arguments: str, quiet: bool = True, account: Account | None = None
) -> str:
    """Run a Django command to its end; its output. Raises LauncherError with what it said."""
    done = subprocess.run(
        [place.python, place.project / "manage.py", *arguments],
        **processes.identity(account),
        env=dict(env) | privileges.home(place, account),
        cwd=place.project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
    )
    if done.returncode != 0:
        said = "\n".join(f"    {line}" for line in (done.stdout or "").strip().splitlines()[-15:])
        raise LauncherError(
            f"manage.py {' '.join(arguments)} failed:\n{said}", "./gatehouse doctor says what is missing."
        )
    return done.stdout or ""


def clear_strays(place: Installation) -> None:
    """End what a killed supervisor's children left. We hold the lock, so nobody else's can carry our mark."""
    with contextlib.suppress(OSError):
        processes.end_strays(processes.marked(mark_of(place)))


@contextlib.contextmanager
def temporary(stores: Stores) -> Iterator[Stores]:
    """The stores for one command, stopped afterwards."""
    try:
        stores.start_database()
        stores.start_queue()
        yield stores
    finally:
        stores.stop()


def log_tail(place: Installation, name: str) -> str:
    """The end of a service's log."""
    return tail(place.logs / f"{name}.log")
