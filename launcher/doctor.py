"""`./gatehouse doctor`: what is there, what is missing, and the line that mends it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys

from launcher import accounts, environment, locks, ports, postgres, privileges, redis, system
from launcher.console import Console
from launcher.errors import LauncherError
from launcher.installation import Installation

Check = tuple[bool, str, str]


def checks(place: Installation) -> list[Check]:
    """(good?, what, the line that mends it) for everything a run needs."""
    found: list[Check] = [
        (sys.version_info >= (3, 11), f"Python {sys.version.split()[0]}", "install Python 3.11 or newer"),
        (importlib.util.find_spec("ensurepip") is not None, "python3-venv", system.line(["python3-venv"])),
        (environment.is_current(place), "locked dependencies", "./gatehouse run installs them"),
    ]
    missing = system.missing_pdf_packages()
    found.append((not missing, "libraries for PDF", system.line(missing) if missing else ""))
    embedded = not os.environ.get("DATABASE_URL")
    found.append((not embedded or postgres.wheel_folder(place) is not None, "PostgreSQL", "set DATABASE_URL"))
    queue = bool(os.environ.get("REDIS_URL")) or redis.program(place) is not None
    found.append((queue, "Redis", system.line(["redis-server"])))
    return found


def notes(place: Installation) -> list[Check]:
    """The same for what a run does without: it takes another port, and tests and drills have needs of their own."""
    found: list[Check] = [_port(place)]
    found.append((shutil.which("pdfsig") is not None, "pdfsig (checks packs)", system.line(["poppler-utils"])))
    found.append((system.browser() is not None, "Chromium (for tests)", system.line(["chromium"])))
    if os.geteuid() == 0:
        account, why = privileges.for_services(place)
        found.append((account is not None, why or f"services run as {account and account.name}", privileges.HOW))
    left = [(folder, f"database without its data folder {owner}") for folder, owner in accounts.orphans()]
    return found + [(False, what, f"rm -r '{folder}'") for folder, what in left]


def _port(place: Installation) -> Check:
    record = locks.holder(place.holder_file)
    if record is not None:
        return True, f"runs at {record.get('url') or 'its start'}", ""
    try:
        wanted = ports.wanted_port(dict(os.environ))
    except LauncherError as error:
        return False, error.message, error.how
    return ports.is_free(wanted), f"port {wanted} free", "the next free one is taken, or set GATEHOUSE_PORT"


def run(place: Installation) -> int:
    """Print the list; 1 when something that a run needs is missing."""
    found, marks = checks(place), Console().marks
    for bad, listed in (("failed", found), ("warned", notes(place))):
        for good, what, how in listed:
            print(f"{marks['done' if good else bad]} {what}" + ("" if good else f"\n    {how}"))
    if place.failure_file.exists():
        print(f"\nThe last run ended with:\n{place.failure_file.read_text(encoding='utf-8')}")
    return 0 if all(good for good, _, _ in found) else 1
