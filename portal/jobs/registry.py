"""Which function does which kind of job. Handlers register themselves in their app's `tasks.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portal.jobs.models import Job

Report = Callable[[int, str], None]
Handler = Callable[["Job", Report], dict[str, Any]]

_handlers: dict[str, Handler] = {}
_titles: dict[str, str] = {}


class JobFailed(Exception):
    """The job cannot succeed however often it is tried; the text says why and what to do."""


class JobCancelled(Exception):
    """Somebody cancelled the job while it ran."""


def handler(kind: str, title: str = "") -> Callable[[Handler], Handler]:
    """Register the function for a kind of job; `title` is what people read. It is given the job and
    `report(percent, step)`."""

    def register(function: Handler) -> Handler:
        _handlers[kind] = function
        _titles[kind] = title
        return function

    return register


def title_of(kind: str) -> str:
    """The kind of job in words."""
    return _titles.get(kind) or kind.rpartition(":")[2].replace("-", " ").capitalize()


def find(kind: str) -> Handler:
    """The handler of a kind. Raises JobFailed when this code does not know it."""
    if kind not in _handlers:
        raise JobFailed(f"This version of Gatehouse does not know jobs of kind {kind}.")
    return _handlers[kind]
