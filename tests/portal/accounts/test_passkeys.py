"""Passkeys of people: enrolled with the password, ended by their owner, replaced with the word of two others."""

import json

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from portal.accounts import passkeys, passkeys_replacing, passkeys_use
from portal.accounts.choices import PasskeyState
from portal.accounts.models import Passkey, PasskeyApproval
from portal.accounts.passkeys_proof import challenge_of
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.canonical import canonical_bytes
from portal.ledger.models import LedgerEntry
from portal.ledger.services import record
from tests.factories import people
from tests.factories.passkeys import KINDS, PRESENT, SoftKey, enrolled

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewer():
    return people.person("validator", people.team())


def last_entry(event):
    return LedgerEntry.objects.filter(event=event).latest("pk")


def lose_all(user):
    row, _ = enrolled(user)
    passkeys.revoke(row, actor=user, lost=True)
    return row


@pytest.mark.parametrize("kind", KINDS)
def test_enrolled_key_is_in_the_ledger_with_its_digest(reviewer, kind):
    row, soft = enrolled(reviewer, SoftKey(kind))
    body = last_entry("portal:passkey:enrolled").body
    assert row.state == PasskeyState.ACTIVE
    assert (row.algorithm, row.transports) == (kind, ["internal"])
    assert body["public_key"] == row.public_key
    assert body["public_key_sha256"] == row.public_key_digest
    assert body["user"] == str(reviewer.uuid)
    assert (body["rp_id"], body["origin"]) == (row.rp_id, row.origin)
    assert passkeys_use.key_of(row).public_key == soft.public_key
    assert "commit" in body["label"], "what a person called it can be erased"


def test_several_keys_each_other_and_none_twice(reviewer):
    _, soft = enrolled(reviewer)
    enrolled(reviewer, label="spare")
    assert len(passkeys_use.active_keys(reviewer)) == 2
    with pytest.raises(Conflict) as refused:
        enrolled(reviewer, soft)
    assert refused.value.code == "passkey-known"
    options, _ = passkeys.begin_enrolment(actor=reviewer)
    assert len(options["excludeCredentials"]) == 2


def test_options_ask_for_user_verification_and_known_kinds_only(reviewer):
    options, _ = passkeys.begin_enrolment(actor=reviewer)
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert {one["alg"] for one in options["pubKeyCredParams"]} == {-7, -8, -257}
    assert json.loads(json.dumps(options)) == options, "can be sent as JSON"


def enrol(user, soft=None, *, password=people.PASSWORD, label="laptop", kept=None, **kw):
    soft = soft or SoftKey()
    options, state = passkeys.begin_enrolment(actor=user)
    return passkeys.enrol(
        actor=user, label=label, password=password, answer=soft.create(options, **kw), kept=kept or state
    )


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"password": "wrong"}, "password-wrong"),
        ({"label": "  "}, "label-missing"),
        ({"origin": "https://evil.example"}, "passkey-answer"),
        ({"soft": SoftKey(flags=PRESENT)}, "passkey-answer"),
        ({"kept": {"challenge": "AAAA", "user_verification": "required"}}, "passkey-answer"),
    ],
)
def test_bad_enrolment_is_refused_and_leaves_nothing(reviewer, more, code):
    with pytest.raises(InvalidInput) as refused:
        enrol(reviewer, **more)
    assert refused.value.code == code
    assert not Passkey.objects.exists()


def test_service_identity_has_no_passkey():
    with pytest.raises(PermissionRefused):
        passkeys.begin_enrolment(actor=people.service())


def test_only_the_owner_renames_and_ends(reviewer):
    row, _ = enrolled(reviewer)
    other = people.person("validator")
    for act in (passkeys.revoke, lambda key, actor: passkeys.rename(key, actor=actor, label="mine")):
        with pytest.raises(PermissionRefused):
            act(row, actor=other)
    assert passkeys.rename(row, actor=reviewer, label=" desk ").label == "desk"
    ended = passkeys.revoke(row, actor=reviewer)
    assert ended.state == PasskeyState.REVOKED
    assert last_entry("portal:passkey:revoked").body["public_key"] == row.public_key
    again = passkeys.revoke(row, actor=reviewer, lost=True)
    assert again.state == PasskeyState.REVOKED, "the first word stands"


def test_second_key_beside_one_in_use_needs_nobody(reviewer):
    enrolled(reviewer)
    row, _ = enrolled(reviewer, label="spare")
    assert (row.state, row.is_replacement) == (PasskeyState.ACTIVE, False)


