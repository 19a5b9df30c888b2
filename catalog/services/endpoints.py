"""Endpoints, and which version answers at them when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from catalog.models import Deployment, Endpoint, ModelVersion
from catalog.services.rows import insert
from portal.access import Permission, require
from portal.accounts.models import Team, User
from portal.errors import Conflict, InvalidInput
from portal.ledger.services import record


@transaction.atomic
def register_endpoint(*, actor: User, team: Team, is_demo: bool = False, **fields: Any) -> Endpoint:
    """Make an endpoint known. Fields: name, title, environment, regions, exposure, data_classes, slo_*."""
    require(actor, Permission.CATALOG_ENDPOINT_CREATE, team)
    if not fields.get("regions"):
        raise InvalidInput(
            "An endpoint answers from at least one region.",
            code="regions-missing",
            field="regions",
            how="Name them, such as eu-central-1.",
        )
    row = Endpoint(team=team, is_demo=is_demo, **fields)
    insert(row)
    record(
        actor=actor,
        event="catalog:endpoint:registered",
        subject=row,
        body={"name": row.name, "environment": row.environment, "regions": row.regions},
    )
    return row


def lock_endpoint(endpoint_id: int) -> Endpoint:
    """The endpoint's row, locked until the transaction ends: releases to one endpoint take turns."""
    return Endpoint.objects.select_for_update(of=("self",)).select_related("team").get(pk=endpoint_id)


def close_deployment(endpoint: Endpoint, *, actor: User | None, release_ref: str, now: datetime) -> Deployment | None:
    """Let nothing answer at the endpoint any more, in the caller's transaction: what answered, or None.

    The caller holds the endpoint's lock. actor None is the portal itself.
    """
    live = endpoint.deployments.select_for_update().filter(during__upper_inf=True).first()
    if live is None:
        return None
    live.during = DateTimeTZRange(live.during.lower, now, "[)")
    live.save(update_fields=["during"])
    record(
        actor=actor,
        event="catalog:deployment:closed",
        subject=live,
        body={"endpoint": endpoint.name, "version": str(live.version), "release": release_ref},
        now=now,
    )
    return live


def open_deployment(
    endpoint: Endpoint, version: ModelVersion, *, actor: User | None, release_ref: str, now: datetime
) -> tuple[Deployment, Deployment | None]:
    """Close what answers at the endpoint and open the version, in the caller's transaction.

    The caller holds the endpoint's lock. Returns (opened, closed or None). Raises Conflict when the version
    already answers there.
    """
    live = endpoint.deployments.filter(during__upper_inf=True).first()
    if live is not None and live.version_id == version.pk:
        raise Conflict(
            f"{version} already answers at {endpoint}.", code="already-live", how="There is nothing to release."
        )
    closed = close_deployment(endpoint, actor=actor, release_ref=release_ref, now=now)
    opened = Deployment.objects.create(
        endpoint=endpoint, version=version, release_ref=release_ref, during=DateTimeTZRange(now, None, "[)")
    )
    record(
        actor=actor,
        event="catalog:deployment:opened",
        subject=opened,
        body={"endpoint": endpoint.name, "version": str(version), "release": release_ref},
        now=now,
    )
    return opened, closed
