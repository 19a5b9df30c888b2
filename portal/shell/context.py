"""What every page of the shell needs: the menu and the name of the installation."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from portal.shell.nav import Section, sections_for


def current_entry(request: HttpRequest) -> str:
    """The url_name of the menu entry that this page stands under: the view's `nav`, else its own name."""
    match = getattr(request, "resolver_match", None)
    if match is None:
        return ""
    view = getattr(match.func, "view_class", None)
    return getattr(view, "nav", "") or match.view_name or ""


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor. The menu is worked out only where a template draws it, not on the log-in page."""

    def menu() -> list[Section]:
        user = getattr(request, "user", None)
        if user is None or not user.is_authenticated:
            return []
        return sections_for(user, current_entry(request))

    return {"nav": SimpleLazyObject(menu), "site_name": getattr(settings, "SITE_NAME", "Gatehouse")}