@pytest.mark.parametrize("lost", [True, False])
def test_key_after_the_last_one_waits_for_two_others(reviewer, lost):
    row, _ = enrolled(reviewer)
    passkeys.revoke(row, actor=reviewer, lost=lost)
    fresh, _ = enrolled(reviewer, label="new")
    assert (fresh.state, fresh.is_replacement, fresh.enrolled_at) == (PasskeyState.WAITING, True, None)
    assert passkeys_use.active_keys(reviewer) == []
    with pytest.raises(PermissionRefused) as refused:
        passkeys_replacing.approve_replacement(fresh, actor=reviewer)
    assert refused.value.code == "own-passkey"
    first, second = people.person("admin"), people.person("legal")
    assert passkeys_replacing.approve_replacement(fresh, actor=first).state == PasskeyState.WAITING
    with pytest.raises(Conflict) as refused:
        passkeys_replacing.approve_replacement(fresh, actor=first)
    assert refused.value.code == "passkey-approved"
    done = passkeys_replacing.approve_replacement(fresh, actor=second)
    assert done.state == PasskeyState.ACTIVE
    body = last_entry("portal:passkey:enrolled").body
    assert body["approved_by"] == [str(first.uuid), str(second.uuid)]
    with pytest.raises(Conflict) as refused:
        passkeys_replacing.approve_replacement(fresh, actor=people.person("risk"))
    assert refused.value.code == "passkey-settled"


@pytest.mark.parametrize("role", ["developer", "model_owner", "viewer", "auditor"])
def test_first_line_and_readers_approve_no_key(reviewer, role):
    lose_all(reviewer)
    fresh, _ = enrolled(reviewer)
    with pytest.raises(PermissionRefused):
        passkeys_replacing.approve_replacement(fresh, actor=people.person(role))


def test_refused_replacement_never_counts(reviewer):
    lose_all(reviewer)
    fresh, _ = enrolled(reviewer)
    passkeys_replacing.approve_replacement(fresh, actor=people.person("legal"))
    assert passkeys_replacing.refuse_replacement(fresh, actor=people.person("risk")).state == PasskeyState.REFUSED
    with pytest.raises(Conflict):
        passkeys_replacing.approve_replacement(fresh, actor=people.person("admin"))
    again, _ = enrolled(reviewer, label="another try")
    assert again.state == PasskeyState.WAITING


def test_one_key_waits_at_a_time_and_can_be_withdrawn(reviewer):
    lose_all(reviewer)
    fresh, _ = enrolled(reviewer)
    with pytest.raises(Conflict) as refused:
        enrolled(reviewer, label="another")
    assert refused.value.code == "passkey-waiting"
    passkeys.revoke(fresh, actor=reviewer)
    assert enrolled(reviewer, label="another")[0].state == PasskeyState.WAITING


TEXT = canonical_bytes({"nonce": "ab" * 16, "choice": "approve"})


def use(user, soft, **kw):
    with transaction.atomic():
        row, assertion = passkeys_use.verify(user, soft.get(challenge_of(TEXT), **kw), TEXT, now=timezone.now())
        passkeys_use.used(row, assertion, now=timezone.now())
    return row


def test_use_notes_the_counter_and_refuses_a_copy(reviewer):
    row, soft = enrolled(reviewer, SoftKey(counter=0))
    copied = SoftKey(counter=soft.counter, credential_id=soft.credential_id, private=soft.private)
    assert use(reviewer, soft).sign_count == soft.counter
    with pytest.raises(PermissionRefused) as refused:
        use(reviewer, copied)
    assert refused.value.code == "passkey-counter-not-grown"
    row.refresh_from_db()
    assert row.sign_count == soft.counter


def test_use_refuses_unknown_ended_waiting_and_foreign_keys(reviewer):
    row, soft = enrolled(reviewer)
    other, foreign = people.person("risk"), SoftKey()
    enrolled(other, foreign)
    for key in (SoftKey(), foreign):
        with pytest.raises(PermissionRefused) as refused:
            use(reviewer, key)
        assert refused.value.code == "passkey-key-unknown"
    passkeys.revoke(row, actor=reviewer)
    with pytest.raises(PermissionRefused) as refused:
        use(reviewer, soft)
    assert refused.value.code == "passkey-key-revoked"
    _, waiting = enrolled(reviewer, label="new")
    with pytest.raises(PermissionRefused) as refused:
        use(reviewer, waiting)
    assert refused.value.code == "passkey-key-unknown"


# ------------------------------------------------------------------ the database itself


def force(row, **values):
    """Write past the services, with an entry, as somebody at the database would."""
    with transaction.atomic():
        Passkey.objects.filter(pk=row.pk).update(**values)
        record(actor=None, event="test:passkey:forced", subject=Passkey.objects.get(pk=row.pk), body={})


@pytest.mark.parametrize(
    "values",
    [
        {"public_key": "AAAA"},
        {"credential_id": "AAAA"},
        {"public_key_digest": "0" * 64},
        {"is_replacement": True},
        {"sign_count": -1},
        {"state": "waiting", "enrolled_at": None},
    ],
)
def test_database_keeps_an_enrolled_key_as_it_is(reviewer, values):
    row, _ = enrolled(reviewer)
    with pytest.raises(IntegrityError):
        force(row, **values)


def test_database_wants_two_others_for_a_replacement(reviewer):
    lose_all(reviewer)
    fresh, _ = enrolled(reviewer)
    with pytest.raises(IntegrityError, match="two other people"):
        force(fresh, state="active", enrolled_at=timezone.now())
    with pytest.raises(IntegrityError, match="another person"), transaction.atomic():
        PasskeyApproval.objects.create(passkey=fresh, person=reviewer, approved_at=timezone.now())


