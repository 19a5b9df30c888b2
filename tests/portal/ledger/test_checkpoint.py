import datetime as dt
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from portal.ledger import keys, merkle, notes, outside, selectors
from portal.ledger.models import Checkpoint
from portal.ledger.services import LedgerDamaged, ensure_sequenced, sequence, sign_checkpoint, tile_reader
from tests.portal.ledger import log

pytestmark = pytest.mark.django_db(transaction=True)


def test_empty_log_has_no_checkpoint():
    assert sign_checkpoint() is None
    assert selectors.latest_checkpoint() is None


def test_checkpoint_signs_size_and_root_under_the_origin():
    log.fill(5)
    made = selectors.latest_checkpoint()
    body = notes.open_checkpoint(made.note, keys.verifier())
    assert (body.origin, body.size) == (settings.LEDGER_ORIGIN, 5)
    assert body.root == bytes(made.root) == merkle.root(tile_reader(), 5)


def test_checkpoint_is_made_once_for_a_size():
    log.fill(2)
    assert sign_checkpoint().pk == sign_checkpoint().pk
    assert Checkpoint.objects.count() == 1


def test_checkpoint_is_published_outside_after_commit():
    log.fill(2)
    assert outside.latest_note() == selectors.latest_checkpoint().note
    log.fill(1)
    assert [json.dumps(note) for _, _, note in outside.history()] == [
        json.dumps(one.note) for one in Checkpoint.objects.order_by("size")
    ]


def test_later_checkpoint_is_consistent_with_the_earlier_one():
    log.fill(3)
    log.fill(4)
    old, new = Checkpoint.objects.order_by("size")
    proof = merkle.consistency_proof(tile_reader(), 3, 7)
    merkle.verify_consistency(3, 7, bytes(old.root), bytes(new.root), proof)


def test_ensure_sequenced_covers_the_entry_at_once():
    made = log.entry({})
    assert ensure_sequenced(made).size > made.idx


def test_smaller_log_than_the_one_outside_is_never_signed():
    log.fill(5)
    log.as_superuser("DELETE FROM ledger_checkpoint")
    log.as_superuser("DELETE FROM ledger_ledgerentry WHERE idx > 2")
    log.as_superuser("UPDATE ledger_tile SET hashes = substring(hashes FROM 1 FOR 96)")
    with pytest.raises(LedgerDamaged, match="a checkpoint of 5 entries exists"):
        sign_checkpoint()


def test_another_log_than_the_one_outside_is_never_signed():
    log.fill(3)
    log.as_superuser("DELETE FROM ledger_checkpoint")
    log.as_superuser("UPDATE ledger_tile SET hashes = decode(repeat('ab', 96), 'hex')")
    with pytest.raises(LedgerDamaged, match="does not contain"):
        sign_checkpoint()


def test_proof_bundle_verifies_with_nothing_of_the_portal():
    log.fill(9)
    entry = selectors.LedgerEntry.objects.get(idx=4)
    bundle = selectors.proof_of(entry)
    root = notes.CheckpointBody.parse(bundle["checkpoint"]).root
    path = [bytes.fromhex(step) for step in bundle["proof"]]
    merkle.verify_inclusion(merkle.leaf_hash(bundle["raw"].encode()), 4, 9, path, root)
    assert notes.open_checkpoint(bundle["note"], notes.Verifier.parse(bundle["key"])).size == 9


def test_entry_without_checkpoint_has_no_proof():
    made = log.entry({})
    sequence()
    made.refresh_from_db()
    assert selectors.proof_of(made) is None


def test_assurance_says_what_is_kept_outside():
    assert selectors.assurance().level == "none"
    log.fill(1)
    assert selectors.assurance().level == "beside"
    log.as_superuser("DELETE FROM ledger_checkpoint")
    assert selectors.assurance().level == "broken"


def test_key_is_made_once_and_private():
    path = keys.make_key()
    before = path.read_bytes()
    assert keys.make_key().read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600


def test_checkpoint_states_the_given_moment():
    log.entry({})
    sequence()
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    signer = notes.Signer(settings.LEDGER_ORIGIN, Ed25519PrivateKey.generate())
    assert sign_checkpoint(signer=signer, now=at).made_at == at
