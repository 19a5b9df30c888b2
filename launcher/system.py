"""What the machine itself has to have: libraries for PDF, python3-venv, a browser for the tests."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PDF_LIBRARIES = {
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangoft2-1.0.so.0": "libpangoft2-1.0-0",
    "libharfbuzz-subset.so.0": "libharfbuzz-subset0",
}
_ELSEWHERE = {
    "dnf": {"pdf": "pango harfbuzz", "chromium": "chromium", "redis-server": "valkey"},
    "pacman": {"pdf": "pango harfbuzz", "chromium": "chromium", "redis-server": "valkey"},
    "apk": {"pdf": "pango harfbuzz-subset font-dejavu", "chromium": "chromium", "redis-server": "valkey"},
    "brew": {"pdf": "pango", "chromium": "--cask chromium", "redis-server": "redis"},
}
_VERBS = {
    "dnf": "sudo dnf install",
    "pacman": "sudo pacman -S",
    "apk": "sudo apk add",
    "brew": "brew install",
}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def _loads(names: Sequence[str]) -> list[str]:
    """Which of these libraries the loader does not find, tried in a child so that we do not carry them."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        missing = []
        for name in names:
            try:
                ctypes.CDLL(name)
            except OSError:
                missing.append(name)
        os.write(writer, "\n".join(missing).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return text.split()


def missing_pdf_packages() -> list[str]:
    """The Debian packages whose libraries WeasyPrint would not find here."""
    if sys.platform == "darwin":
        places = (Path("/opt/homebrew/lib"), Path("/usr/local/lib"))
        found = any((place / "libpango-1.0.dylib").exists() for place in places)
        return [] if found else ["libpango-1.0-0"]
    return [PDF_LIBRARIES[name] for name in _loads(list(PDF_LIBRARIES))]


def line(packages: Sequence[str]) -> str:
    """The exact line that installs these Debian packages here, or their like on another system."""
    if shutil.which("apt-get"):
        prefix = "" if os.geteuid() == 0 else "sudo "
        return f"{prefix}apt-get install -y --no-install-recommends {' '.join(packages)}"
    for manager, verb in _VERBS.items():
        if shutil.which(manager):
            names = _ELSEWHERE[manager]
            wanted = {
                names.get(package, names["pdf"] if package.startswith("lib") else package) for package in packages
            }
            return f"{verb} {' '.join(sorted(wanted))}"
    return f"install what your system calls {' '.join(packages)}"


@functools.cache
def apt_prefix() -> list[str] | None:
    """What to put before apt-get: nothing for root, sudo where it asks for no password; None if we may not."""
    if not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        asked = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True)
        if asked.returncode == 0:
            return ["sudo", "-n"]
    return None


def install(packages: Sequence[str], what: str) -> str:
    """Install Debian packages when this user may; an empty string, or why it was not done."""
    prefix = apt_prefix()
    if prefix is None:
        return f"{what} is missing: {line(packages)}"
    environment = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_MODE=a"]
    wanted = [*environment, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    done = _quietly(wanted)
    if done.returncode != 0:
        # A fresh image carries no package lists, or old ones.
        _quietly([*environment, "apt-get", "update", "-qq"])
        done = _quietly(wanted)
    if done.returncode == 0:
        return ""
    said = (done.stderr or done.stdout).strip().splitlines()
    return f"{what} could not be installed ({said[-1] if said else 'apt-get failed'}): {line(packages)}"


def _quietly(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def browser() -> str | None:
    """A Chromium for the journey tests: on the PATH, or one that Playwright fetched."""
    for name in _BROWSERS:
        if found := shutil.which(name):
            return found
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    for found_path in sorted(cache.glob("chromium-*/chrome-linux*/chrome"), reverse=True):
        return str(found_path)
    return None
