"""A whole installation of its own, started and stopped by its own command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from launcher import processes
from tests.conftest import ROOT, free_port


@dataclass
class House:
    """One data folder and the port it asks for."""

    var: Path
    port: int

    @property
    def environ(self) -> dict[str, str]:
        """Nothing of the tests' own servers may reach it."""
        ours = ("GATEHOUSE_", "DATABASE_", "REDIS_URL", "DJANGO_", "PYTEST_", "SECRET_KEY")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        return kept | {"GATEHOUSE_VAR": str(self.var), "GATEHOUSE_PORT": str(self.port)}

    def __call__(self, *arguments: str, code: int | None = 0) -> str:
        """Run `./gatehouse …`; what it said. Fails when it ends with another code."""
        done = subprocess.run(
            [ROOT / "gatehouse", *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
        )
        assert code is None or done.returncode == code, f"gatehouse {' '.join(arguments)}:\n{done.stdout}"
        return done.stdout

    def run(self) -> str:
        return self("run", "--detach", "--empty")

    def runs(self) -> bool:
        return "answers at" in self("status", code=None)

    def ensure(self) -> None:
        """Running, whatever the test before did to it."""
        if not self.runs():
            self.run()

    @property
    def supervisor(self) -> int:
        return int(json.loads((self.var / "run" / "supervisor.json").read_text())["pid"])

    def child(self, name: str) -> int:
        return int(json.loads((self.var / "run" / "pids.json").read_text())[name])

    def marked(self) -> list[int]:
        """Running processes that belong to this data folder."""
        return processes.marked(str(self.var))

    def ready(self, port: int | None = None) -> bool:
        """Whether the portal calls itself ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.port}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether the condition comes true within that time."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


@pytest.fixture(scope="module")
def new_house() -> Iterator[Callable[[], House]]:
    """Call it for a data folder of its own, in a path with a space. In the end each is stopped and removed.

    Not below pytest's own folder: PostgreSQL's user cannot pass it when root runs the tests, and would be given
    a place below /var/lib that stays.
    """
    made: list[House] = []

    def make() -> House:
        folder = Path(tempfile.mkdtemp(prefix="gatehouse house "))
        folder.chmod(0o711)
        made.append(House(folder / "var", free_port()))
        return made[-1]

    yield make
    for one in made:
        one("stop", code=None)
        shutil.rmtree(one.var.parent)


@pytest.fixture(scope="module")
def house(new_house: Callable[[], House]) -> House:
    """An empty portal that runs."""
    made = new_house()
    made.run()
    return made


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
