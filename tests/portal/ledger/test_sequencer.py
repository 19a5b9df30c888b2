import psycopg
import pytest
from django.db import connection

from portal.ledger import merkle, services
from portal.ledger.models import LedgerEntry, Tile
from portal.ledger.services import LedgerDamaged, sequence, tile_reader, tree_size
from tests import databases
from tests.portal.ledger import log

pytestmark = pytest.mark.django_db(transaction=True)


def test_entries_are_numbered_without_gaps_in_order_of_writing():
    made = [log.entry({"n": number}) for number in range(5)]
    assert sequence() == 5
    assert sequence() == 0
    assert list(LedgerEntry.objects.order_by("id").values_list("idx", flat=True)) == [0, 1, 2, 3, 4]
    assert [one.pk for one in made] == list(LedgerEntry.objects.order_by("idx").values_list("pk", flat=True))


def test_tree_is_that_of_the_entries_whatever_the_batches():
    for number in range(20):
        log.entry({"n": number})
    while sequence(limit=7):
        pass
    hashes = [bytes(one) for one in LedgerEntry.objects.order_by("idx").values_list("leaf_hash", flat=True)]
    assert b"".join(hashes) == bytes(Tile.objects.get().hashes)
    whole = merkle.append(0, lambda level, index: b"", hashes)
    assert merkle.root(tile_reader(), 20) == merkle.root(lambda level, index: whole.get((level, index), b""), 20)


def test_full_tile_makes_the_one_above():
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            event="a:b:c",
            subject_type="t",
            subject_id="1",
            at="2026-01-01T00:00:00Z",
            leaf=b"x",
            leaf_hash=merkle.leaf_hash(str(number).encode()),
        )
        for number in range(300)
    )
    while sequence(limit=100):
        pass
    found = {(tile.level, tile.index): len(tile.hashes) // 32 for tile in Tile.objects.all()}
    assert found == {(0, 0): 256, (0, 1): 44, (1, 0): 1}
    assert tree_size() == 300


def test_entry_of_an_open_transaction_comes_later_and_blocks_nobody():
    url = databases.url_for(connection.settings_dict["NAME"], role="app")
    with psycopg.connect(url) as other:
        other.execute(
            "INSERT INTO ledger_ledgerentry (event, subject_type, subject_id, at, leaf, leaf_hash)"
            " VALUES ('a:b:c', 't', '1', now(), 'x', %s)",
            [merkle.leaf_hash(b"x")],
        )
        log.entry({"n": 1})
        assert sequence() == 1
        other.commit()
        assert sequence() == 1
    assert sorted(LedgerEntry.objects.values_list("idx", flat=True)) == [0, 1]


def test_sequencer_refuses_a_tree_that_does_not_fit():
    log.fill(3)
    log.as_superuser("UPDATE ledger_tile SET hashes = substring(hashes FROM 1 FOR 64)")
    log.entry({})
    with pytest.raises(LedgerDamaged, match="ledger verify"):
        sequence()


def test_one_batch_is_one_fixed_number_of_queries(django_assert_max_num_queries):
    for number in range(30):
        log.entry({"n": number})
    with django_assert_max_num_queries(10):
        assert services.sequence() == 30
