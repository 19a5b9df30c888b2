"""What a superuser does behind the portal's back is found and named."""

import json
import shutil

import pytest
from django.db import transaction

from portal.accounts.models import Team
from portal.ledger import merkle, outside
from portal.ledger.canonical import canonical_bytes
from portal.ledger.models import Checkpoint, LedgerEntry, PersonalField, Tile
from portal.ledger.services import erase_personal, record
from portal.ledger.verify import verify
from tests.factories import people
from tests.portal.ledger import log

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def team():
    made = people.team("lending")
    people.person("validator", made)
    log.entry({}, personal={"reason": "because"})
    log.fill(6)
    return made


def one_of(outcome, kind):
    return next(one for one in outcome.findings if one.kind == kind)


def test_untouched_log_is_clean(team):
    outcome = verify()
    assert outcome.findings == ()
    assert (outcome.size, outcome.waiting) == (LedgerEntry.objects.count(), 0)
    assert (outcome.rows, outcome.checkpoints, outcome.outside) == (3, 1, 1)
    assert outcome.assurance == "beside"


def test_entries_not_numbered_yet_are_checked_and_no_finding(team):
    log.entry({"late": 1})
    outcome = verify()
    assert outcome.is_clean
    assert outcome.waiting == 1


def test_empty_log_is_clean():
    assert verify().is_clean


def test_changed_column_names_row_field_and_both_values(team):
    log.as_superuser("UPDATE accounts_team SET is_demo = true WHERE id = %s", team.pk)
    found = one_of(verify(), "row-changed")
    assert (found.table, found.id) == ("accounts_team", str(team.pk))
    assert f"team {team.pk} was changed after entry" in found.text
    assert "is_demo is True, recorded was False" in found.text


def test_changed_column_with_a_value_no_entry_holds_names_the_fields(team):
    log.as_superuser("UPDATE accounts_team SET name = 'Evil' WHERE id = %s", team.pk)
    assert "one or more of slug, name, is_demo" in one_of(verify(), "row-changed").text


def test_value_that_an_entry_states_is_recognised(team):
    log.as_superuser("UPDATE accounts_team SET slug = 'other' WHERE id = %s", team.pk)
    assert "slug is 'other', recorded was 'lending'" in one_of(verify(), "row-changed").text


def test_deleted_row_is_named(team):
    log.as_superuser("DELETE FROM accounts_membership")
    found = one_of(verify(), "row-missing")
    assert found.table == "accounts_membership"
    assert "is missing from table accounts_membership" in found.text


def test_inserted_row_is_named(team):
    log.as_superuser("INSERT INTO accounts_team (slug, name, is_demo) VALUES ('ghost', 'Ghost', false)")
    found = one_of(verify(), "row-unrecorded")
    assert (found.table, found.id) == ("accounts_team", str(Team.objects.get(slug="ghost").pk))


def test_row_removed_by_an_act_is_no_finding(team):
    with transaction.atomic():
        gone = Team.objects.create(slug="gone", name="Gone")
        record(actor=None, event="portal:team:created", subject=gone, body={})
    with transaction.atomic():
        record(actor=None, event="portal:team:removed", subject=gone, body={}, gone=True)
        gone.delete()
    assert verify().is_clean


def test_changed_text_of_an_entry_is_named(team):
    entry = LedgerEntry.objects.get(idx=2)
    forged = canonical_bytes(entry.document | {"body": {"forged": True}})
    log.as_superuser("UPDATE ledger_ledgerentry SET leaf = %s WHERE idx = 2", forged)
    assert one_of(verify(), "entry-changed").id == "2"


def test_changed_entry_with_its_hash_recomputed_is_named(team):
    entry = LedgerEntry.objects.get(idx=2)
    forged = canonical_bytes(entry.document | {"event": "evil:thing:done"})
    log.as_superuser(
        "UPDATE ledger_ledgerentry SET leaf = %s, leaf_hash = %s, event = 'evil:thing:done' WHERE idx = 2",
        forged,
        merkle.leaf_hash(forged),
    )
    assert log.kinds() >= {"entry-replaced"}


