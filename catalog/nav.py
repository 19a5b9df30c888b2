"""Menu entries and search of this app; importing this module registers them."""

from __future__ import annotations

from django.urls import reverse

from catalog import selectors
from portal.access import Permission
from portal.accounts.models import User
from portal.shell import nav, search

READ = Permission.CATALOG_MODEL_READ
nav.register("Registry", "Models", "models", "box", "g m", READ)
nav.register("Registry", "Datasets", "datasets", "database", "g d", READ)
nav.register("Registry", "Endpoints", "endpoints", "server", "g e", READ)


def _find(actor: User, text: str) -> list[search.Hit]:
    models = selectors.search_models(selectors.models_for(actor), text).order_by("name")[: search.MOST]
    hits = [(f"{row.name}: {row.title}", reverse("model", kwargs={"name": row.name}), "model") for row in models]
    endpoints = selectors.endpoints_for(actor).filter(name__icontains=text).order_by("name")[: search.MOST]
    return hits + [(row.name, reverse("endpoint", kwargs={"name": row.name}), "endpoint") for row in endpoints]


search.register(_find)
