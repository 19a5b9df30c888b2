"""Menu entries of this app and where Ctrl K looks; importing this module registers them."""

from __future__ import annotations

from django.db.models import Q
from django.urls import reverse

from catalog import selectors
from catalog.models import Dataset, Endpoint, ModelVersion, RegisteredModel
from portal.access import Permission
from portal.accounts.models import User
from portal.shell import nav, search

nav.register("Registry", "Models", "models", "box", "g m", Permission.CATALOG_MODEL_READ)
nav.register("Registry", "Datasets", "datasets", "database", "g d", Permission.CATALOG_MODEL_READ)
nav.register("Registry", "Endpoints", "endpoints", "server", "g e", Permission.CATALOG_MODEL_READ)


def find_rows(actor: User, text: str) -> list[search.Hit]:
    """Models, datasets and endpoints by name or title."""
    words = selectors.plain(text)
    by_name = Q(name__icontains=words) | Q(title__icontains=words)
    hits: list[search.Hit] = []
    for kind, manager in (
        ("model", RegisteredModel.objects),
        ("dataset", Dataset.objects),
        ("endpoint", Endpoint.objects),
    ):
        names = manager.visible_to(actor).filter(by_name).order_by("name").values_list("name", flat=True)[:4]
        hits += [(name, reverse(kind, kwargs={"name": name}), kind) for name in names]
    return hits


def find_versions(actor: User, text: str) -> list[search.Hit]:
    """Versions by "model version", by version, or by the start of a digest."""
    words = selectors.plain(text).split()[:2]
    if not words:
        return []
    wanted = Q(version__istartswith=words[-1])
    if len(words) == 2:
        wanted &= Q(model__name__icontains=words[0])
    digest = words[0].removeprefix("sha256:").lower()
    if len(words) == 1 and len(digest) >= 6:
        wanted |= Q(digest__startswith=digest) | Q(artifacts__sha256__startswith=digest)
    found = ModelVersion.objects.visible_to(actor).select_related("model").filter(wanted).distinct().order_by("-pk")
    return [
        (str(row), reverse("version", kwargs={"name": row.model.name, "version": row.version}), "version")
        for row in found[:4]
    ]


search.register(find_rows)
search.register(find_versions)
