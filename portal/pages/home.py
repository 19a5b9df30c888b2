"""The first page: what needs this person."""

from __future__ import annotations

from typing import Any

from portal.access import Permission
from portal.pages.base import ReadPage
from portal.shell import home


class HomePage(ReadPage):
    """The panels that the apps registered, and a first line that sums them up."""

    permission = Permission.PORTAL_HOME_READ
    nav = "home"
    template_name = "portal/home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(home=home.panels(self.request), **kwargs)
