"""What all reads of the catalog share: the answer for what is missing, and text as the database can compare it."""

from __future__ import annotations

from portal.errors import NotFound


def missing(what: str, name: str) -> NotFound:
    """The one answer for what does not exist and for what the actor may not see."""
    return NotFound(f"There is no {what} {name}, or you may not see it.", code="not-found", how="Check the name.")


def plain(text: str) -> str:
    """A text from an address or a search, as PostgreSQL can compare it: it knows no NUL and no half surrogate."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
