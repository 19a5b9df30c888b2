"""Whether the parts are there, each taken away for real."""

import datetime as dt

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from portal.ledger.keys import key_path
from portal.pages import health
from tests.factories import people

pytestmark = pytest.mark.django_db


def test_healthz_is_public_and_asks_nothing(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_readyz_names_every_part(client):
    answer = client.get("/readyz")
    assert answer.status_code == 200, answer.json()
    assert answer.json() == {"status": "ready", "checks": dict.fromkeys(health.CHECKS, "ok")}
    assert answer["Cache-Control"] == "no-store"


def test_lost_queue_is_named(client, monkeypatch):
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert [name for name, said in answer.json()["checks"].items() if said != "ok"] == ["redis"]


def test_missing_key_is_named(client):
    path, kept = key_path(), key_path().with_suffix(".away")
    path.rename(kept)
    try:
        answer = client.get("/readyz")
    finally:
        kept.rename(path)
    assert answer.status_code == 503
    assert str(path) not in answer.content.decode()
    assert answer.json()["checks"]["key"] != "ok"


def test_ledger_that_falls_behind_is_named(client, monkeypatch):
    people.team()
    monkeypatch.setattr(health, "MAX_LAG", dt.timedelta(seconds=-1))
    assert timezone.now()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "waits for its number" in answer.json()["checks"]["ledger"]


def test_unapplied_migration_is_named(client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'audits'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "not applied" in answer.json()["checks"]["migrations"]
