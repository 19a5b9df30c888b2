"""The description of the API, and the page that shows it. Public: it names no person and no model."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.generic import TemplateView
from django.views.generic.base import View
from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "post", "put", "patch", "delete")


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The OpenAPI 3.1 document of this process; the code does not change while it runs."""
    document: dict[str, Any] = SchemaGenerator(api_version="1").get_schema(request=None, public=True)
    return document | {"servers": [{"url": settings.PUBLIC_URL}]}


class SchemaView(View):
    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest) -> JsonResponse:
        return JsonResponse(schema(), content_type="application/vnd.oai.openapi+json")


@dataclass(frozen=True)
class Operation:
    """One method of one address, as the page shows it."""

    method: str
    path: str
    summary: str
    anchor: str
    curl: str
    parameters: list[dict[str, Any]] = field(default_factory=list)
    body: list[tuple[str, str, bool, str]] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)


def _follow(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """The node, or what its $ref points to."""
    if "$ref" not in node:
        return node
    found: Any = document
    for part in str(node["$ref"]).removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def _kind(document: dict[str, Any], node: dict[str, Any]) -> str:
    """A JSON type in words: "string", "array of object", "string or null"."""
    node = _follow(document, node)
    if kinds := node.get("oneOf") or node.get("anyOf") or node.get("allOf"):
        return " or ".join(dict.fromkeys(_kind(document, one) for one in kinds))
    kind = node.get("type", "any")
    text = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"array of {_kind(document, node['items'])}" if text == "array" and node.get("items") else text


def _sample(document: dict[str, Any], node: dict[str, Any], depth: int = 0) -> Any:
    """A value of the shape that the schema asks for, with required members only."""
    node = _follow(document, node)
    if "example" in node or "default" in node:
        return node.get("example", node.get("default"))
    if kinds := node.get("oneOf") or node.get("anyOf") or node.get("allOf"):
        return _sample(document, kinds[0], depth)
    if node.get("enum"):
        return node["enum"][0]
    kind = node.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object" and depth < 3:
        needed = node.get("required", [])
        members = node.get("properties", {})
        return {name: _sample(document, members[name], depth + 1) for name in needed if name in members}
    if kind == "array" and depth < 3:
        return [_sample(document, node.get("items", {}), depth + 1)]
    return {"integer": 1, "number": 0.5, "boolean": True, "object": {}, "array": []}.get(str(kind), "…")


def _curl(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> str:
    """A command to copy: parts in {braces} are for the reader to fill in."""
    lines = ["curl -sS" + ("" if method == "get" else f" -X {method.upper()}") + f" '{settings.PUBLIC_URL}{path}'"]
    if operation.get("security"):
        lines.append('-H "Authorization: Bearer $GATEHOUSE_TOKEN"')
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        body = json.dumps(_sample(document, content["application/json"].get("schema", {})), ensure_ascii=False)
        lines += ["-H 'Content-Type: application/json'", "-d " + "'" + body.replace("'", "'\\''") + "'"]
    elif "multipart/form-data" in content:
        lines.append("-F file=@predictions.csv")
    elif content:
        lines.append("--data-binary @file")
    return " \\\n  ".join(lines)


def _body(document: dict[str, Any], operation: dict[str, Any]) -> list[tuple[str, str, bool, str]]:
    """The members of the request body: (name, kind, required, words)."""
    content = operation.get("requestBody", {}).get("content", {})
    for kind in ("application/json", "multipart/form-data"):
        if kind in content:
            shape = _follow(document, content[kind].get("schema", {}))
            needed = shape.get("required", [])
            members = shape.get("properties", {}).items()
            return [(name, _kind(document, one), name in needed, one.get("description", "")) for name, one in members]
    return []


@lru_cache(maxsize=1)
def operations() -> list[tuple[str, list[Operation]]]:
    """Every operation, by the first part of its path."""
    document, groups = schema(), {}  # type: ignore[var-annotated]
    for path, methods in sorted(document["paths"].items()):
        group = path.removeprefix("/api/v1/").split("/")[0]
        for method in METHODS:
            if method not in methods:
                continue
            found = methods[method]
            row = Operation(
                method=method.upper(),
                path=path,
                summary=str(found.get("summary") or found.get("description", "")).split("\n")[0],
                anchor=str(found.get("operationId", f"{method}-{path}")),
                curl=_curl(document, method, path, found),
                parameters=[one | {"kind": _kind(document, one["schema"])} for one in found.get("parameters", [])],
                body=_body(document, found),
                answers=[(code, one.get("description", "")) for code, one in found.get("responses", {}).items()],
            )
            groups.setdefault(group, []).append(row)
    return list(groups.items())


class DocsPage(TemplateView):
    """All operations with a command to copy. Drawn here, so that no script of another host is needed."""

    template_name = "portal/api_docs.html"
    http_method_names = ["get", "head", "options"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        groups = operations()
        count = sum(len(rows) for _, rows in groups)
        return super().get_context_data(groups=groups, count=count, url=settings.PUBLIC_URL, **kwargs)
