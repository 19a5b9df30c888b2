"""What other apps show on the pages of models and versions: they register a function, the page draws its panel.

The catalog imports none of them; a page of the catalog is whole without them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

Kind = Literal["model", "version", "version-side", "endpoint"]
PanelFunction = Callable[[HttpRequest, Any], tuple[str, Mapping[str, Any]] | None]
_functions: list[tuple[Kind, PanelFunction]] = []


def register(function: PanelFunction, kind: Kind = "version") -> None:
    """Add a panel to the pages of that kind; called from an app's `ready()`.

    The function gets the request and the row (RegisteredModel, ModelVersion or Endpoint) and returns
    (template, context), or None for no panel. The template gets the context also as `panel`, and the row as
    `model`, `version` or `endpoint`.
    """
    if (kind, function) not in _functions:
        _functions.append((kind, function))


def panels(kind: Kind, request: HttpRequest, subject: Any) -> list[SafeString]:
    """The panels of all apps for this row, drawn, in the order in which they were registered."""
    found = [function(request, subject) for known, function in _functions if known == kind]
    row = {kind.split("-")[0]: subject}
    return [
        render_to_string(template, {"panel": context, **row, **context}, request=request)
        for template, context in (panel for panel in found if panel is not None)
    ]
