"""Turns a refused act into a designed page."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.errors import DomainError


class DomainErrorMiddleware:
    """A DomainError that a page did not handle becomes the page for its status, never a trace."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, DomainError):
            return None
        template = {403: "403.html", 404: "404.html"}.get(error.status, "error.html")
        return render(request, template, {"error": error}, status=error.status)
