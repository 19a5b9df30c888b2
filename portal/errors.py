"""The errors an act may answer with. Each says what is wrong, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class DomainError(Exception):
    """Something a person or a pipeline asked for cannot be done.

    message: one sentence for a person; code: stable, for machines; field: the input it is about;
    how: what to do about it; details: further data for the API answer (JSON values only).
    """

    status = 400
    title = "The request cannot be carried out"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        field: str | None = None,
        how: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.field = field
        self.how = how
        self.details = dict(details or {})

    def diagnostics(self) -> str:
        """The message with its remedy, for a terminal or a page."""
        return f"{self.message} {self.how}".strip()


class InvalidInput(DomainError):
    status = 422
    title = "The input is not valid"


class PermissionRefused(DomainError):
    status = 403
    title = "You may not do this"


class NotFound(DomainError):
    status = 404
    title = "Not found"


class Conflict(DomainError):
    """The state moved on: somebody decided first, a name is taken, an approval is stale."""

    status = 409
    title = "This is no longer possible"


class TooLarge(DomainError):
    status = 413
    title = "The upload is too large"


class Unavailable(DomainError):
    status = 503
    title = "A part of the service is not available now"
