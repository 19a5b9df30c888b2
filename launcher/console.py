"""Progress: one line for each step, what happened and how long it took."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


class Step:
    """One step under way; `skip` and `note` say what the finished line tells beside the name."""

    def __init__(self) -> None:
        self.skipped = False
        self.warned = False
        self.text = ""

    def skip(self, why: str) -> None:
        """Nothing had to be done."""
        self.skipped, self.text = True, why

    def note(self, text: str) -> None:
        """A word beside the name."""
        self.text = text

    def warn(self, text: str) -> None:
        """The start goes on, but a person should do something."""
        self.warned, self.text = True, text


class Console:
    """Writes progress to a stream, and to a log file once there is one."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self.stream = stream or sys.stdout
        self.quiet = quiet
        self.log: Path | None = None
        encoding = getattr(self.stream, "encoding", None) or "ascii"
        try:
            "✓–✗!…".encode(encoding)
            self.marks = {"done": "✓", "skipped": "–", "failed": "✗", "warned": "!", "busy": "…"}
        except (UnicodeEncodeError, LookupError):
            self.marks = {"done": "ok", "skipped": "--", "failed": "XX", "warned": "!!", "busy": ".."}
            with contextlib.suppress(AttributeError):
                self.stream.reconfigure(errors="replace")  # type: ignore[union-attr]

    @property
    def live(self) -> bool:
        """Whether a line can be overwritten."""
        return self.stream.isatty()

    def say(self, text: str = "", *, keep: bool = True) -> None:
        """One line, always shown. A reader that went away does not stop the launcher. keep=False: never in the log."""
        with contextlib.suppress(BrokenPipeError, ValueError):
            self.stream.write(f"{text}\n")
            self.stream.flush()
        if keep:
            self._keep(text)

    def _keep(self, text: str) -> None:
        if self.log is not None:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            with contextlib.suppress(OSError), self.log.open("a", encoding="utf-8") as log:
                log.write(f"{stamp} {text}\n")

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show `name` while the block runs, then how it ended.

        A quiet console shows only what failed or needs a person.
        """
        step, began = Step(), time.monotonic()
        if self.live and not self.quiet:
            with contextlib.suppress(BrokenPipeError, ValueError):
                self.stream.write(f"{self.marks['busy']} {name}")
                self.stream.flush()
        try:
            yield step
        except BaseException:
            self._finish("failed", name, began, "")
            raise
        kind = "warned" if step.warned else "skipped" if step.skipped else "done"
        if not self.quiet or step.warned:
            self._finish(kind, name, began, step.text)

    def _finish(self, kind: str, name: str, began: float, text: str) -> None:
        took = "" if kind == "skipped" else f"{time.monotonic() - began:.1f} s"
        line = f"{self.marks[kind]} {name:<26} {took:>7}  {text}".rstrip()
        if self.live and not self.quiet:
            with contextlib.suppress(BrokenPipeError, ValueError):
                self.stream.write("\r\x1b[K")
        self.say(line)
