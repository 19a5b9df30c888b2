"""Reads of endpoints and of what answers there."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Prefetch, QuerySet

from catalog.models import Deployment, Endpoint, RegisteredModel
from catalog.selectors.common import missing, plain
from portal.accounts.models import User


def endpoints_for(actor: User) -> QuerySet[Endpoint]:
    live = Prefetch(
        "deployments",
        queryset=Deployment.objects.filter(during__upper_inf=True).select_related("version__model"),
        to_attr="live_deployments",
    )
    return Endpoint.objects.visible_to(actor).select_related("team").prefetch_related(live)


def endpoint_named(actor: User, name: str) -> Endpoint:
    row = Endpoint.objects.visible_to(actor).select_related("team").filter(name__iexact=plain(name)).first()
    if row is None:
        raise missing("endpoint", name)
    return row


def deployments_of(endpoint: Endpoint) -> QuerySet[Deployment]:
    """What answered at an endpoint, newest first."""
    return endpoint.deployments.select_related("version__model").order_by(F("during").desc())


def deployed_at(endpoint: Endpoint, moment: datetime) -> Deployment | None:
    """What answered at the endpoint at that moment."""
    return deployments_of(endpoint).filter(during__contains=moment).first()


def live_deployment(endpoint: Endpoint) -> Deployment | None:
    return (
        endpoint.deployments.filter(during__upper_inf=True)
        .select_related("version__model", "version__training_run")
        .first()
    )


def deployment_before(deployment: Deployment) -> Deployment | None:
    """What answered at the same endpoint until this deployment began, or None."""
    return (
        Deployment.objects.filter(endpoint=deployment.endpoint_id, during__endswith=deployment.during.lower)
        .select_related("version__model", "version__training_run")
        .first()
    )


def live_deployments_of(version_ids: list[int]) -> QuerySet[Deployment]:
    return Deployment.objects.filter(version__in=version_ids, during__upper_inf=True).select_related("endpoint")


def live_deployments_of_model(model: RegisteredModel) -> QuerySet[Deployment]:
    """Where versions of a model answer now."""
    rows = Deployment.objects.filter(version__model=model, during__upper_inf=True)
    return rows.select_related("endpoint", "version__model").order_by("endpoint__name")
