"""The pages for what went wrong. Each says what, whether anything was lost, and the way out."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme

SECRET_WORDS = ("password", "token", "csrf", "secret", "digest")
MAX_KEPT = 20_000


def _problem(status: int, title: str, detail: str) -> JsonResponse:
    """A machine asked: the answer is problem details (RFC 9457), not a page."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JsonResponse(body, status=status, content_type="application/problem+json")


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def typed_text(request: HttpRequest) -> list[tuple[str, str]]:
    """What a person typed into the form that was refused, as (name, text), without secrets and hidden values."""
    try:
        posted = list(request.POST.lists())
    except (OSError, ValueError, RawPostDataException):
        return []
    found = []
    for name, values in posted:
        text = "\n".join(value for value in values if value.strip())
        if text and len(text) <= MAX_KEPT and not any(word in name.lower() for word in SECRET_WORDS):
            found.append((name.replace("_", " ").replace("-", " "), text))
    return found


def way_back(request: HttpRequest) -> str:
    """The page that the form was on, when it is one of ours; else the home page."""
    referer = request.META.get("HTTP_REFERER", "")
    if not url_has_allowed_host_and_scheme(referer, allowed_hosts={request.get_host()}):
        return "/"
    parts = urlsplit(referer)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def lost_session(request: HttpRequest) -> HttpResponse:
    """A form arrived without a session: nothing was saved, and what was typed is shown to copy."""
    context = {"typed": typed_text(request), "back": way_back(request)}
    return render(request, "lost_session.html", context, status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW: mostly a page that was open for too long, or cookies that are off."""
    context = {"typed": typed_text(request), "back": way_back(request)}
    return render(request, "csrf.html", context, status=403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return _problem(400, "The request cannot be read", "The server could not read the request.")
    return HttpResponse(render_to_string("400.html"), status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return _problem(403, "You may not do this", str(exception) or "Permission refused.")
    return render(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return _problem(404, "Not found", "There is no such address. The list is at /api/v1/docs.")
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Drawn without the request: the session, the user or the database may be what failed."""
    if _is_api(request):
        return _problem(500, "Unexpected error", "The portal failed. Nothing was half-written; try again.")
    return HttpResponse(render_to_string("500.html"), status=500)
