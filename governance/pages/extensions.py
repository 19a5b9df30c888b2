"""What other apps show on a release's page: they register a function, the page draws what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from governance.models import Release

ReleaseFunction = Callable[[HttpRequest, Release], tuple[str, Mapping[str, Any]] | None]
_functions: list[ReleaseFunction] = []


@dataclass(frozen=True)
class Extension:
    """A template of another app, drawn with `context` on top of the page's own."""

    template: str
    context: Mapping[str, Any]


def register(function: ReleaseFunction) -> None:
    """Add a panel; called from an app's `ready()`. The function returns (template, context), or None for no panel."""
    if function not in _functions:
        _functions.append(function)


def extensions(request: HttpRequest, release: Release) -> list[Extension]:
    """The panels of all apps for this release, in the order in which they were registered."""
    found = [function(request, release) for function in _functions]
    return [Extension(*panel) for panel in found if panel is not None]
