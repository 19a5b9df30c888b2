"""What the launcher says when it cannot go on."""

from __future__ import annotations

from pathlib import Path


class LauncherError(Exception):
    """Something a person has to mend: what is wrong, and how to mend it."""

    def __init__(self, message: str, how: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.how = how


class Stopped(BaseException):
    """A signal asked the launcher to end. Not an Exception, so that no handler of errors swallows it."""


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log, indented, or an empty string when there is none."""
    try:
        with path.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - 16_384))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
