"""Keys and certificates of an installation: apps register what makes theirs, one command makes all."""

from __future__ import annotations

from collections.abc import Callable

_makers: list[Callable[[], object]] = []


def register(maker: Callable[[], object]) -> None:
    """Add a function that makes a key if it is missing and keeps it if it is there."""
    if maker not in _makers:
        _makers.append(maker)


def make_all() -> None:
    """Make every registered key that is missing."""
    for maker in _makers:
        maker()
