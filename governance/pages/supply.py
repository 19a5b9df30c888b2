"""How a missing fact is supplied: where to click, or what to call."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from catalog.models import ModelVersion


@dataclass(frozen=True)
class Supply:
    """One missing fact, what to do about it, and the address to go to (empty where there is no page for it)."""

    path: str
    how: str
    url: str = ""


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
}
_NOWHERE = "No part of this installation measures it yet. The owner of the policy can say what counts instead."


def supply(path: str, version: ModelVersion, endpoint_name: str = "") -> Supply:
    """What to do so that the fact at this path becomes known."""
    clean = path.removeprefix("facts.")
    root = clean.split(".")[0].split("[")[0]
    how, page = _HOW.get(root, (_NOWHERE, ""))
    return Supply(clean, how, _address(page, version, endpoint_name))


def _address(page: str, version: ModelVersion, endpoint_name: str) -> str:
    model = version.model.name
    arguments = {
        "model": {"name": model},
        "version-new": {"name": model},
        "endpoint": {"name": endpoint_name},
    }.get(page, {"name": model, "version": version.version})
    try:
        return reverse(page, kwargs=arguments) if page else ""
    except NoReverseMatch:
        return ""
