"""`./gatehouse run` for real: healthy, stopped, killed in every part, started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess

import pytest

from launcher import processes
from tests.conftest import ROOT
from tests.launcher.conftest import House, eventually, kill

RECORD = """
from django.db import transaction
from portal.ledger.services import Subject, record
with transaction.atomic():
    record(actor=None, event="portal:setting:changed", subject=Subject("portal.setting", "name"), body={"to": "x"})
"""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]


def test_run_when_detached_is_healthy(house: House) -> None:
    house.ensure()
    assert house.ready()
    assert f"http://localhost:{house.port}" in house("status")


def test_secrets_are_made_for_this_user_only(house: House) -> None:
    secrets = [path for path in (house.var / "keys").iterdir() if not path.name.endswith((".crt", ".cert.pem"))]
    assert {"secret_key", "pg_app", "pg_owner", "pg_superuser", "ledger_ed25519.pem"} <= {path.name for path in secrets}
    assert stat.S_IMODE((house.var / "keys").stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in secrets} == dict.fromkeys(
        (path.name for path in secrets), 0
    )


def test_second_run_when_it_runs_already_says_where(house: House) -> None:
    house.ensure()
    said = house("run", "--detach", code=1)
    assert f"runs already: http://localhost:{house.port}" in said


def test_manage_when_it_runs_uses_its_database_as_the_application(house: House) -> None:
    house.ensure()
    script = (
        "from django.db import connection as c; k = c.cursor(); k.execute('select current_user'); print(k.fetchone())"
    )
    assert "gatehouse_app" in house("manage", "shell", "--no-imports", "-c", script)


def test_clock_and_worker_number_what_is_recorded(house: House) -> None:
    house.ensure()
    house("manage", "shell", "--no-imports", "-c", RECORD)
    assert eventually((house.var / "checkpoints" / "latest").exists)


@pytest.mark.parametrize("name", ["postgres", "redis", "worker", "web"])
def test_service_when_killed_is_started_again(house: House, name: str) -> None:
    house.ensure()
    before = house.child(name)
    kill(before)
    assert eventually(lambda: house.child(name) != before)
    assert eventually(house.ready)


def test_supervisor_when_killed_leaves_nothing_and_the_next_run_skips_what_is_done(house: House) -> None:
    house.ensure()
    postgres = house.child("postgres")
    kill(house.supervisor)
    assert eventually(lambda: not house.marked() and processes.started(postgres) is None)
    said = house.run()
    assert house.ready()
    skipped = [line.split("–", 1)[1].split()[0] for line in said.splitlines() if line.startswith("–")]
    assert skipped == ["Python", "dependencies", "system", "secrets", "schema", "keys", "static"]


def test_run_when_the_port_is_taken_takes_the_next_and_says_so(house: House) -> None:
    house("stop")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", house.port))
        other.listen()
        said = house.run()
    assert f"port {house.port} is taken" in said
    assert house.ready(int(said.split("http://localhost:")[1].split()[0]))
    house("stop")


def test_upgrade_when_the_schema_is_new_makes_a_backup_first(house: House) -> None:
    house("stop")
    state = house.var / "digests.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"schema": "of older code"}))
    assert "backup in" in house.run()
    assert [path for path in (house.var / "backups").iterdir() if path.name.startswith("before-upgrade-")]


def test_interrupt_stops_everything(house: House) -> None:
    house("stop")
    child = subprocess.Popen(
        [ROOT / "gatehouse", "run", "--empty"],
        env=house.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert any("Ctrl-C stops it" in line for line in child.stdout)
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=40) == 0
    assert house.marked() == []
    assert not (house.var / "run" / "supervisor.json").exists()
    assert not (house.var / "pg" / "postmaster.pid").exists()


def test_manage_when_it_does_not_run_starts_and_stops_the_servers(house: House) -> None:
    house("stop")
    assert house("manage", "prepare", "--is-empty").strip() == "empty"
    assert house.marked() == []
    assert "does not run" in house("status", code=3)


def test_commands_at_the_same_time_wait_for_each_other(house: House) -> None:
    house("stop")
    command = [ROOT / "gatehouse", "manage", "prepare", "--is-empty"]
    started = [subprocess.Popen(command, env=house.environ, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [child.communicate(timeout=60)[0].strip() for child in started] == ["empty", "empty"]
    assert [child.returncode for child in started] == [0, 0]


def test_stop_when_it_does_not_run_says_so(house: House) -> None:
    house("stop")
    assert "does not run" in house("stop")
    assert os.path.isdir(house.var)
