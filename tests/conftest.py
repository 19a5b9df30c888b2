"""Fixtures for all tests: a private database, a private data folder, jobs on demand, and the whole stack."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connections
from django.test import Client, TestCase, TransactionTestCase
from django.test.signals import setting_changed

from portal.accounts.models import User
from portal.jobs import services as jobs
from portal.jobs.choices import OPEN
from portal.jobs.models import Job
from portal.keys import make_all
from portal.ledger.keys import make_key
from tests import databases

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """A copy of the migrated template for this process, reached as the application's role."""
    name = f"gh_test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    with django_db_blocker.unblock():
        databases.clone(name)
        connections["default"].close()
        connections["default"].settings_dict["NAME"] = name
        yield
        connections["default"].close()
        databases.drop(name)


def _empty_as_owner(case: Any) -> None:
    connections["default"].close()
    databases.empty(connections["default"].settings_dict["NAME"])


# Django would truncate as the application's role, which may not.
TransactionTestCase._fixture_teardown = _empty_as_owner


@pytest.fixture(scope="session", autouse=True)
def private_var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys, artifacts and outside checkpoints of this process, away from any installation."""
    folder = tmp_path_factory.mktemp("var")
    django_settings.VAR_DIR, django_settings.KEYS_DIR = folder, folder / "keys"
    django_settings.STORAGES["default"]["OPTIONS"]["location"] = str(folder / "artifacts")
    # pytest looks at every name of a module, which makes a storage that is imported there before this runs.
    setting_changed.send(sender=None, setting="STORAGES", value=django_settings.STORAGES, enter=True)
    make_key()
    make_all()
    return folder


@pytest.fixture(autouse=True)
def no_old_checkpoints(private_var: Path) -> None:
    """The high-water mark outside the database belongs to one test: the next one starts an empty log."""
    shutil.rmtree(private_var / "checkpoints", ignore_errors=True)


@pytest.fixture
def run_jobs() -> Callable[[], list[Job]]:
    """Call it to do all open jobs here and now, as a worker would; returns them as they ended."""

    def run() -> list[Job]:
        done = []
        while job := Job.objects.filter(state__in=OPEN).order_by("created_at").first():
            Job.objects.filter(pk=job.pk).update(due_at=job.created_at)
            with TestCase.captureOnCommitCallbacks(execute=True):
                jobs.run(job.pk)
            job.refresh_from_db()
            done.append(job)
        return done

    return run


@pytest.fixture
def committed() -> Callable[[], AbstractContextManager[Any]]:
    """`with committed(): …` runs what the block left for after its commit, within a test's transaction."""
    return lambda: TestCase.captureOnCommitCallbacks(execute=True)


@pytest.fixture
def as_user() -> Callable[[User], Client]:
    """A browserless client, logged in as that user."""

    def login(user: User) -> Client:
        # Log-in notes its time on the user's row. What the test did before it ends here, as if committed.
        with connections["default"].cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        client = Client()
        client.force_login(user)
        return client

    return login


@dataclass(frozen=True)
class Stack:
    """A running installation: its address, its data folder, and its command."""

    url: str
    var: Path
    environ: dict[str, str]
    output: str

    def gatehouse(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `./gatehouse …` of this installation."""
        return subprocess.run(
            [str(ROOT / "gatehouse"), *arguments], env=self.environ, capture_output=True, text=True, check=check
        )

    def password(self) -> str:
        """The password of the demo people."""
        return (self.var / "keys" / "demo_password").read_text().strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """One whole installation with the demo, started by its own command, for the tests that need all of it."""
    # Root's PostgreSQL runs as another user, who has to pass through; pytest's own folders let nobody through.
    top = Path(tempfile.mkdtemp(prefix="gatehouse-stack-"))
    top.chmod(0o711)
    var, port = top / "data of the stack", free_port()
    ours = ("GATEHOUSE_", "DATABASE_", "REDIS_URL", "DJANGO_", "PYTEST_")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    environ |= {"GATEHOUSE_VAR": str(var), "GATEHOUSE_PORT": str(port)}
    started = subprocess.run(
        [str(ROOT / "gatehouse"), "run", "--detach"], env=environ, capture_output=True, text=True, timeout=400
    )
    if started.returncode != 0:
        pytest.fail(f"./gatehouse run --detach failed:\n{started.stdout}\n{started.stderr}")
    try:
        yield Stack(f"http://localhost:{port}", var, environ, started.stdout)
    finally:
        subprocess.run([str(ROOT / "gatehouse"), "stop"], env=environ, capture_output=True, timeout=60)
        shutil.rmtree(top, ignore_errors=True)
