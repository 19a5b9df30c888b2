"""Turns a refused act into a designed page, and lets nobody on whose password somebody else knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from portal.database_errors import zero_byte
from portal.errors import DomainError


class DomainErrorMiddleware:
    """A DomainError that a page did not handle becomes the page for its status, never a trace."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        error = zero_byte(error) or error
        if not isinstance(error, DomainError):
            return None
        template = {403: "403.html", 404: "404.html"}.get(error.status, "error.html")
        return render(request, template, {"error": error}, status=error.status)


# What somebody with a first password may open: the page to change it, the way out, and what machines ask.
OPEN = frozenset({"account_change_password", "account_logout", "healthz", "readyz", "log-checkpoint", "log-key"})


class FirstPasswordMiddleware:
    """Until a password given by an administrator is changed, every page leads to where it is changed.

    The API is left out: it asks for a token, and refuses that of such a person itself.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or match.view_name in OPEN or match.route.startswith("api/"):
            return None
        if not getattr(request.user, "must_change_password", False):
            return None
        back = f"?{urlencode({'next': request.get_full_path()})}" if request.method == "GET" else ""
        return HttpResponseRedirect(reverse("account_change_password") + back)
