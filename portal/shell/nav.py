"""The menu: apps register their entries, a person sees those that their roles open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.urls import reverse

from portal.access import Permission, can

if TYPE_CHECKING:
    from portal.accounts.models import User

SECTIONS = ("Work", "Registry", "Governance", "Assurance", "Administration")


@dataclass(frozen=True)
class Entry:
    """One line of the menu.

    key: the chord that opens it, such as "g m"; count: what is open there for this person, None for no badge;
    urgent: the badge is drawn in the accent colour, because it waits for this very person.
    """

    section: str
    label: str
    url_name: str
    icon: str
    key: str = ""
    permission: Permission = Permission.PORTAL_HOME_READ
    count: Callable[[User], int] | None = None
    urgent: bool = False


@dataclass(frozen=True)
class Link:
    """An entry as one person sees it on one page."""

    label: str
    url: str
    icon: str
    key: str
    current: bool
    count: int
    urgent: bool


@dataclass(frozen=True)
class Section:
    label: str
    links: list[Link] = field(default_factory=list)


_entries: list[Entry] = []


def register(
    section: str,
    label: str,
    url_name: str,
    icon: str,
    key: str = "",
    permission: Permission = Permission.PORTAL_HOME_READ,
    *,
    count: Callable[[User], int] | None = None,
    urgent: bool = False,
) -> None:
    """Add an entry to the menu; called from an app's `ready()`. Entries keep the order of registration.

    Raises ValueError for a section that the menu does not have, and for a chord that is taken.
    """
    if section not in SECTIONS:
        raise ValueError(f"The menu has no section {section!r}; it has {', '.join(SECTIONS)}.")
    for known in _entries:
        if key and known.key == key and known.url_name != url_name:
            raise ValueError(f"The chord {key!r} already opens {known.label}.")
    entry = Entry(section, label, url_name, icon, key, permission, count, urgent)
    if entry.url_name not in {known.url_name for known in _entries}:
        _entries.append(entry)


def entries() -> tuple[Entry, ...]:
    return tuple(_entries)


def sections_for(actor: User, current: str = "") -> list[Section]:
    """The menu of this person; `current` is the url_name of the entry that the open page belongs to."""
    found = []
    for name in SECTIONS:
        links = [
            Link(
                label=entry.label,
                url=reverse(entry.url_name),
                icon=entry.icon,
                key=entry.key,
                current=entry.url_name == current,
                count=entry.count(actor) if entry.count else 0,
                urgent=entry.urgent,
            )
            for entry in _entries
            if entry.section == name and can(actor, entry.permission)
        ]
        if links:
            found.append(Section(name, links))
    return found
