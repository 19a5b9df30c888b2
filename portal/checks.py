"""Start-up checks: no page and no API method without a declared permission."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.urls import URLPattern, URLResolver, get_resolver

from portal.access import Permission

# Reachable by everybody: log-in, health, the description of the API. Each is a decision, so each is listed.
PUBLIC_PREFIXES = (
    "accounts/",
    "healthz",
    "readyz",
    "api/v1/schema",
    "api/v1/docs",
    "static/",
    "log/checkpoint",
    "log/key",
    "evidence-packs/ca.pem",
)


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every (path, callback) of the project."""
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern).lstrip("^").rstrip("$")
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        elif isinstance(entry, URLPattern):
            yield path, entry.callback


def undeclared(path: str, callback: Any) -> str | None:
    """What is missing for the view at this path, or None."""
    view = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
    if view is None:
        return f"{path}: a plain function has no declared permission"
    if isinstance(getattr(view, "permission", None), Permission):
        return None
    methods = {m.upper() for m in ("get", "post", "put", "patch", "delete") if hasattr(view, m)}
    missing = methods - set(getattr(view, "permissions", {}))
    return f"{path}: {view.__name__} declares no permission for {', '.join(sorted(missing))}" if missing else None


@register()
def every_view_declares_permission(**kwargs: Any) -> list[CheckMessage]:
    found = [
        undeclared(path, callback) for path, callback in routes(get_resolver()) if not path.startswith(PUBLIC_PREFIXES)
    ]
    return [Error(text, id="gatehouse.E001") for text in found if text]
