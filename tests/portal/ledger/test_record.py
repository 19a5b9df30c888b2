import json

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.transaction import TransactionManagementError

from portal.accounts import services as accounts
from portal.accounts.models import Team
from portal.ledger import events, merkle
from portal.ledger.canonical import CanonicalError, canonical_bytes
from portal.ledger.models import LedgerEntry, PersonalField
from portal.ledger.personal import opens
from portal.ledger.services import EntryTooLarge, Subject, erase_personal, record
from tests.factories import people
from tests.portal.ledger import log

pytestmark = pytest.mark.django_db(transaction=True)


def test_record_outside_a_transaction_is_refused():
    with pytest.raises(TransactionManagementError):
        record(actor=None, event="test:thing:made", subject=Subject("test", "1"), body={})


@pytest.mark.parametrize("event", ["made", "a:b", "A:b:c", "a:b:c:d", "a:b:c\n", ""])
def test_event_of_the_wrong_form_is_refused(event):
    with transaction.atomic(), pytest.raises(ValueError, match="app:subject:action"):
        record(actor=None, event=event, subject=Subject("t", "1"), body={})


def test_record_writes_canonical_text_with_its_hash():
    person = people.person("viewer")
    with transaction.atomic():
        made = record(actor=person, event="test:thing:made", subject=Subject("test", "1"), body={"ü": [1, 2.5]})
    made.refresh_from_db()
    leaf = bytes(made.leaf)
    assert canonical_bytes(json.loads(leaf)) == leaf
    assert bytes(made.leaf_hash) == merkle.leaf_hash(leaf)
    assert made.document["actor"] == f"user:{person.uuid}"
    assert made.body == {"ü": [1, 2.5]}
    assert len(made.document["nonce"]) == 32


def test_two_entries_of_the_same_act_differ_by_their_nonce():
    assert bytes(log.entry({"a": 1}).leaf_hash) != bytes(log.entry({"a": 1}).leaf_hash)


def test_body_without_canonical_form_is_refused():
    with pytest.raises(CanonicalError):
        log.entry({"n": float("nan")})


def test_entry_beyond_65535_bytes_is_refused():
    with pytest.raises(EntryTooLarge, match="of at most 65535"):
        log.entry({"text": "x" * 65_600})


def test_rolled_back_act_leaves_no_entry():
    before = LedgerEntry.objects.count()
    with transaction.atomic():
        record(actor=None, event="test:thing:made", subject=Subject("test", "1"), body={})
        transaction.set_rollback(True)
    assert LedgerEntry.objects.count() == before


def test_governed_change_without_entry_is_refused_by_the_database():
    team = people.team()
    with (
        pytest.raises(IntegrityError, match="has no ledger entry"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE accounts_team SET name = 'x' WHERE id = %s", [team.pk])


def test_governed_insert_and_delete_without_entry_are_refused_by_the_database():
    team = people.team()
    with (
        pytest.raises(IntegrityError, match="has no ledger entry"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("INSERT INTO accounts_team (slug, name, is_demo) VALUES ('raw', 'Raw', false)")
    with (
        pytest.raises(IntegrityError, match="has no ledger entry"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM accounts_team WHERE id = %s", [team.pk])


def test_entry_about_another_row_does_not_cover_the_change():
    one, other = people.team("one"), people.team("other")

    @transaction.atomic
    def act():
        Team.objects.filter(pk=one.pk).update(name="x")
        record(actor=None, event="portal:team:changed", subject=other, body={})

    with pytest.raises(IntegrityError, match="has no ledger entry"):
        act()


def test_change_after_its_entry_is_refused_by_the_database():
    team = people.team()

    @transaction.atomic
    def act():
        record(actor=None, event="portal:team:changed", subject=team, body={})
        Team.objects.filter(pk=team.pk).update(name="later")

    with pytest.raises(IntegrityError, match="changed after its ledger entry"):
        act()


def test_change_with_its_entry_last_is_kept():
    team = people.team()
    with transaction.atomic():
        team.name = "Renamed"
        team.save()
        record(actor=None, event="portal:team:changed", subject=team, body={})
    assert Team.objects.get(pk=team.pk).name == "Renamed"


def test_entry_of_an_earlier_transaction_does_not_cover_a_change():
    team = people.team()
    with transaction.atomic():
        record(actor=None, event="portal:team:changed", subject=team, body={})
    with pytest.raises(IntegrityError, match="has no ledger entry"), transaction.atomic():
        Team.objects.filter(pk=team.pk).update(name="x")


def test_personal_value_is_committed_to_and_kept_apart():
    made = log.entry({"public": 1}, personal={"reason": "because of Ines"})
    assert b"Ines" not in bytes(made.leaf)
    held = PersonalField.objects.get(entry=made)
    assert opens(made.body["reason"]["commit"], name="reason", salt=bytes(held.salt), value=held.value)
    assert not opens(made.body["reason"]["commit"], name="other", salt=bytes(held.salt), value=held.value)


def test_personal_name_that_the_body_uses_is_refused():
    with pytest.raises(ValueError, match="both"):
        log.entry({"reason": 1}, personal={"reason": "x"})


def test_erasing_a_personal_value_leaves_the_entry_and_is_recorded():
    made = log.entry({}, personal={"reason": "because"})
    leaf = bytes(made.leaf)
    erase_personal(PersonalField.objects.get(entry=made), actor=None, ground="request")
    held = PersonalField.objects.get(entry=made)
    assert (held.salt, held.value) == (None, None)
    assert bytes(LedgerEntry.objects.get(pk=made.pk).leaf) == leaf
    assert LedgerEntry.objects.filter(event="ledger:personal:erased", subject_id=str(made.pk)).count() == 1
    erase_personal(held, actor=None, ground="request")
    assert LedgerEntry.objects.filter(event="ledger:personal:erased").count() == 1


def test_subscriber_hears_after_commit_and_its_error_harms_nobody():
    heard = []

    @events.subscribe("test:thing:happened")
    def fails(entry):
        raise RuntimeError("listener")

    @events.subscribe("test:thing:happened")
    def hears(entry):
        heard.append(entry.pk)

    try:
        made = log.entry()
        assert heard == [made.pk]
    finally:
        events.unsubscribe("test:thing:happened", fails)
        events.unsubscribe("test:thing:happened", hears)


def test_services_of_accounts_end_with_an_entry():
    team = accounts.create_team("audited", name="Audited", actor=None)
    last = LedgerEntry.objects.filter(subject_type="team", subject_id=str(team.pk)).latest("id")
    assert (last.event, last.state_schema) == ("portal:team:created", "team/1")
