"""Where the subject of an entry is shown. Apps to the right register the types they have pages for."""

from __future__ import annotations

from collections.abc import Callable

from django.urls import NoReverseMatch

Address = Callable[[str], str | None]
_addresses: dict[str, Address] = {}


def register(subject_type: str, address: Address) -> None:
    """Name the function that gives the page of a subject from its id, or None when there is no page."""
    _addresses[subject_type] = address


def forget(subject_type: str) -> None:
    """Take a type's page out again; silent when it had none."""
    _addresses.pop(subject_type, None)


def address_of(subject_type: str, subject_id: str) -> str | None:
    """The page of a subject, or None for a type without pages or a subject that is gone."""
    address = _addresses.get(subject_type)
    try:
        return address(subject_id) if address else None
    except (NoReverseMatch, ValueError):
        return None
