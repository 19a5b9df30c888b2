"""What waits between the two steps of the upload form is bounded, for one person and in all, and is swept."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from audits.services import staging
from audits.tasks import sweep_staged
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput, Unavailable
from tests.audits.conftest import World

CSV = b"y_true,y_pred,sex\n1,1,f\n0,1,m\n"
AsUser = Callable[[User], Client]


@pytest.fixture(autouse=True)
def nothing_waits(private_var: Path) -> None:
    shutil.rmtree(private_var / "artifacts" / staging.FOLDER, ignore_errors=True)


def put(user: User, content: bytes = CSV) -> staging.Staged:
    return staging.stage([content], actor=user, name="predictions.csv")


def age(token: str, user: User, seconds: float) -> str:
    """Make the file of that token older; its key."""
    key = staging._opened(token, user)[0]
    then = time.time() - seconds
    os.utime(default_storage.path(key), (then, then))
    return key


def test_one_person_has_so_many_files_waiting(world: World, settings: Any) -> None:
    settings.STAGED_MAX_FILES = 2
    kept = [put(world.developer) for _ in range(2)]
    with pytest.raises(Conflict) as caught:
        put(world.developer)
    assert (caught.value.code, caught.value.field) == ("staged-too-much", "file")
    assert "2 of your files wait" in caught.value.message
    assert "UTC when the oldest is forgotten" in caught.value.how
    assert len(staging.waiting()) == 2
    put(world.owner)  # somebody else has room
    staging.discard(kept[0].token, actor=world.developer)
    put(world.developer)  # and so has who used one


def test_one_person_has_so_many_bytes_waiting(world: World, settings: Any) -> None:
    settings.STAGED_MAX_BYTES = 2 * len(CSV) - 1
    put(world.developer)
    with pytest.raises(Conflict, match="bytes"):
        put(world.developer)
    assert [one.size for one in staging.waiting()] == [len(CSV)]


def test_all_together_have_so_many_bytes_waiting(world: World, settings: Any) -> None:
    settings.STAGED_TOTAL_BYTES = 2 * len(CSV)
    put(world.developer)
    put(world.owner)
    with pytest.raises(Unavailable) as caught:
        put(world.fairness)
    assert caught.value.code == "staged-full"
    assert len(staging.waiting()) == 2


def test_files_that_come_at_once_do_not_pass_the_limit(world: World, settings: Any, monkeypatch: Any) -> None:
    """Each found room before any was in its place: the look afterwards takes the last one back."""
    settings.STAGED_MAX_FILES = 1
    save = default_storage.save

    def meanwhile(name: str, content: Any, max_length: Any = None) -> str:
        save(f"{staging.FOLDER}/{world.developer.pk}/other", ContentFile(CSV))
        return str(save(name, content))

    monkeypatch.setattr(default_storage._wrapped, "save", meanwhile)
    with pytest.raises(Conflict):
        put(world.developer)
    assert [one.key.rsplit("/", 1)[1] for one in staging.waiting()] == ["other"]


def test_unreadable_file_takes_no_room(world: World) -> None:
    with pytest.raises(InvalidInput):
        put(world.developer, b"")
    assert staging.waiting() == []


def test_page_says_what_to_do(world: World, as_user: AsUser, settings: Any) -> None:
    settings.STAGED_MAX_FILES = 1
    client = as_user(world.developer)
    url = reverse("bias-new", kwargs={"name": "income-model", "version": "1.0.0"})
    assert client.post(url, {"file": SimpleUploadedFile("a.csv", CSV)}).status_code == 200
    answer = client.post(url, {"file": SimpleUploadedFile("b.csv", CSV)})
    assert answer.status_code == 422
    assert "Finish the tests that you began" in answer.context["form"].errors["file"][0]


def test_stale_files_are_swept_by_the_clock(world: World) -> None:
    old, new = put(world.developer), put(world.developer)
    age(old.token, world.developer, 3601)
    unowned = default_storage.save(f"{staging.FOLDER}/of-an-earlier-release", ContentFile(CSV))
    os.utime(default_storage.path(unowned), (0, 0))
    sweep_staged()
    assert [one.key for one in staging.waiting()] == [staging._opened(new.token, world.developer)[0]]
    tasks = {row["task"] for row in django_settings.CELERY_BEAT_SCHEDULE.values()}
    assert sweep_staged.name in tasks


def test_stale_files_make_room_at_once(world: World, settings: Any) -> None:
    settings.STAGED_MAX_FILES = 1
    age(put(world.developer).token, world.developer, 3601)
    put(world.developer)


def test_sweeping_nothing_is_no_error(db: None) -> None:
    assert staging.forget_old() == 0
