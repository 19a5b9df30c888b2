"""The clock: sends the periodic tasks of `CELERY_BEAT_SCHEDULE` when they are due. `python -m portal.clock FILE`.

It is Celery's own beat without Django: sending a name needs no app, and a process that loads them all only to count
seconds would take five times the memory. FILE remembers when each was last sent.
"""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType

from celery import Celery
from celery.beat import Service


def clock(schedule_file: str) -> Service:
    """The service, ready to start; it knows the tasks by name only."""
    app = Celery("clock", fixups=[], set_as_current=False)
    app.config_from_object("portal.settings", namespace="CELERY")
    return Service(app, schedule_filename=schedule_file)


def main() -> None:
    """Tick until SIGTERM."""

    def end(_number: int, _frame: FrameType | None) -> None:
        # The service takes it for a shutdown: it writes its file and returns.
        raise SystemExit

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    signal.signal(signal.SIGTERM, end)
    clock(sys.argv[1]).start()


if __name__ == "__main__":
    main()
