"""Whether the process lives, and whether everything it needs is there. Public, so it names no path and no person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.generic.base import View

from portal.ledger.keys import load_key
from portal.ledger.models import LedgerEntry

MAX_LAG = dt.timedelta(seconds=60)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "The database does not answer."
    return ""


def _migrations() -> str:
    try:
        executor = MigrationExecutor(connection)
        open_ones = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "The migrations cannot be read."
    return f"{len(open_ones)} migrations are not applied." if open_ones else ""


def _redis() -> str:
    try:
        # Celery's name for a Unix socket is not the client's.
        url = settings.REDIS_URL.replace("redis+socket://", "unix://", 1)
        client = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        with client:
            client.ping()
    except redis.RedisError:
        return "The queue does not answer. Jobs wait; none is lost."
    return ""


def _ledger() -> str:
    """How far numbering is behind: entries older than a minute without a number."""
    try:
        oldest = LedgerEntry.objects.filter(idx=None).order_by("id").values_list("at", flat=True).first()
    except DatabaseError:
        return "The ledger cannot be read."
    if oldest is None or timezone.now() - oldest <= MAX_LAG:
        return ""
    return f"The oldest entry waits for its number for {int((timezone.now() - oldest).total_seconds())} seconds."


def _key() -> str:
    try:
        load_key()
    except ImproperlyConfigured:
        return "The ledger's key is missing or cannot be read."
    return ""


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "redis": _redis,
    "ledger": _ledger,
    "key": _key,
}


class Healthz(View):
    """The process answers. It says nothing of what it needs."""

    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest) -> JsonResponse:
        return JsonResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


class Readyz(View):
    """200 when everything is there; else 503 and what is not."""

    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest) -> JsonResponse:
        found = {name: check() or "ok" for name, check in CHECKS.items()}
        ready = all(said == "ok" for said in found.values())
        body = {"status": "ready" if ready else "not ready", "checks": found}
        return JsonResponse(body, status=200 if ready else 503, headers={"Cache-Control": "no-store"})
