"""The application's role and even its owner cannot rewrite history; tried with raw SQL."""

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from portal.ledger.models import Checkpoint, LedgerEntry, PersonalField, Tile
from tests import databases
from tests.portal.ledger import log

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def filled():
    log.entry({}, personal={"reason": "x"})
    log.fill(3)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger_ledgerentry SET event = 'a:b:c'",
        "UPDATE ledger_ledgerentry SET leaf = ''",
        "UPDATE ledger_ledgerentry SET idx = idx + 100",
        "UPDATE ledger_ledgerentry SET idx = NULL",
        "DELETE FROM ledger_ledgerentry",
        "TRUNCATE ledger_ledgerentry CASCADE",
        "UPDATE ledger_tile SET hashes = substring(hashes FROM 1 FOR 32)",
        "UPDATE ledger_tile SET hashes = decode(repeat('00', octet_length(hashes)), 'hex')",
        "DELETE FROM ledger_tile",
        "UPDATE ledger_checkpoint SET note = ''",
        "DELETE FROM ledger_checkpoint",
        "UPDATE ledger_personalfield SET value = '\"other\"'",
        "DELETE FROM ledger_personalfield",
        "ALTER TABLE ledger_ledgerentry DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DROP TRIGGER gatehouse_no_update ON ledger_ledgerentry",
    ],
)
def test_application_cannot(filled, sql):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert LedgerEntry.objects.filter(idx__isnull=False).count() == 4
    assert Tile.objects.get().hashes
    assert Checkpoint.objects.get().size == 4
    assert PersonalField.objects.get().value == '"x"'


@pytest.mark.parametrize("sql", ["UPDATE ledger_ledgerentry SET event = 'a:b:c'", "DELETE FROM ledger_checkpoint"])
def test_owner_of_the_tables_meets_the_trigger(filled, sql):
    url = databases.url_for(connection.settings_dict["NAME"], role="owner")
    with psycopg.connect(url) as owner, pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        owner.execute(sql)