def test_database_lets_no_ended_key_come_back(reviewer):
    row = lose_all(reviewer)
    with pytest.raises(IntegrityError, match="cannot go from"):
        force(row, state="active", ended_at=None)


def test_database_refuses_a_fresh_key_that_skips_the_wait(reviewer):
    row = lose_all(reviewer)
    now = timezone.now()
    values = {"user": reviewer, "label": "x", "credential_id": "AAAA", "public_key": row.public_key}
    values |= {"public_key_digest": row.public_key_digest, "algorithm": "ES256", "rp_id": "x", "origin": "x"}
    with pytest.raises(IntegrityError, match="waits for two other people"), transaction.atomic():
        Passkey.objects.create(**values, created_at=now, enrolled_at=now)


# ------------------------------------------------------------------ pages


def send(client, soft, **kw):
    begun = client.post(reverse("passkey-begin")).json()
    data = {"label": "laptop", "password": people.PASSWORD, "answer": json.dumps(soft.create(begun["publicKey"]))} | kw
    return client.post(reverse("passkeys"), data)


def test_page_enrols_renames_revokes(reviewer, as_user):
    client = as_user(reviewer)
    assert "You have no passkey" in client.get(reverse("passkeys")).content.decode()
    assert send(client, SoftKey()).status_code == 303
    row = reviewer.passkeys.get()
    client.post(reverse("passkey-rename", kwargs={"pk": row.pk}), {"label": "desk"})
    text = client.get(reverse("passkeys")).content.decode()
    assert "desk" in text
    assert "One key can sign" in text or "1 key can sign" in text
    client.post(reverse("passkey-lost", kwargs={"pk": row.pk}))
    row.refresh_from_db()
    assert row.state == PasskeyState.LOST
    text = client.get(reverse("passkeys")).content.decode()
    assert "must be approved by 2 other people" in text


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"password": "wrong"}, "not your password"),
        ({"answer": ""}, "The browser made no key"),
        ({"answer": "[]"}, "The browser made no key"),
        ({"answer": "{}"}, "does not hold"),
        ({"label": ""}, "Say where the key is kept"),
    ],
)
def test_page_says_why_nothing_was_enrolled(reviewer, as_user, more, words):
    response = send(as_user(reviewer), SoftKey(), **more)
    assert response.status_code == 422
    assert words in response.content.decode()


def test_password_cannot_be_guessed_at_the_form(reviewer, as_user):
    client = as_user(reviewer)
    data = {"label": "x", "password": "wrong", "answer": "{}"}
    told = [client.post(reverse("passkeys"), data).content.decode() for _ in range(11)]
    assert "This enrolment is over" in told[0]
    assert "Too many tries" in told[-1]


def test_challenge_is_used_once(reviewer, as_user):
    client = as_user(reviewer)
    begun = client.post(reverse("passkey-begin")).json()
    data = {"label": "laptop", "password": "wrong", "answer": json.dumps(SoftKey().create(begun["publicKey"]))}
    assert client.post(reverse("passkeys"), data).status_code == 422
    response = client.post(reverse("passkeys"), data | {"password": people.PASSWORD})
    assert response.status_code == 409
    assert "This enrolment is over" in response.content.decode()


def test_page_of_others_shows_who_waits_and_takes_two_words(reviewer, as_user):
    lose_all(reviewer)
    fresh, _ = enrolled(reviewer)
    for role in ("admin", "compliance"):
        client = as_user(people.person(role))
        text = client.get(reverse("passkeys-waiting")).content.decode()
        assert str(reviewer) in text
        assert fresh.public_key_digest[:12] in text
        client.post(reverse("passkey-approve", kwargs={"pk": fresh.pk}))
    fresh.refresh_from_db()
    assert fresh.state == PasskeyState.ACTIVE
    text = as_user(people.person("risk")).get(reverse("passkeys-waiting")).content.decode()
    assert "Nothing to approve" in text


def test_somebody_elses_key_is_not_there(reviewer, as_user):
    row, _ = enrolled(reviewer)
    client = as_user(people.person("risk"))
    for name in ("passkey-rename", "passkey-revoke", "passkey-lost", "passkey-approve"):
        assert client.post(reverse(name, kwargs={"pk": row.pk})).status_code == 404


def test_api_lists_own_keys(reviewer, client):
    row, _ = enrolled(reviewer)
    enrolled(people.person("risk"))
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {people.token(reviewer)}"}
    found = client.get(reverse("api-passkeys"), **bearer).json()["results"]
    assert [one["public_key_sha256"] for one in found] == [row.public_key_digest]


def test_begin_refuses_in_json(reviewer, as_user):
    lose_all(reviewer)
    enrolled(reviewer)
    response = as_user(reviewer).post(reverse("passkey-begin"))
    assert response.status_code == 409
    assert response.json()["type"] == "urn:gatehouse:problem:passkey-waiting"
