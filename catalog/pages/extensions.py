"""What other apps show on a version's page: they register a function, the page draws what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from catalog.models import ModelVersion

VersionFunction = Callable[[HttpRequest, ModelVersion], tuple[str, Mapping[str, Any]] | None]
_functions: list[VersionFunction] = []


@dataclass(frozen=True)
class Extension:
    """A template of another app, drawn with `context` on top of the page's own."""

    template: str
    context: Mapping[str, Any]


def register(function: VersionFunction) -> None:
    """Add a panel; called when an app's menu is registered. The function returns (template, context) or None."""
    if function not in _functions:
        _functions.append(function)


def extensions(request: HttpRequest, version: ModelVersion) -> list[Extension]:
    """The panels of all apps for this version, in the order in which they were registered."""
    found = [function(request, version) for function in _functions]
    return [Extension(*panel) for panel in found if panel is not None]
