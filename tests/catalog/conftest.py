"""A team with people, and a version about which everything is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from catalog.models import ModelVersion
from portal.accounts.models import User
from tests.factories import catalog, people


@dataclass(frozen=True)
class House:
    owner: User
    developer: User
    viewer: User
    stranger: User
    version: ModelVersion


@pytest.fixture
def house(db: None) -> House:
    """Team lending with its people and one version, measured and uploaded; a stranger of team clinic."""
    lending, clinic = people.team("lending"), people.team("clinic")
    owner, developer = people.person("model_owner", lending), people.person("developer", lending)
    model = catalog.model(owner=owner, name="income-model")
    snapshot = catalog.snapshot(catalog.dataset(owner=owner, name="adult"), actor=developer, label="uci-1996")
    version = catalog.version(model, actor=developer, version="1.0.0", datasets=[(snapshot, "train")])
    catalog.uploaded(version)
    catalog.metrics(version, accuracy=0.85)
    catalog.bias(version)
    catalog.endpoint(owner=owner, name="income-prod")
    return House(owner, developer, people.person("viewer", lending), people.person("model_owner", clinic), version)


@pytest.fixture
def api() -> Callable[[User], Callable[..., Any]]:
    """`call = api(user); call("get", "/models")`: a request with the user's token; JSON in and out."""

    def of(user: User) -> Callable[..., Any]:
        client, token = Client(), people.token(user)

        def call(method: str, path: str, data: Any = None, **extra: Any) -> Any:
            if "content_type" not in extra:
                extra["content_type"] = "application/json"
            kwargs = {} if data is None else {"data": data}
            send = getattr(client, method)
            return send(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"}, **kwargs, **extra)

        return call

    return of
