"""Keeps an uploaded file between the two steps of the upload form, and forgets what nobody came back for."""

from __future__ import annotations

import datetime as dt
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.core import signing
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils import timezone

from audits.fairness import PredictionsError
from audits.fairness.preview import Preview, preview
from audits.services.bias import at_hand, refused
from catalog.services.blobs import chunks_of
from portal.accounts.models import User
from portal.errors import InvalidInput

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
    """Look at the file, and keep it for an hour. Raises InvalidInput when it cannot be read; nothing is kept."""
    forget_old()
    with at_hand(pieces, None, name) as file:
        found = _look(file)
        key = f"{FOLDER}/{uuid.uuid4().hex}"
        with file.open("rb") as stream:
            default_storage.save(key, File(stream))
    return Staged(signing.dumps([key, actor.pk, name], salt=SALT), name, found)


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


def forget_old() -> None:
    """Remove files that nobody came back for."""
    if not default_storage.exists(FOLDER):
        return
    for name in default_storage.listdir(FOLDER)[1]:
        if default_storage.get_modified_time(f"{FOLDER}/{name}") < timezone.now() - KEEP:
            default_storage.delete(f"{FOLDER}/{name}")
