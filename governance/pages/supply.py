"""How a missing fact is supplied: where to click, or what to call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from django.urls import NoReverseMatch, reverse

from catalog.models import ModelVersion
from governance.gates.attested import ATTESTED, Attested
from governance.gates.schema import FACTS
from governance.gates.shapes import Field


@dataclass(frozen=True)
class Supply:
    """One missing fact, what to do about it, the address to go to and the call that does the same (empty: none).

    call: path and body of a POST below /api/v1/, as (path, JSON).
    """

    path: str
    how: str
    url: str = ""
    call: tuple[str, str] | tuple[()] = ()


_METRICS = {"metrics": [{"name": "accuracy", "value": 0.9, "lower": 0.88, "upper": 0.92, "n": 1000}]}
_HOW = {
    "bias": ("Run a bias test: upload the predictions of the test split.", "bias-new"),
    "bias_changes": ("Run a bias test for this version and for the live one.", "bias-new"),
    "odds": ("Run a bias test with labels, so that error rates can be counted.", "bias-new"),
    "odds_changes": ("Run a bias test with labels for this version and for the live one.", "bias-new"),
    "metrics": ("Post the measured value with its interval: POST …/metrics.", "version"),
    "baseline_metrics": ("Post the same metric for the version that is live.", "version"),
    "card": ("Fill the model card.", "version-card"),
    "artifacts": ("Upload the files that the version declares: PUT …/artifacts/NAME.", "version"),
    "datasets": ("Register a version that names its datasets; a version does not change later.", "version-new"),
    "training": ("Register a version that names its training run; a version does not change later.", "version-new"),
    "endpoint": ("Complete the endpoint's entry.", "endpoint"),
    "model": ("Complete the model's entry.", "model"),
    "subject": ("Every document built now holds it: let the gates run again.", "version"),
    "evaluated_at": ("Every document built now holds it: let the gates run again.", "version"),
    "ledger_index": ("Every document built now holds it: let the gates run again.", "version"),
    "request": ("Known once a release is asked for.", "release-new"),
}
_NOWHERE = "No part of this installation measures it yet. The owner of the policy can say what counts instead."
# What the catalog records itself, but for single fields that are attested.
RECORDED = ("artifacts", "training", "card", "endpoint")
_EXAMPLES: dict[str, Any] = {"int": 0, "double": 0.0, "bool": True, "string": "…", "digest": "…"}
_EXAMPLES |= {"timestamp": "2026-01-31T12:00:00Z", "date": "2027-01-31"}


def supply(path: str, version: ModelVersion, endpoint_name: str = "") -> Supply:
    """What to do so that the fact at this path becomes known."""
    clean = path.removeprefix("facts.")
    root, _, rest = clean.partition(".")
    root, leaf = root.split("[")[0], rest.split(".")[0]
    attested = ATTESTED.get(root)
    if attested is not None and (root not in RECORDED or (leaf in attested.fields and leaf not in attested.key)):
        return _attest(clean, attested, version, endpoint_name)
    how, page = _HOW.get(root, (_NOWHERE, ""))
    call = (f"{_version_path(version)}/metrics", json.dumps(_METRICS)) if root == "metrics" else ()
    return Supply(clean, how, _address(page, version, endpoint_name), call)


def attest_url(section: str, version: ModelVersion, endpoint_name: str = "") -> str:
    """Where the section is attested."""
    named = {"section": section} | ({"endpoint": endpoint_name} if endpoint_name else {})
    return f"{_address('version-attest', version, endpoint_name)}?{urlencode(named)}"


def _attest(path: str, attested: Attested, version: ModelVersion, endpoint_name: str) -> Supply:
    how = f"Attest it, as {attested.by.removesuffix('s').replace('s and', ' or')}: {attested.title.lower()}."
    about = f"endpoints/{quote(endpoint_name or 'NAME', safe='')}"
    if "version" in attested.about:
        about = _version_path(version)
    body = {"section": attested.section, "value": example(attested), "source": "…"}
    call = (f"{about}/attestations", json.dumps(body, ensure_ascii=False))
    return Supply(path, how, attest_url(attested.section, version, endpoint_name), call)


def example(attested: Attested) -> dict[str, Any]:
    """A value of the section's shape."""
    message = FACTS.by_name[attested.section].message
    assert message is not None
    return {name: _example(message.by_name[name]) for name in attested.fields}


def _example(field: Field) -> Any:
    found: Any = _EXAMPLES.get(field.kind)
    if field.message is not None:
        found = {one.name: _example(one) for one in field.message.fields}
    return [found] if field.repeated else found


def _version_path(version: ModelVersion) -> str:
    return f"models/{quote(version.model.name, safe='')}/versions/{quote(version.version, safe='')}"


def _address(page: str, version: ModelVersion, endpoint_name: str) -> str:
    model = version.model.name
    arguments: dict[str, str] = {
        "model": {"name": model},
        "version-new": {"name": model},
        "endpoint": {"name": endpoint_name},
        "release-new": {},
    }.get(page, {"name": model, "version": version.version})
    try:
        return reverse(page, kwargs=arguments) if page else ""
    except NoReverseMatch:
        return ""
