"""One supervisor for one data folder. The kernel lets go of the lock when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from launcher import processes


class Lock:
    """An exclusive lock on a file or a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self, timeout: float = 0.0) -> bool:
        """True when held; False if somebody else still has it after `timeout` seconds."""
        flags = os.O_RDONLY if self.path.is_dir() else os.O_RDWR | os.O_CREAT
        fd = os.open(self.path, flags | os.O_CLOEXEC, 0o600)
        end = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() >= end:
                    os.close(fd)
                    return False
                time.sleep(0.1)
            else:
                self._fd = fd
                return True

    def release(self) -> None:
        """Let go; does nothing when not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def write_json(path: Path, value: Any) -> None:
    """Replace a small file at once, so that a reader never sees half of it."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(value, stream, indent=1)
    part.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """The object in the file, or an empty one when there is none or it is damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def holder(path: Path) -> dict[str, Any] | None:
    """Who wrote the supervisor's record, if that very process still runs (a zombie does not), else None."""
    record = read_json(path)
    pid, started = record.get("pid"), record.get("started")
    if isinstance(pid, int) and isinstance(started, str) and processes.started(pid) == started:
        return record
    return None


def write_holder(path: Path, **fields: Any) -> None:
    """Record this process as the holder of the lock."""
    pid = os.getpid()
    write_json(path, {"pid": pid, "started": processes.started(pid), **fields})