def test_whole_tree_forged_with_the_entry_is_found_by_checkpoints(team):
    entry = LedgerEntry.objects.get(idx=2)
    forged = canonical_bytes(entry.document | {"event": "evil:thing:done"})
    digest = merkle.leaf_hash(forged)
    hashes = bytes(Tile.objects.get().hashes)
    log.as_superuser(
        "UPDATE ledger_ledgerentry SET leaf = %s, leaf_hash = %s, event = 'evil:thing:done' WHERE idx = 2",
        forged,
        digest,
    )
    log.as_superuser("UPDATE ledger_tile SET hashes = %s", hashes[:64] + digest + hashes[96:])
    outcome = verify()
    assert set(outcome.by_kind) == {"checkpoint-differs", "outside-differs"}
    assert outcome.assurance == "broken"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("event", "a:b:c"),
        ("subject_id", "99"),
        ("at", "2020-01-01T00:00:00Z"),
        ("actor_id", None),
        ("state_digest", "0" * 64),
    ],
)
def test_changed_column_of_an_entry_is_named(team, column, value):
    entry = LedgerEntry.objects.filter(subject_type="membership").get()
    if column == "actor_id":
        value = people.person().pk
        log.seal()
    log.as_superuser(f"UPDATE ledger_ledgerentry SET {column} = %s WHERE id = %s", value, entry.pk)
    found = one_of(verify(), "entry-column")
    assert f"column {column.removesuffix('_id') if column == 'actor_id' else column} differs" in found.text


def test_deleted_entry_is_named(team):
    log.as_superuser("DELETE FROM ledger_ledgerentry WHERE idx = 5")
    found = one_of(verify(), "entry-missing")
    assert "Entry 5 is missing" in found.text


def test_cut_tail_is_found_by_the_checkpoints(team):
    size = LedgerEntry.objects.count()
    log.as_superuser("DELETE FROM ledger_ledgerentry WHERE idx >= %s", size - 2)
    log.as_superuser("UPDATE ledger_tile SET hashes = substring(hashes FROM 1 FOR %s)", (size - 2) * 32)
    outcome = verify()
    assert set(outcome.by_kind) == {"checkpoint-ahead", "outside-ahead"}
    assert f"saw {size} entries, the log has {size - 2}: 2 at its end are gone" in outcome.findings[0].text


def test_cut_tail_with_the_checkpoints_removed_is_found_outside(team):
    log.as_superuser("DELETE FROM ledger_ledgerentry WHERE idx >= 8")
    log.as_superuser("UPDATE ledger_tile SET hashes = substring(hashes FROM 1 FOR 256)")
    log.as_superuser("DELETE FROM ledger_checkpoint")
    assert log.kinds() == {"outside-ahead"}


def test_cut_tail_of_entries_alone_is_named(team):
    log.as_superuser("DELETE FROM ledger_ledgerentry WHERE idx >= 8")
    assert "entry-missing" in log.kinds()


def test_entry_inserted_behind_the_tree_is_named(team):
    size = LedgerEntry.objects.count()
    log.entry({})
    log.as_superuser("UPDATE ledger_ledgerentry SET idx = %s WHERE idx IS NULL", size)
    assert one_of(verify(), "entry-not-in-tree").id == str(size)


def test_forged_tile_is_found(team):
    hashes = bytes(Tile.objects.get().hashes)
    log.as_superuser("UPDATE ledger_tile SET hashes = %s", bytes(32) + hashes[32:])
    assert log.kinds() >= {"entry-replaced", "checkpoint-differs", "outside-differs"}


