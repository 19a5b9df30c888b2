"""Started as root: the services run as another user, to whom their part of the data folder belongs."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from pathlib import Path

import pytest

from launcher import accounts, privileges
from launcher.installation import Installation, make_folders
from launcher.processes import Account
from tests.conftest import ROOT
from tests.launcher.conftest import House

IS_ROOT = os.geteuid() == 0
SERVICES = ("redis", "web", "worker", "beat")


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    made = Installation(ROOT, tmp_path / "data folder")
    make_folders(made)
    return made


@pytest.fixture
def account() -> Account:
    """Whom root would stand in by; an ordinary user can give files to nobody else."""
    found = pwd.getpwnam("nobody") if IS_ROOT else pwd.getpwuid(os.geteuid())
    return Account(found.pw_name, found.pw_uid, found.pw_gid)


def owner(path: Path) -> int:
    return path.lstat().st_uid


def test_data_is_handed_over_and_the_rest_stays(place: Installation, account: Account) -> None:
    (place.artifacts / "ab" / "cd").mkdir(parents=True)
    given = [place.keys / "secret_key", place.artifacts / "ab" / "cd" / "blob"]
    kept = [place.logs / "web.log", place.backups / "b.tar", place.state_file]
    for path in given + kept:
        path.write_text("x")
        path.chmod(0o600)
    privileges.hand_over(place, account)
    assert {owner(path) for path in [*given, given[1].parent, place.keys, place.var / "checkpoints"]} == {account.uid}
    assert {owner(path) for path in [*kept, place.run, place.logs, place.var]} == {os.geteuid()}
    assert {stat.S_IMODE(path.stat().st_mode) for path in given} == {0o600}


def test_nothing_is_handed_over_through_a_link(place: Installation, account: Account, tmp_path: Path) -> None:
    """Who runs as the account could put such links there, and would get any file of the machine."""
    outside = tmp_path / "outside"
    outside.mkdir()
    secret, named_twice = outside / "secret", outside / "twice"
    for path in (secret, named_twice):
        path.write_text("x")
    (place.keys / "link").symlink_to(secret)
    (place.artifacts / "folder").symlink_to(outside)
    os.link(named_twice, place.keys / "twice")
    privileges.hand_over(place, account)
    assert {owner(path) for path in (outside, secret, named_twice)} == {os.geteuid()}


def test_artifacts_on_another_disk_are_handed_over(place: Installation, account: Account, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "blob").write_text("x")
    place.artifacts.rmdir()
    place.artifacts.symlink_to(disk)
    privileges.hand_over(place, account)
    assert owner(disk / "blob") == account.uid


def test_first_path_that_the_user_cannot_read_is_named(place: Installation, account: Account) -> None:
    """A child that cannot become that user (we are not root) can read nothing, rather than everything."""
    open_to_all, secret = Path("/"), place.var / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    assert accounts.first_unreadable(account, [open_to_all, secret]) == (secret if IS_ROOT else open_to_all)


def test_ordinary_user_needs_no_other_and_root_says_why_there_is_none(place: Installation) -> None:
    """Below a folder of mode 0700, and for a port that only root may open, the services stay root's."""
    place.var.parent.chmod(0o700)
    found, why = privileges.for_services(place, 8000)
    assert found is None
    assert ("cannot read" in why) is IS_ROOT
    found, why = privileges.for_services(place, 80)
    assert found is None
    assert ("port 80 is for root only" in why) is (IS_ROOT and privileges._first_free_port() > 80)


def expected(house: House) -> tuple[int, str]:
    """The user id that the services of this house should have, and why it is root's."""
    found, why = privileges.for_services(Installation(ROOT, house.var), house.port)
    return (os.geteuid() if found is None else found.uid), why


@pytest.mark.slow
@pytest.mark.xdist_group("stack")
def test_services_give_up_the_rights_of_root_or_say_why_not(house: House) -> None:
    house("stop")
    said, (uid, why) = house.run(), expected(house)
    running = {name: owner(Path(f"/proc/{house.child(name)}")) for name in SERVICES}
    assert running == dict.fromkeys(SERVICES, uid)
    assert (why in said) if why else ("run as root" not in said)
    assert {owner(path) for path in (house.var / "keys").iterdir()} == {uid}
    status = Path(f"/proc/{house.child('web')}/status").read_text()
    assert ("CapEff:\t0000000000000000" in status) is (uid != 0)
    if IS_ROOT:
        assert (why or "services run as") in house("doctor", code=None)


@pytest.mark.slow
@pytest.mark.xdist_group("stack")
def test_what_a_command_of_root_leaves_is_for_the_services_to_read(house: House) -> None:
    house.ensure()
    blob = house.var / "artifacts" / "left by a command"
    house("manage", "shell", "--no-imports", "-c", f"open({str(blob)!r}, 'w').write('x')")
    assert owner(blob) == expected(house)[0]
    blob.unlink()


@pytest.mark.slow
@pytest.mark.xdist_group("stack")
def test_installation_whose_data_is_roots_still_starts(house: House) -> None:
    """As older code left it: all but the database belonged to who started the launcher."""
    house("stop")
    names = [name for name in os.listdir(house.var) if not name.startswith("pg")]
    subprocess.run(["chown", "-R", str(os.geteuid()), *names], cwd=house.var, check=True)
    house.run()
    assert house.ready()
    assert owner(house.var / "keys" / "secret_key") == expected(house)[0]
