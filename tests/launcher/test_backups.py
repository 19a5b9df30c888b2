"""Backup and restore: what was there comes back, and the log is not forked."""

from __future__ import annotations

import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from portal.backup import BackupRefused, Manifest, refuse_unfit, unknown_migrations
from tests.launcher.conftest import House

RECORD = """
from django.db import transaction
from portal.ledger.services import Subject, record
from portal.ledger.tasks import sequence_and_checkpoint
with transaction.atomic():
    record(actor=None, event="portal:setting:changed", subject=Subject("portal.setting", "name"), body={"to": "%s"})
sequence_and_checkpoint()
"""
COUNT = """
from portal.ledger.models import LedgerEntry
print("events", sorted(LedgerEntry.objects.values_list("event", flat=True)))
"""


@pytest.fixture(scope="module")
def backup(new_house: Callable[[], House]) -> tuple[House, Path]:
    """An installation with one entry in its log, its backup, and then one more entry that was published."""
    house = new_house()
    house("manage", "shell", "--no-imports", "-c", RECORD % "one")
    (house.var / "artifacts" / "kept").write_text("an artifact")
    target = house.var.parent / "a backup.tar"
    house("backup", str(target))
    house("manage", "shell", "--no-imports", "-c", RECORD % "two")
    return house, target


@pytest.mark.slow
@pytest.mark.xdist_group("stack")
def test_backup_holds_data_and_keys_but_no_passwords_of_the_server(backup: tuple[House, Path]) -> None:
    _, target = backup
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with tarfile.open(target) as tar:
        names = tar.getnames()
    assert {"database.dump", "manifest.json", "keys/ledger_ed25519.pem", "checkpoints/latest", "artifacts/kept"} <= set(
        names
    )
    assert not [name for name in names if "pg_" in name]


@pytest.mark.slow
@pytest.mark.xdist_group("stack")
def test_restore_elsewhere_brings_everything_back_and_goes_on_in_the_log(
    backup: tuple[House, Path], new_house: Callable[[], House]
) -> None:
    first, target = backup
    second = new_house()
    assert "Restored." in second("restore", str(target))
    events = second("manage", "shell", "--no-imports", "-c", COUNT)
    assert "'portal:setting:changed'" in events
    assert "'ledger:backup:restored'" in events
    assert (second.var / "artifacts" / "kept").read_text() == "an artifact"
    key = "keys/ledger_ed25519.pem"
    assert (second.var / key).read_bytes() == (first.var / key).read_bytes()
    second("ledger", "verify")  # also on another port: the log's name came with its key


@pytest.mark.slow
@pytest.mark.xdist_group("stack")
def test_restore_of_a_shorter_log_is_refused_unless_forced(backup: tuple[House, Path]) -> None:
    first, target = backup
    said = first("restore", str(target), code=1)
    assert "a checkpoint of 2 was published since" in said
    assert first("manage", "shell", "--no-imports", "-c", COUNT).count("portal:setting:changed") == 2
    assert "What was here before is in" in first("restore", str(target), "--force")
    events = first("manage", "shell", "--no-imports", "-c", COUNT)
    assert events.count("portal:setting:changed") == 1
    assert events.count("ledger:backup:restored") == 1


def test_restore_of_another_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"format": 1}')
    with pytest.raises(BackupRefused, match="cannot be read"):
        Manifest.read(tmp_path / "manifest.json")


def test_restore_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"format": 9, "ledger_size": 0, "origin": "x", "migrations": []}')
    with pytest.raises(BackupRefused, match="format 9"):
        Manifest.read(tmp_path / "manifest.json")


def test_restore_of_newer_code_is_refused() -> None:
    manifest = Manifest(1, 0, "here", ["catalog.0001_initial", "catalog.9999_later"])
    with pytest.raises(BackupRefused, match=r"catalog\.9999_later"):
        refuse_unfit(manifest, force=True)


def test_unknown_migrations_of_apps_that_are_gone_do_not_count() -> None:
    assert unknown_migrations({("forgotten", "0001_initial"), ("portal_gone", "0002_x")}) == []
    assert unknown_migrations({("catalog", "9999_later")}) == ["catalog.9999_later"]