def test_forged_tile_above_the_leaves_is_named():
    log.fill(260)
    log.as_superuser("UPDATE ledger_tile SET hashes = %s WHERE level = 1", bytes(32))
    assert one_of(verify(), "tile-differs").id == "0/0"
    log.as_superuser("DELETE FROM ledger_tile WHERE level = 1")
    assert one_of(verify(), "tile-missing").id == "1/0"


def test_checkpoint_signed_by_another_key_is_named(team):
    note = Checkpoint.objects.get().note
    log.as_superuser("UPDATE ledger_checkpoint SET note = %s", note[:-10] + "AAAAAAAA=\n")
    assert "checkpoint-signature" in log.kinds()


def test_old_checkpoint_put_back_outside_is_named(team):
    old = outside.latest_note()
    log.fill(2)
    (outside.folder() / "latest").write_text(old)
    assert one_of(verify(), "outside-old").id == "latest"


def test_spoilt_history_outside_is_named(team):
    path = next((outside.folder() / "history").iterdir())
    path.write_text(json.dumps({"note": "nonsense"}) + "\n")
    assert "outside-signature" in log.kinds()


def test_checkpoint_kept_elsewhere_finds_a_database_and_files_rewritten_together(team):
    own = outside.latest_note()
    assert verify(own=[own]).assurance == "own"
    log.as_superuser("DELETE FROM ledger_ledgerentry WHERE idx >= 8")
    log.as_superuser("UPDATE ledger_tile SET hashes = substring(hashes FROM 1 FOR 256)")
    log.as_superuser("DELETE FROM ledger_checkpoint")
    shutil.rmtree(outside.folder())
    assert verify().is_clean
    assert set(verify(own=[own]).by_kind) == {"own-ahead"}


def test_personal_value_changed_removed_or_added_is_named(team):
    entry = PersonalField.objects.get().entry
    log.as_superuser("UPDATE ledger_personalfield SET value = '\"other\"'")
    assert log.kinds() == {"personal-changed"}
    log.as_superuser("UPDATE ledger_personalfield SET name = 'elsewhere'")
    assert log.kinds() == {"personal-missing", "personal-extra"}
    log.as_superuser("DELETE FROM ledger_personalfield WHERE entry_id = %s", entry.pk)
    assert log.kinds() == {"personal-missing"}


def test_erased_personal_value_is_no_finding_but_a_silent_erasure_is(team):
    erase_personal(PersonalField.objects.get(), actor=None, ground="request")
    assert verify().is_clean
    log.entry({}, personal={"reason": "second"})
    log.as_superuser(
        "UPDATE ledger_personalfield SET salt = NULL, value = NULL, erased_at = now() WHERE salt IS NOT NULL"
    )
    assert "erased without an entry" in one_of(verify(), "personal-missing").text


def test_missing_trigger_is_named(team):
    log.as_superuser("ALTER TABLE accounts_team DISABLE TRIGGER gatehouse_entry")
    try:
        assert one_of(verify(), "guard-missing").table == "accounts_team"
    finally:
        log.as_superuser("ALTER TABLE accounts_team ENABLE TRIGGER gatehouse_entry")


def test_since_skips_the_entries_before_but_not_the_rows(team):
    log.as_superuser("UPDATE ledger_ledgerentry SET at = now() WHERE idx = 1")
    log.as_superuser("UPDATE accounts_team SET is_demo = true WHERE id = %s", team.pk)
    assert log.kinds() == {"entry-column", "row-changed"}
    assert log.kinds(verify(since=4)) == {"row-changed"}


def test_progress_rises_to_a_hundred(team):
    seen = []
    verify(lambda percent, step: seen.append(percent))
    assert seen == sorted(seen)
    assert seen[-1] == 100


def test_number_of_queries_does_not_grow_with_the_rows_of_a_batch(team, django_assert_max_num_queries):
    for number in range(40):
        people.team(f"team-{number}")
    log.seal()
    with django_assert_max_num_queries(160):
        assert verify().is_clean
