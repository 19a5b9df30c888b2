"""The published checkpoints as files beside the database, so that a rewritten database meets a witness.

`<var>/checkpoints/latest` holds the newest note; `history/<day>.jsonl` one line per checkpoint, for ever. Copy
the folder to another machine: who owns this one and its key can rewrite both the database and these files.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from portal.ledger import notes
from portal.ledger.encoding import instant
from portal.ledger.models import Checkpoint


def folder() -> Path:
    """Where the files are."""
    return Path(settings.VAR_DIR) / "checkpoints"


def latest_note() -> str | None:
    """The newest published note, or None before the first."""
    try:
        return (folder() / "latest").read_text()
    except FileNotFoundError:
        return None


def high_water_mark() -> notes.CheckpointBody | None:
    """What the newest published note says, its signature unchecked. Raises NoteError for a spoilt file."""
    note = latest_note()
    return None if note is None else notes.CheckpointBody.parse(notes.split_note(note)[0])


def published() -> tuple[int, str | None]:
    """How many notes the history holds and the newest one, as of one moment; (0, None) before the first."""
    with _locked(fcntl.LOCK_SH):
        return sum(1 for _ in history()), latest_note()


@contextlib.contextmanager
def _locked(how: int) -> Iterator[None]:
    """Two processes that publish at once would put the older note last; a reader would meet one file of two."""
    path = folder() / "lock"
    if how == fcntl.LOCK_SH and not path.exists():
        yield
        return
    with open(path, "rb" if how == fcntl.LOCK_SH else "ab") as file:
        fcntl.flock(file, how)
        yield


def publish(checkpoint: Checkpoint) -> None:
    """Write a committed checkpoint to the files. Writing an older or the same one again changes nothing."""
    (folder() / "history").mkdir(parents=True, exist_ok=True)
    with _locked(fcntl.LOCK_EX):
        known = high_water_mark()
        if known is None or known.origin != checkpoint.origin or known.size < checkpoint.size:
            _write(checkpoint)


def _write(checkpoint: Checkpoint) -> None:
    line = json.dumps({"made_at": instant(checkpoint.made_at), "note": checkpoint.note})
    with open(folder() / "history" / f"{checkpoint.made_at:%Y-%m-%d}.jsonl", "a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    # A reader of `latest` meets the old note or the new one, never half a note.
    part = folder() / "latest.part"
    with open(part, "w") as file:
        file.write(checkpoint.note)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder() / "latest")


def history() -> Iterator[tuple[str, int, str]]:
    """Every published note in the order of publication: (file name, line number, note). A line that cannot be
    read yields an empty note."""
    for path in sorted((folder() / "history").glob("*.jsonl")):
        with open(path, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                try:
                    note = json.loads(line)["note"]
                except (ValueError, KeyError, TypeError):
                    note = ""
                yield path.name, number, note if isinstance(note, str) else ""
