"""Judges a body by what its head announces, before a byte of it is read: its size, its kind, and who sends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import Resolver404, ResolverMatch, resolve

from portal.access import Permission, require
from portal.errors import DomainError, PermissionRefused, TooLarge
from portal.pages.errors import way_back

# The addresses that take files, and the setting that bounds each. Every other body is a form or JSON.
UPLOADS: Mapping[str, str] = {
    "version-new": "ARTIFACT_MAX_BYTES",
    "version-upload": "ARTIFACT_MAX_BYTES",
    "api-artifact": "ARTIFACT_MAX_BYTES",
    "bias-new": "PREDICTIONS_MAX_BYTES",
    "api-predictions": "PREDICTIONS_MAX_BYTES",
}
# Where the service counts a body of unknown length while it reads it.
STREAMED = frozenset({"api-artifact"})


class LengthMissing(DomainError):
    status = 411
    title = "The length of the body is missing"


class BodyMiddleware:
    """Refuses a body that is too large, of unknown length, or a form with files from nobody who may send it.

    It stands after the session and before anything that reads the body: even the check against forged forms reads a
    form whole. The API asks for its token before it reads, so only sizes are judged there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length, is_chunked = announced(request)
        if not length and not is_chunked:
            return self.get_response(request)
        match = _route(request)
        try:
            judge(request, match, length, is_chunked)
        except DomainError as error:
            return _refused(request, error)
        if _is_form_with_files(request) and (permission := _page_permission(match)):
            if not request.user.is_authenticated:
                return lost_form(request)
            try:
                require(request.user, permission)  # type: ignore[arg-type]
            except PermissionRefused as error:
                return render(request, "403.html", {"error": error}, status=403)
        return self.get_response(request)


def announced(request: HttpRequest) -> tuple[int, bool]:
    """(bytes that the head announces, whether the body comes in chunks of unknown number)."""
    text = str(request.META.get("CONTENT_LENGTH") or "")
    length = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    return length, not length and bool(request.META.get("HTTP_TRANSFER_ENCODING"))


def limit_for(name: str, *, with_files: bool) -> int:
    """How many bytes a body may have at this address. A form that carries files also carries its other fields."""
    plain = int(settings.BODY_MAX_BYTES)
    setting = UPLOADS.get(name)
    return int(getattr(settings, setting)) + plain if setting and with_files else plain


def judge(request: HttpRequest, match: ResolverMatch | None, length: int, is_chunked: bool) -> None:
    """Raises LengthMissing or TooLarge for a body that nothing here will read."""
    name = (match.view_name if match else "") or ""
    if is_chunked and name not in STREAMED:
        raise LengthMissing(
            "The body has no Content-Length.",
            code="length-required",
            how="Send it whole with its length, not in chunks (curl: --data-binary @FILE instead of -T -).",
        )
    is_api = _is_api(request)
    limit = limit_for(name, with_files=is_api or _is_form_with_files(request))
    if length > limit:
        how = "Send fewer or smaller files, or ask the operator to raise the limit."
        raise TooLarge(
            f"The body has {length:,} bytes, at most {limit:,} are taken here.",
            code="too-large",
            how=how if name in UPLOADS else "Send less at a time.",
            details={"limit": limit, "announced": length},
        )


def lost_form(request: HttpRequest) -> HttpResponse:
    """The page for a form that arrived without a session, without reading the form."""
    return render(request, "lost_session.html", {"typed": [], "back": way_back(request)}, status=403)


def _refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    if not _is_api(request):
        return render(request, "error.html", {"error": error}, status=error.status)
    body: dict[str, Any] = {"type": f"urn:gatehouse:problem:{error.code}", "title": error.title}
    body |= {"status": error.status, "detail": error.message, "how": error.how, **error.details}
    return JsonResponse(body, status=error.status, content_type="application/problem+json")


def _route(request: HttpRequest) -> ResolverMatch | None:
    try:
        request.resolver_match = resolve(request.path_info)
    except Resolver404:
        return None
    return request.resolver_match


def _page_permission(match: ResolverMatch | None) -> Permission | None:
    """What the page behind the address asks for; None for the API, and for what everybody may open."""
    found = getattr(getattr(match.func, "view_class", None), "permission", None) if match else None
    return found if isinstance(found, Permission) else None


def _is_form_with_files(request: HttpRequest) -> bool:
    return (request.content_type or "").lower() == "multipart/form-data"


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")
