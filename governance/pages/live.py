"""The parts of a release's page that change while somebody reads it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render

from catalog.selectors import missing
from governance import selectors
from governance.pages.panels import release_context
from governance.pulse import pulse
from portal.access import Permission
from portal.pages.base import Page


class ReleaseLive(Page):
    """Asked every few seconds with the tag of what the reader has: 304 while nothing changed."""

    permission = Permission.GOVERNANCE_RELEASE_READ
    nav = "releases"
    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest, number: str) -> HttpResponse:
        # The tag is read before the parts are: what happens in between shows at the next question.
        tag = pulse(self.actor, int(number))
        if not tag:
            raise missing("release", f"R-{int(number)}")
        if request.headers.get("If-None-Match", "").removeprefix("W/") == tag:
            response: HttpResponse = HttpResponseNotModified()
        else:
            release = selectors.release_numbered(self.actor, int(number))
            response = render(request, "governance/live.html", release_context(request, release))
        response["ETag"] = tag
        # Kept by no cache: the script itself says what it has.
        response["Cache-Control"] = "no-store"
        return response
