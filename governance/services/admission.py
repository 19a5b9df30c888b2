"""Answers a cluster's question whether an object may run: only what the desired state of its endpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.models import Endpoint
from governance.services.desired import desired_state
from portal.accounts.models import User

API_VERSION = "admission.k8s.io/v1"
ENDPOINT = "gatehouse.dev/endpoint"
DIGEST = "gatehouse.dev/version-digest"
ARTIFACTS = "gatehouse.dev/artifacts"


class BadReview(ValueError):
    """This is no AdmissionReview of version 1 with a request."""


def review(document: Any, *, actor: User) -> dict[str, Any]:
    """The AdmissionReview with its response. Raises BadReview for a document of another shape."""
    request = document.get("request") if isinstance(document, Mapping) else None
    if not isinstance(request, Mapping) or document.get("apiVersion") != API_VERSION:
        raise BadReview(f"Send an AdmissionReview of {API_VERSION} with a request.")
    uid = request.get("uid")
    if not isinstance(uid, str) or not 0 < len(uid) <= 128:
        raise BadReview("The request has no uid.")
    why = "" if request.get("operation") in ("DELETE", "CONNECT") else _why_not(request.get("object"), actor)
    response: dict[str, Any] = {"uid": uid, "allowed": not why}
    if why:
        response["status"] = {"code": 403, "reason": "Forbidden", "message": why}
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}


def _why_not(found: Any, actor: User) -> str:
    """Why the object may not run, or an empty string."""
    notes = _annotations(found)
    name, digest = notes.get(ENDPOINT, ""), notes.get(DIGEST, "").removeprefix("sha256:")
    if not name or not digest:
        return f"The object does not say what it serves: annotate it with {ENDPOINT} and {DIGEST}."
    endpoint = Endpoint.objects.visible_to(actor).filter(name__iexact=name).first() if "\x00" not in name else None
    if endpoint is None:
        return f"There is no endpoint {name!r:.90} here."
    state = desired_state(endpoint)
    rows = [*state["targets"], *state["shadow"]]
    target = next((row for row in rows if row["digest"] == digest), None)
    if target is None:
        known = ", ".join(f"{row['model']} {row['version']}" for row in rows) or "nothing: it is suspended"
        return f"This version may not run at {endpoint.name}. What may: {known}."
    allowed = {row["sha256"] for row in target["artifacts"]}
    stated = [one.strip().removeprefix("sha256:") for one in notes.get(ARTIFACTS, "").split(",") if one.strip()]
    odd = [one for one in stated if one not in allowed]
    return f"The file {odd[0]:.12}… is no file of {target['model']} {target['version']}." if odd else ""


def _annotations(found: Any) -> dict[str, str]:
    """The annotations of the object, and of its pod template, whose word counts."""
    notes: dict[str, str] = {}
    template = _part(_part(found, "spec"), "template")
    for one in (found, template):
        given = _part(_part(one, "metadata"), "annotations")
        notes |= {str(key): str(value) for key, value in given.items()}
    return notes


def _part(found: Any, name: str) -> Mapping[str, Any]:
    part = found.get(name) if isinstance(found, Mapping) else None
    return part if isinstance(part, Mapping) else {}
