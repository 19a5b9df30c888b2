"""What Ctrl K finds: apps register where to look, and each looks only at what the person may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from portal.accounts.models import User

MAX_QUERY = 200
MAX_PER_SOURCE = 8

# (label, address, kind in one word)
Hit = tuple[str, str, str]
SearchFunction = Callable[[User, str], Sequence[Hit]]
_functions: list[SearchFunction] = []


def register(function: SearchFunction) -> None:
    """Add a source; called from an app's `ready()`. It gets a text that is stripped and not empty."""
    if function not in _functions:
        _functions.append(function)


def find(actor: User, text: str) -> list[Hit]:
    """The hits of all sources for this person, in the order in which the sources registered."""
    text = text.strip()[:MAX_QUERY]
    if not text or "\x00" in text:
        return []
    return [hit for function in _functions for hit in function(actor, text)[:MAX_PER_SOURCE]]
