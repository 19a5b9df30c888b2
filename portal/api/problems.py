"""Errors of the API as problem details (RFC 9457)."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from portal.database_errors import zero_byte
from portal.errors import DomainError

CONTENT_TYPE = "application/problem+json"


def problem_of(error: DomainError) -> dict[str, Any]:
    """The members of the problem details of a refusal."""
    members = {"code": error.code, "field": error.field, "how": error.how, **error.details}
    body: dict[str, Any] = problem(error.status, error.title, error.message, **members).data
    return body


def problem(status_code: int, title: str, detail: str, **members: Any) -> Response:
    """A problem details answer. `type` is about:blank where only the status code says more."""
    slug = members.pop("code", None)
    body = {"type": f"urn:gatehouse:problem:{slug}" if slug else "about:blank", "title": title, "status": status_code}
    body |= {"detail": detail} | {key: value for key, value in members.items() if value not in (None, "", {}, [])}
    return Response(body, status=status_code, content_type=CONTENT_TYPE)


def _below(path: str, key: Any) -> str:
    """The address of a member: artifacts[0].size; a list's errors may come keyed by number."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)


def _flatten(detail: Any, path: str = "") -> list[dict[str, str]]:
    if isinstance(detail, dict):
        rows = [_flatten(value, _below(path, key)) for key, value in detail.items()]
        return [row for group in rows for row in group]
    if isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        rows = [_flatten(value, f"{path}[{index}]") for index, value in enumerate(detail)]
        return [row for group in rows for row in group]
    texts = detail if isinstance(detail, list) else [detail]
    return [{"field": path, "message": str(text)} for text in texts]


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every refusal says what, where and how to mend it."""
    set_rollback()
    error = zero_byte(error) or error
    if isinstance(error, DomainError):
        return problem(
            error.status, error.title, error.message, code=error.code, field=error.field, how=error.how, **error.details
        )
    if isinstance(error, RequestDataTooBig):
        return problem(413, "The body is too large", "Send it in several requests.", code="too-large")
    if isinstance(error, Http404):
        return problem(404, "Not found", "There is no such thing, or you may not see it.", code="not-found")
    if isinstance(error, PermissionDenied):
        return problem(403, "You may not do this", str(error) or "Permission refused.", code="permission-refused")
    if isinstance(error, exceptions.ValidationError):
        errors = _flatten(error.detail)
        text = "; ".join(f"{row['field']}: {row['message']}" if row["field"] else row["message"] for row in errors)
        return problem(422, "The input is not valid", text, code="invalid", errors=errors)
    if isinstance(error, exceptions.APIException):
        response = problem(error.status_code, error.default_detail, str(error.detail), code=error.default_code)
        if header := getattr(error, "auth_header", None):
            response["WWW-Authenticate"] = header
        if error.status_code == status.HTTP_405_METHOD_NOT_ALLOWED and (view := context.get("view")):
            response["Allow"] = ", ".join(view.allowed_methods)
        return response
    return None
