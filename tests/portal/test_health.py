"""Whether the parts are there, each taken away for real."""

import datetime as dt

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from portal.ledger.keys import key_path
from portal.pages import health
from tests.databases import url_for
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
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "waits for its number" in answer.json()["checks"]["ledger"]


def test_unapplied_migration_is_named(client):
    kept = "SELECT app, name, applied FROM django_migrations WHERE app = 'audits' AND name = '0001_initial'"
    with psycopg.connect(url_for(connection.settings_dict["NAME"]), autocommit=True) as owner:
        row = owner.execute(kept).fetchone()
        owner.execute("DELETE FROM django_migrations WHERE app = 'audits' AND name = '0001_initial'")
        try:
            answer = client.get("/readyz")
        finally:
            owner.execute("INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, %s)", row)
    assert answer.status_code == 503
    assert "not applied" in answer.json()["checks"]["migrations"]
