"""The panels of the home page: apps register them, the page shows those that have something to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.http import HttpRequest

Column = Literal["top", "main", "side"]


@dataclass(frozen=True)
class Panel:
    """What one app shows on the home page.

    template: drawn with `context` on top of the page's own; column: where it stands;
    says: a sentence for the page's first line ("One decision waits for you."), or nothing.
    """

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    column: Column = "main"
    says: str = ""


PanelFunction = Callable[[HttpRequest], Panel | None]
_functions: list[tuple[int, PanelFunction]] = []


def register(function: PanelFunction, order: int = 100) -> None:
    """Add a panel; called from an app's `ready()`. Lower orders stand first; None shows nothing."""
    if function not in [known for _, known in _functions]:
        _functions.append((order, function))
        _functions.sort(key=lambda row: row[0])


@dataclass(frozen=True)
class Home:
    top: list[Panel]
    main: list[Panel]
    side: list[Panel]
    lede: str


def panels(request: HttpRequest) -> Home:
    """All panels for this request by column, with the first line of the page in words."""
    found = [panel for _, function in _functions if (panel := function(request)) is not None]
    return Home(
        top=[panel for panel in found if panel.column == "top"],
        main=[panel for panel in found if panel.column == "main"],
        side=[panel for panel in found if panel.column == "side"],
        lede=" ".join(panel.says for panel in found if panel.says) or "Nothing waits for you.",
    )
