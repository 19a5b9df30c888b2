"""Keeps an uploaded file between the two steps of the upload form, and forgets what nobody came back for."""

from __future__ import annotations

import datetime as dt
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core import signing
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils import timezone

from audits.fairness import PredictionsError
from audits.fairness.preview import Preview, preview
from audits.services.bias import at_hand, refused
from catalog.services.blobs import chunks_of
from portal.accounts.models import User
from portal.errors import Conflict, DomainError, InvalidInput, Unavailable

FOLDER = "staged"
KEEP = dt.timedelta(hours=1)
SALT = "audits.staging"


@dataclass(frozen=True)
class Staged:
    """An uploaded file that waits: `token` names it in the form, and only its uploader can use it."""

    token: str
    name: str
    preview: Preview


def stage(pieces: Iterable[bytes], *, actor: User, name: str) -> Staged:
    """Look at the file, and keep it for an hour.

    Raises InvalidInput when it cannot be read, Conflict when this person has too much waiting, Unavailable when all
    have together; nothing is kept then.
    """
    forget_old()
    _check_room(actor, 1)
    with at_hand(pieces, None, name) as file:
        _check_room(actor, file.stat().st_size)
        found = _look(file)
        with file.open("rb") as stream:
            key = default_storage.save(f"{FOLDER}/{actor.pk}/{uuid.uuid4().hex}", File(stream))
    try:
        # Looked at again with the file in its place: of several that came at once, each found room before.
        _check_room(actor, 0, added=0)
    except DomainError:
        default_storage.delete(key)
        raise
    return Staged(signing.dumps([key, actor.pk, name], salt=SALT), name, found)


@dataclass(frozen=True)
class Waiting:
    """A file that waits in the storage."""

    key: str
    owner: str
    size: int
    since: dt.datetime


def waiting() -> list[Waiting]:
    """All files that wait, the oldest first. One that is taken away meanwhile is not among them."""
    found = []
    # Files right in the folder are of an earlier release, which kept no owner.
    keys = [("", f"{FOLDER}/{name}") for name in _names(FOLDER)]
    for owner in _names(FOLDER, folders=True):
        keys += [(owner, f"{FOLDER}/{owner}/{name}") for name in _names(f"{FOLDER}/{owner}")]
    for owner, key in keys:
        with suppress(FileNotFoundError):
            found.append(Waiting(key, owner, default_storage.size(key), default_storage.get_modified_time(key)))
    return sorted(found, key=lambda one: one.since)


def _names(folder: str, *, folders: bool = False) -> list[str]:
    try:
        return sorted(default_storage.listdir(folder)[0 if folders else 1])
    except FileNotFoundError:
        return []


def _check_room(actor: User, size: int, *, added: int = 1) -> None:
    """Raises Conflict or Unavailable when a further file of that size is too much."""
    everybody = waiting()
    mine = [one for one in everybody if one.owner == str(actor.pk)]
    used = sum(one.size for one in mine) + size
    if len(mine) + added > settings.STAGED_MAX_FILES or used > settings.STAGED_MAX_BYTES:
        raise Conflict(
            f"{len(mine)} of your files wait for their second step; at most {settings.STAGED_MAX_FILES} files and "
            f"{settings.STAGED_MAX_BYTES:,} bytes may.",
            code="staged-too-much",
            field="file",
            how=f"Finish the tests that you began, {_when_free(mine)}or submit the file over the API, in one step.",
        )
    if sum(one.size for one in everybody) + size > settings.STAGED_TOTAL_BYTES:
        raise Unavailable(
            "The portal holds as many waiting files as it may.",
            code="staged-full",
            field="file",
            how=f"Try again later, {_when_free(everybody)}or submit the file over the API, in one step.",
        )


def _when_free(files: list[Waiting]) -> str:
    return f"wait until {files[0].since + KEEP:%H:%M} UTC when the oldest is forgotten, " if files else ""


def _look(file: Path) -> Preview:
    try:
        return preview(file)
    except PredictionsError as error:
        raise refused(error) from error


def _opened(token: str, actor: User) -> tuple[str, str]:
    try:
        key, owner, name = signing.loads(token, salt=SALT, max_age=KEEP)
    except (signing.BadSignature, ValueError) as error:
        raise _gone() from error
    if owner != actor.pk or not default_storage.exists(key):
        raise _gone()
    return key, name


def _gone() -> InvalidInput:
    return InvalidInput(
        "The uploaded file is no longer here.", code="staged-gone", field="file", how="Choose the file again."
    )


@contextmanager
def staged_file(token: str, *, actor: User) -> Iterator[tuple[Iterable[bytes], str]]:
    """The pieces of a staged file and its name. Raises InvalidInput when it is gone or somebody else's."""
    key, name = _opened(token, actor)
    with default_storage.open(key, "rb") as stream:
        yield chunks_of(stream), name


def look_again(token: str, *, actor: User) -> Staged:
    """The staged file as the form showed it. Raises InvalidInput when it is gone."""
    with staged_file(token, actor=actor) as (pieces, name), tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"predictions{Path(name).suffix[:10]}"
        with file.open("wb") as stream:
            stream.writelines(pieces)
        return Staged(token, name, _look(file))


def discard(token: str, *, actor: User) -> None:
    """Remove a staged file that was used."""
    default_storage.delete(_opened(token, actor)[0])


def forget_old() -> int:
    """Remove files that nobody came back for; how many."""
    now, gone = timezone.now(), 0
    for one in waiting():
        if one.since < now - KEEP:
            default_storage.delete(one.key)
            gone += 1
    return gone
