"""What other apps show on a release's page: they register a function, the page draws what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from catalog.models import Evidence
from governance.models import Release
from governance.pages.reading import Change

ReleaseFunction = Callable[[HttpRequest, Release], tuple[str, Mapping[str, Any]] | None]
# What is live may have no evidence, or be nothing at all.
ComparisonFunction = Callable[[Evidence | None, Evidence], Sequence[Change]]
_functions: list[ReleaseFunction] = []
_comparisons: list[ComparisonFunction] = []


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


def register_comparison(function: ComparisonFunction) -> None:
    """Add rows that are read from bias evidence and that no gate looks at; called from an app's `ready()`.

    The function gets the evidence of the version that is live (or None) and of the version to be released.
    """
    if function not in _comparisons:
        _comparisons.append(function)


def comparisons(live: Evidence | None, now: Evidence | None) -> list[Change]:
    """What all apps read from these two; nothing where the version has no bias evidence."""
    return [row for function in _comparisons for row in function(live, now)] if now is not None else []
