"""`./gatehouse test`: the same set-up as a run, for tests, then every check that a change must pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from launcher import environment, processes, secrets_store, services, system
from launcher.console import Console
from launcher.errors import LauncherError
from launcher.installation import Installation, make_folders
from launcher.supervisor import signals_end

# What the tests check packs and pages with, as Debian packages by the program that shows them to be there.
TOOLS = {"pdfsig": "poppler-utils", "qpdf": "qpdf", "certutil": "libnss3-tools"}
STATIC_CHECKS = (
    ("ruff check", ["-m", "ruff", "check", "."]),
    ("ruff format", ["-m", "ruff", "format", "--check", "."]),
    ("layers", ["-c", "from importlinter.cli import lint_imports_command as run; run()"]),
    ("templates", ["-m", "djlint", "templates", "--lint", "--quiet"]),
    ("types", ["-m", "mypy"]),
    ("migrations", ["manage.py", "makemigrations", "--check", "--dry-run"]),
    ("system check", ["manage.py", "check", "--fail-level", "WARNING"]),
)


def run(place: Installation, arguments: Sequence[str]) -> int:
    """Run everything; with arguments, pytest alone gets them. The exit code of what failed first, else 0."""
    console = Console(sys.stdout)
    environment.ensure(place, console, development=True)
    with console.step("libraries and tools") as step:
        why = _machine()
        if why:
            step.warn(why)
    with tempfile.TemporaryDirectory(prefix="gatehouse-test-") as folder:
        Path(folder).chmod(0o711)
        private = Installation(place.project, Path(folder) / "var")
        make_folders(private)
        secrets_store.secret_key(private)
        stores = services.Stores(private, {}, durable=False)
        with signals_end(), services.temporary(stores):
            env = _environment(private, stores)
            failed = [] if arguments else _static(place, console, env)
            if failed:
                console.say(f"{console.marks['failed']} not clean: {', '.join(failed)} (see above); the tests run now")
            # Its closing line is the last that is printed: who runs this reads that one.
            code = _pytest(place, env, arguments)
    return code or (1 if failed else 0)


def _machine() -> str:
    """Install what is missing where we may; what a person has to know otherwise."""
    wanted = system.missing_pdf_packages()
    wanted += [package for program, package in TOOLS.items() if shutil.which(program) is None]
    if system.browser() is None:
        wanted += ["chromium", "fonts-dejavu-core"]
    return system.install(wanted, "A part of what the tests need") if wanted else ""


def _environment(place: Installation, stores: services.Stores) -> dict[str, str]:
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("GATEHOUSE_", "DATABASE_", "REDIS_"))
    }
    env = services.child_environment(place, kept, 8000, stores.urls(powers="superuser"))
    env["DATABASE_URL"] = stores.urls()["DATABASE_URL"]
    env.pop(processes.MARK)
    env["GATEHOUSE_TEST"] = "1"
    env["GATEHOUSE_CHROMIUM"] = system.browser() or ""
    return env


def _static(place: Installation, console: Console, env: dict[str, str]) -> list[str]:
    """The names of the static checks that fail; each says why where it stands."""
    failed = []
    for name, arguments in STATIC_CHECKS:
        began = time.monotonic()
        done = subprocess.run(
            [place.python, *arguments],
            cwd=place.project,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        good = done.returncode == 0
        mark = console.marks["done" if good else "failed"]
        console.say(f"{mark} {name:<26} {time.monotonic() - began:.1f} s")
        if not good:
            console.say(done.stdout[-6000:])
            failed.append(name)
    return failed


def _pytest(place: Installation, env: dict[str, str], arguments: Sequence[str]) -> int:
    workers = os.environ.get("GATEHOUSE_TEST_WORKERS", "2")
    chosen = list(arguments) or ["-n", workers, "--durations", "8"]
    code = subprocess.call([str(place.python), "-m", "pytest", "-q", *chosen], cwd=place.project, env=env)
    if code == 5:
        raise LauncherError("No test was found.", "./gatehouse test tests/portal")
    return code
