"""`./gatehouse VERB`: what each verb does is one function here; the work is in the modules beside it."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from launcher import backups, doctor, environment, locks, ports, processes, secrets_store, services, testing, upgrade
from launcher.console import Console
from launcher.errors import LauncherError
from launcher.installation import Installation, locate, make_folders
from launcher.supervisor import Supervisor

READY = "\x00ready"
STOP_SECONDS, COMMAND_SECONDS = 60.0, 120.0
# Verbs that are Django commands of this installation, and the powers over the database that they need.
DJANGO = {"ledger": "app", "evidence": "app", "demo": "superuser"}
# Verbs that need neither database nor network.
OFFLINE = {"policy": "governance.gates.cli", "bias": "audits.fairness.cli"}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="gatehouse", description="Start, stop and look after this installation.")
    verbs = top.add_subparsers(dest="verb", metavar="VERB")
    run = verbs.add_parser("run", help="install what is needed and start everything")
    run.add_argument("--detach", action="store_true", help="return when healthy; `stop` ends it")
    run.add_argument("--empty", action="store_true", help="do not fill an empty database with the demo")
    verbs.add_parser("stop", help="stop what `run` started")
    verbs.add_parser("status", help="say whether it runs, and where")
    verbs.add_parser("doctor", help="say what is missing, and the line that mends it")
    logs = verbs.add_parser("logs", help="show the end of a log")
    logs.add_argument(
        "name", nargs="?", default="web", choices=["web", "worker", "beat", "postgres", "redis", "launcher"]
    )
    backup = verbs.add_parser("backup", help="write database, artifacts and keys to one file")
    backup.add_argument("file", nargs="?")
    restore = verbs.add_parser("restore", help="put a backup back")
    restore.add_argument("file")
    restore.add_argument("--force", action="store_true", help="although entries published since are missing in it")
    passed = {"test": "run all tests; arguments go to pytest", "manage": "run a Django command of this installation"}
    passed |= {
        "demo": "remove, flip, tamper, logins",
        "ledger": "verify, checkpoint, proof",
        "evidence": "export a pack",
    }
    passed |= {"policy": "eval, test, diff, replay, pull, push, status", "bias": "measure a predictions file: offline"}
    for name, text in passed.items():
        verbs.add_parser(name, help=text, add_help=False).add_argument("arguments", nargs=argparse.REMAINDER)
    verbs.add_parser("help", help="show this")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one verb; the exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    # What goes to another program is not ours to parse: argparse would take its options.
    if given and given[0] in {"test", "manage", *DJANGO, *OFFLINE}:
        options = argparse.Namespace(verb=given[0], arguments=given[1:])
    else:
        options = parser().parse_args(given)
    place = locate(os.environ)
    try:
        return _carry_out(place, options)
    except LauncherError as error:
        print(f"✗ {error.message}", file=sys.stderr)
        if error.how:
            print(f"  {error.how}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _carry_out(place: Installation, options: argparse.Namespace) -> int:
    verb = options.verb
    if verb == "run":
        return _detach(place, options) if options.detach else _run(place, options)
    if verb in OFFLINE:
        return _offline(place, verb, options.arguments)
    if verb in DJANGO:
        return _django(place, [verb, *options.arguments], powers=DJANGO[verb])
    if verb == "manage":
        return _django(place, options.arguments)
    if verb == "test":
        return testing.run(place, options.arguments)
    if verb == "restore":
        return _restore(place, Path(options.file).resolve(), force=options.force)
    simple = {"stop": _stop, "status": _status, "doctor": doctor.run}
    if verb in simple:
        return simple[verb](place)
    if verb == "logs":
        print(services.log_tail(place, options.name) or f"There is no log of {options.name} yet.")
        return 0
    if verb == "backup":
        return _backup(place, options.file)
    parser().print_help()
    return 0 if verb == "help" else 2


def _run(place: Installation, options: argparse.Namespace) -> int:
    detached = bool(os.environ.get("GATEHOUSE_DETACHED"))

    def ready() -> None:
        if detached:
            sys.stdout.write(f"{READY}\n")
            sys.stdout.flush()
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            os.close(null)

    return Supervisor(place, Console(), empty=options.empty, ready=ready).run()


def _detach(place: Installation, options: argparse.Namespace) -> int:
    """Start the same in a session of its own and show what it says until it is ready."""
    command = [sys.executable, str(place.project / "gatehouse"), "run", *(["--empty"] if options.empty else [])]
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "GATEHOUSE_DETACHED": "1", "PYTHONUNBUFFERED": "1"},
        text=True,
        errors="replace",
    )
    assert child.stdout is not None
    for line in child.stdout:
        if line.rstrip("\n") == READY:
            print("./gatehouse stop ends it.")
            return 0
        print(line, end="", flush=True)
    return child.wait() or 1


def _stop(place: Installation) -> int:
    record = locks.holder(place.holder_file)
    if record is None:
        print("Gatehouse does not run.")
        services.clear_strays(place)
        return 0
    pid = int(record["pid"])
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass  # it ended just now
    except PermissionError:
        raise LauncherError("It belongs to another user.", f"sudo kill {pid}") from None
    limit = time.monotonic() + STOP_SECONDS
    while time.monotonic() < limit:
        if processes.started(pid) != record["started"]:
            print("Stopped.")
            return 0
        time.sleep(0.05)
    raise LauncherError("It does not stop.", f"kill -9 {pid}; the next run clears what is left.")


def _status(place: Installation) -> int:
    record = locks.holder(place.holder_file)
    if record is None:
        print("Gatehouse does not run.")
        return 3
    print(f"Gatehouse answers at {record['url']}." if record.get("url") else "Gatehouse is starting.")
    for name, pid in locks.read_json(place.children_file).items():
        print(f"  {name:<9} {f'process {pid}' if processes.started(pid) else 'is being started again'}")
    return 0


def _offline(place: Installation, verb: str, arguments: Sequence[str]) -> int:
    if not environment.is_current(place):
        environment.ensure(place, Console(sys.stderr))
    command = [str(place.python), "-m", OFFLINE[verb], *arguments]
    env = {**os.environ, "PYTHONPATH": str(place.project)}
    return subprocess.call(command, env=env)


class _Opened:
    """The stores of this installation: those that run, or some of our own for as long as the block lasts."""

    def __init__(self, place: Installation) -> None:
        self.place = place
        self.stores = services.Stores(place, os.environ)
        self.lock: locks.Lock | None = None

    def __enter__(self) -> services.Stores:
        make_folders(self.place)
        lock = locks.Lock(self.place.lock_file)
        limit = time.monotonic() + COMMAND_SECONDS
        while not lock.acquire():
            # A supervisor says where its servers are; another command, which stops its own, is waited for.
            if locks.holder(self.place.holder_file) and (self.place.run / "sockets").exists():
                self.stores.attach()
                return self.stores
            if time.monotonic() > limit:
                raise LauncherError("Another command of this installation does not end.", "Wait for it, or end it.")
            time.sleep(0.1)
        self.lock = lock
        try:
            environment.ensure(self.place, Console(sys.stderr, quiet=True))
            secrets_store.secret_key(self.place)
            services.clear_strays(self.place)
            self.stores.start_database()
            self.stores.start_queue()
            self.stores.hand_over()
        except BaseException:
            self.__exit__()
            raise
        return self.stores

    def __exit__(self, *_details: object) -> None:
        # The command ran as who gave it; what root made is for the services to read.
        with contextlib.suppress(LauncherError, OSError):
            self.stores.hand_over()
        if self.lock is not None:
            self.stores.stop()
            self.lock.release()


def _django(place: Installation, arguments: Sequence[str], *, powers: str = "app") -> int:
    with _Opened(place) as stores:
        env = _command_environment(place, stores, powers=powers)
        if locks.holder(place.holder_file) is None:
            upgrade.prepare_first(place, Console(sys.stderr, quiet=True), stores, env)
        return subprocess.call([str(place.python), str(place.project / "manage.py"), *arguments], env=env)


def _command_environment(place: Installation, stores: services.Stores, *, powers: str = "app") -> dict[str, str]:
    """The environment of a command, which is no service: the next run must not take it for something left behind."""
    record = locks.holder(place.holder_file) or {}
    port = int(record.get("port") or ports.wanted_port(dict(os.environ)))
    env = services.child_environment(place, os.environ, port, stores.urls(powers=powers))
    env.pop(processes.MARK, None)
    return env


def _backup(place: Installation, file: str | None) -> int:
    name = time.strftime("gatehouse-%Y%m%dT%H%M%SZ.tar", time.gmtime())
    with _Opened(place) as stores:
        target = Path(file).resolve() if file else place.backups / name
        backups.write(place, stores, _command_environment(place, stores), target)
    print(f"{target}: database, artifacts, checkpoints and keys. It holds secrets; keep it as such.")
    return 0


def _restore(place: Installation, source: Path, *, force: bool) -> int:
    if locks.holder(place.holder_file) is not None:
        raise LauncherError("Gatehouse runs.", "./gatehouse stop first; a restore replaces everything.")
    with _Opened(place) as stores:
        kept = backups.read(place, stores, _command_environment(place, stores), source, force=force)
    if kept is not None:
        print(f"What was here before is in {kept}.")
    print("Restored. ./gatehouse run starts it; ./gatehouse ledger verify checks it.")
    return 0
