"""The launcher's small parts: ports, locks, secrets, addresses, the environment of children."""

from __future__ import annotations

import io
import os
import socket
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import environ as environ_reader
import pytest

from launcher import cli, locks, ports, postgres, processes, secrets_store, services
from launcher.errors import LauncherError
from launcher.installation import Installation, locate, make_folders, public_url
from tests.conftest import ROOT


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    made = Installation(ROOT, tmp_path / "data folder")
    make_folders(made)
    return made


@pytest.mark.parametrize("text", ["x", "0", "70000", "-1", "8000.5"])
def test_port_when_it_is_none_is_refused(text: str) -> None:
    with pytest.raises(LauncherError, match="no port"):
        ports.wanted_port({"GATEHOUSE_PORT": text})


def test_port_when_taken_on_ipv6_only_is_not_free() -> None:
    try:
        other = socket.socket(socket.AF_INET6)
        other.bind(("::1", 0))
    except OSError:
        # No IPv6 on this machine: then the IPv4 side is what counts.
        other = socket.socket()
        other.bind(("127.0.0.1", 0))
    with other:
        other.listen()
        assert not ports.is_free(other.getsockname()[1])


def test_holder_when_its_number_belongs_to_another_process_is_none(tmp_path: Path) -> None:
    path = tmp_path / "supervisor.json"
    locks.write_holder(path, url="http://localhost:1")
    assert locks.holder(path) is not None
    locks.write_json(path, {"pid": os.getpid(), "started": "another time"})
    assert locks.holder(path) is None


def test_lock_when_held_is_refused_and_free_after_its_holder_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    script = (
        "import sys, time; from pathlib import Path; from launcher.locks import Lock\n"
        "lock = Lock(Path(sys.argv[1])); print(lock.acquire(), flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", script, path], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "True"
    assert not locks.Lock(path).acquire()
    child.kill()
    child.wait()
    assert locks.Lock(path).acquire()


def test_zombie_does_not_run() -> None:
    child = subprocess.Popen(["true"])
    while not processes.has_ended(child):
        pass
    assert processes.started(child.pid) is None
    child.wait()


def test_secret_is_made_once_and_private(place: Installation) -> None:
    assert secrets_store.secret_key(place)
    made = (place.keys / "secret_key").read_text()
    assert not secrets_store.secret_key(place)
    assert (place.keys / "secret_key").read_text() == made
    assert len(made.strip()) >= 50
    assert stat.S_IMODE((place.keys / "secret_key").stat().st_mode) == 0o600


def test_database_url_with_a_space_is_read_as_meant() -> None:
    url = postgres.url("gatehouse_app", "pa/ss", Path("/some where/run"))
    read = environ_reader.Env.db_url_config(url)
    assert read["USER"] == "gatehouse_app"
    assert read["PASSWORD"] == "pa/ss"
    assert read["OPTIONS"]["host"] == "/some where/run"


def test_child_of_the_web_gets_the_powers_of_the_application_only(place: Installation) -> None:
    given = {"DATABASE_URL": "postgres://app@db/g", "REDIS_URL": "redis://q", "DATABASE_OWNER_URL": "postgres://o@db/g"}
    stores = services.Stores(place, given)
    env = services.child_environment(place, given, 8010, stores.urls())
    assert env["DATABASE_URL"] == "postgres://app@db/g"
    assert "DATABASE_OWNER_URL" not in env
    owner = services.child_environment(place, given, 8010, stores.urls(powers="owner"))
    assert owner["DATABASE_URL"] == owner["DATABASE_OWNER_URL"] == "postgres://o@db/g"
    assert env["GATEHOUSE_URL"] == "http://localhost:8010"


def test_log_keeps_its_name_when_the_port_changes(place: Installation) -> None:
    first = services.child_environment(place, {}, 8010, {})["GATEHOUSE_LEDGER_ORIGIN"]
    assert first == "localhost:8010/gatehouse"
    assert services.child_environment(place, {}, 8011, {})["GATEHOUSE_LEDGER_ORIGIN"] == first


@pytest.mark.parametrize("url", ["gatehouse.example.org", "ftp://x", "https://x/path", "https://"])
def test_public_url_when_it_is_no_origin_is_refused(url: str) -> None:
    with pytest.raises(LauncherError, match="no origin"):
        public_url({"GATEHOUSE_URL": url}, 8000)


def test_data_folder_is_private_and_an_existing_one_keeps_its_mode(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir(mode=0o750)
    there.chmod(0o750)
    make_folders(Installation(ROOT, there))
    assert stat.S_IMODE(there.stat().st_mode) == 0o750
    assert stat.S_IMODE((there / "keys").stat().st_mode) == 0o700


def test_locate_follows_the_environment() -> None:
    assert locate({"GATEHOUSE_VAR": "/some where"}).var == Path("/some where")
    assert locate({}).var == ROOT / "var"


def test_backup_into_a_folder_that_is_not_there_is_refused(place: Installation) -> None:
    with pytest.raises(LauncherError, match="no folder"):
        cli.backups.write(place, services.Stores(place, {}), {}, place.var / "nowhere" / "b.tar")


@pytest.mark.parametrize(
    ("name", "kind"), [("../evil", tarfile.REGTYPE), ("/tmp/evil", tarfile.REGTYPE), ("keys/evil", tarfile.SYMTYPE)]
)
def test_backup_that_would_write_elsewhere_is_refused(place: Installation, name: str, kind: bytes) -> None:
    source, folder = place.backups / "b.tar", place.backups / "to"
    with tarfile.open(source, "w") as tar:
        for part in (*cli.backups.PARTS, name):
            member = tarfile.TarInfo(part)
            member.type, member.linkname = (kind if part == name else tarfile.REGTYPE), "/etc/passwd"
            tar.addfile(member, io.BytesIO())
    folder.mkdir()
    with pytest.raises(LauncherError, match="it holds"):
        cli.backups._unpack(source, folder)
    assert list(folder.iterdir()) == []
    assert not (place.backups / "evil").exists()


def test_offline_verbs_pass_their_options_on(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["policy", "schema"]) == 0
    assert "$schema" in capfd.readouterr().out


def test_unknown_verb_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["rum"])
    assert "run" in capsys.readouterr().err
