"""One process that starts everything, watches it, and stops it in order. Killed itself, it leaves nothing behind."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from launcher import environment, locks, ports, privileges, processes, secrets_store, services, system, upgrade
from launcher.console import Console
from launcher.errors import LauncherError, Stopped
from launcher.installation import Installation, make_folders, public_url

READY_SECONDS = 90.0
COMMAND_SECONDS = 120.0
# A service that dies at once again and again is not restarted for ever.
RESTARTS, WINDOW = 5, 60.0


@contextlib.contextmanager
def signals_end() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise Stopped, once; later ones are ignored while things are stopped."""

    def stop(number: int, _frame: FrameType | None) -> None:
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)
        raise Stopped(signal.Signals(number).name)

    before = {name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


class Supervisor:
    """`run()` returns the exit code when everything has stopped."""

    def __init__(self, place: Installation, console: Console, *, empty: bool, ready: Callable[[], None]) -> None:
        self.place = place
        self.console = console
        self.empty = empty
        self.ready = ready
        self.environ = dict(os.environ)
        self.stores = services.Stores(place, self.environ)
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.deaths: dict[str, list[float]] = {}

    def run(self) -> int:
        """Start, watch, stop. Raises LauncherError for what a person has to mend."""
        make_folders(self.place)
        lock = self._lock()
        try:
            with signals_end():
                try:
                    self.start()
                    self.watch()
                except Stopped as stopped:
                    self.console.say(f"{stopped}: stopping")
                finally:
                    self.stop()
        finally:
            self.place.holder_file.unlink(missing_ok=True)
            lock.release()
        return 0

    def _lock(self) -> locks.Lock:
        """The lock of the data folder. A command that uses the servers for a moment is waited for."""
        lock = locks.Lock(self.place.lock_file)
        limit, said = time.monotonic() + COMMAND_SECONDS, False
        while not lock.acquire(timeout=0.5):
            if record := locks.holder(self.place.holder_file):
                where = record.get("url") or "it is starting"
                raise LauncherError(f"Gatehouse runs already: {where}.", "./gatehouse stop ends it.")
            if time.monotonic() > limit:
                raise LauncherError("Another command of this installation does not end.", "Wait for it, or end it.")
            if not said:
                self.console.say("  another command of this installation is under way; waiting for it")
                said = True
        (self.place.run / "sockets").unlink(missing_ok=True)
        return lock

    def start(self) -> None:
        """Every step with its line."""
        self.console.log = self.place.logs / "launcher.log"
        locks.write_holder(self.place.holder_file, url="")
        environment.ensure(self.place, self.console)
        self._system()
        services.clear_strays(self.place)
        wanted = ports.wanted_port(self.environ)
        self.port = self.stores.port = ports.choose(wanted)
        self.url = public_url(self.environ, self.port)
        with self.console.step("secrets") as step:
            if not secrets_store.secret_key(self.place):
                step.skip("there")
        with self.console.step("database") as step:
            self.stores.start_database()
            if not self.stores.embedded_database:
                step.note("at DATABASE_URL")
        with self.console.step("queue"):
            self.stores.start_queue()
        self.stores.remember()
        self.env = services.child_environment(self.place, self.environ, self.port, self.stores.urls())
        self._give_up_rights()
        upgrade.prepare(self.place, self.console, self.stores, self.env)
        with self.console.step("web, worker, clock") as step:
            for name in ("web", "worker", "beat"):
                self._spawn(name)
            self._wait_ready()
            if self.port != wanted:
                step.warn(f"port {wanted} is taken, so it is {self.port}")
        self._record()
        self._seed()
        self.console.say()
        self.console.say(f"Gatehouse answers at {self.url}")
        self._logins()
        if not self.environ.get("GATEHOUSE_DETACHED"):
            self.console.say("Ctrl-C stops it.")
        self.ready()

    def _system(self) -> None:
        with self.console.step("system libraries") as step:
            missing = system.missing_pdf_packages()
            if not missing:
                step.skip("there")
            elif why := system.install(missing, "What PDF needs"):
                step.warn(why)

    def _give_up_rights(self) -> None:
        """Root's services run as another user, who needs its files, and finds the code compiled."""
        if self.stores.why_root:
            self.console.say(f"{self.console.marks['warned']} {self.stores.why_root}")
        elif self.stores.account is not None:
            self.stores.hand_over()
            privileges.compile_code(self.place)

    def _command(self, name: str) -> list[str | Path]:
        if name == "web":
            return services.web_command(self.place, self.port)
        return services.worker_command(self.place) if name == "worker" else services.beat_command(self.place)

    def _spawn(self, name: str) -> None:
        account = self.stores.account
        self.children[name] = processes.spawn(
            self._command(name),
            log=self.place.logs / f"{name}.log",
            env=self.env | privileges.home(self.place, account),
            cwd=self.place.project,
            account=account,
        )

    def _record(self) -> None:
        locks.write_holder(self.place.holder_file, url=self.url, port=self.port)
        everything = {**self.stores.children, **self.children}
        locks.write_json(self.place.children_file, {name: child.pid for name, child in everything.items()})

    def _wait_ready(self) -> None:
        """Wait until the portal says that its database, queue and keys are as they should be."""
        limit, said = time.monotonic() + READY_SECONDS, ""
        while time.monotonic() < limit:
            for name, child in self.children.items():
                if processes.has_ended(child):
                    raise LauncherError(
                        f"{name} did not start:\n{services.log_tail(self.place, name)}", "./gatehouse doctor"
                    )
            good, answer = self._asked()
            if good:
                return
            said = answer or said
            time.sleep(0.1)
        raise LauncherError(f"The portal does not become ready: {said}", "./gatehouse logs web")

    def _asked(self) -> tuple[bool, str]:
        """Whether the portal calls itself ready, and what it says when it does not."""
        host = os.environ.get("GATEHOUSE_BIND", "")
        address = "127.0.0.1" if host in ("", "0.0.0.0", "::", "[::]") else host  # noqa: S104 (compared, not bound)
        request = urllib.request.Request(f"http://{address}:{self.port}/readyz", headers={"Host": "localhost"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 (our own address)
                return answer.status == 200, ""
        except urllib.error.HTTPError as error:
            return False, error.read(2000).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return False, ""

    def _seed(self) -> None:
        if self.empty or not upgrade.is_empty(self.place, self.stores, self.env):
            return
        self.console.say(f"{self.console.marks['busy']} demo: a minute of real work the first time")
        try:
            services.manage(self.place, self.env, "demo", "seed", quiet=False, account=self.stores.account)
        except LauncherError:
            # The portal itself works; what the seed said stands above.
            self.console.say(f"{self.console.marks['warned']} the demo could not be added; the portal has none")

    def _logins(self) -> None:
        with contextlib.suppress(LauncherError):
            text = services.manage(self.place, self.env, "demo", "logins", account=self.stores.account).rstrip()
            if text:
                self.console.say(text, keep=False)

    def watch(self) -> None:
        """Restart what dies, until a signal comes. The database first: nothing works without it."""
        while True:
            for name in ("postgres", "redis"):
                child = self.stores.children.get(name)
                if child is not None and processes.has_ended(child):
                    self._mourn(name, child)
                    if name == "postgres":
                        self.stores.start_database()
                    else:
                        self.stores.start_queue()
                    self._record()
            for name, child in list(self.children.items()):
                if processes.has_ended(child):
                    self._mourn(name, child)
                    self._spawn(name)
                    self._record()
            time.sleep(0.25)

    def _mourn(self, name: str, child: subprocess.Popen[bytes]) -> None:
        code, now = processes.sweep(child), time.monotonic()
        recent = [at for at in self.deaths.get(name, []) if now - at < WINDOW]
        self.deaths[name] = [*recent, now]
        if len(recent) >= RESTARTS:
            text = f"{name} ends again and again (exit {code}):\n{services.log_tail(self.place, name)}"
            self.place.failure_file.write_text(text + "\n", encoding="utf-8")
            raise LauncherError(text, "./gatehouse doctor")
        self.console.say(f"! {name} ended (exit {code}); starting it again")

    def stop(self) -> None:
        """Web, worker, clock, queue, database; each is asked first and killed if it does not listen."""
        for name, seconds in (("web", 15.0), ("worker", 15.0), ("beat", 5.0)):
            if child := self.children.pop(name, None):
                processes.end(child, signal.SIGTERM, seconds)
        self.stores.stop()
        self.place.children_file.unlink(missing_ok=True)
        (self.place.run / "sockets").unlink(missing_ok=True)
