"""The one page of the demo: put the strip away."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from demo.strip import DISMISSED
from portal.access import Permission
from portal.pages.base import Page


class Dismiss(Page):
    permission = Permission.PORTAL_HOME_READ

    def post(self, request: HttpRequest) -> HttpResponse:
        request.session[DISMISSED] = True
        return redirect("home")
