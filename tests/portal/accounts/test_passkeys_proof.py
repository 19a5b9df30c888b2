"""The pure check: three kinds of keys pass, and each thing that can be wrong is refused by its own name."""

import datetime as dt
import secrets

import pytest

from portal.accounts.passkeys_proof import (
    Assertion,
    Key,
    Refused,
    challenge_of,
    check,
    from_b64,
    read_key,
    to_b64,
)
from portal.ledger.canonical import canonical_bytes
from tests.factories.passkeys import KINDS, PRESENT, VERIFIED, SoftKey

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
RP, ORIGIN = "bank.example", "https://gate.bank.example"


def statement(**kw):
    return canonical_bytes({"schema": "test/1", "nonce": secrets.token_hex(16), "choice": "approve"} | kw)


def key_of(soft, **kw):
    return Key(**({"credential_id": soft.credential_id, "public_key": soft.public_key, "enrolled_at": NOW - DAY} | kw))


def sign(soft, text, **kw):
    return Assertion.parse(soft.get(challenge_of(text), **({"rp_id": RP, "origin": ORIGIN} | kw)))


def found(text, assertion, key, **kw):
    finding = check(text, assertion, key, **({"rp_id": RP, "origin": ORIGIN, "at": NOW} | kw))
    return finding.code if finding else None


@pytest.mark.parametrize("kind", KINDS)
def test_signature_of_each_kind_of_key_holds(kind):
    soft, text = SoftKey(kind), statement()
    assert found(text, sign(soft, text), key_of(soft)) is None


@pytest.mark.parametrize("kind", KINDS)
def test_another_key_of_the_same_kind_does_not_hold(kind):
    soft, other, text = SoftKey(kind), SoftKey(kind), statement()
    assert found(text, sign(soft, text), key_of(soft, public_key=other.public_key)) == "signature-invalid"


def test_another_text_with_one_letter_changed():
    soft, text = SoftKey(), statement()
    assert found(text.replace(b"approve", b"approvf"), sign(soft, text), key_of(soft)) == "challenge-differs"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"origin": "https://evil.example"}, "origin-differs"),
        ({"origin": ORIGIN + ":444"}, "origin-differs"),
        ({"origin": ORIGIN.replace("https", "http")}, "origin-differs"),
        ({"crossOrigin": True}, "origin-crossed"),
        ({"rp_id": "evil.example"}, "rp-differs"),
        ({"kind": "webauthn.create"}, "type-differs"),
        ({"kind": "payment.get"}, "type-differs"),
    ],
)
def test_signed_elsewhere_or_for_something_else(changed, code):
    soft, text = SoftKey(), statement()
    assert found(text, sign(soft, text, **changed), key_of(soft)) == code


@pytest.mark.parametrize(
    ("flags", "code"),
    [(PRESENT, "user-not-verified"), (VERIFIED, "user-not-present"), (0, "user-not-present")],
)
def test_user_must_be_present_and_verified(flags, code):
    soft, text = SoftKey(flags=flags), statement()
    assert found(text, sign(soft, text), key_of(soft)) == code


@pytest.mark.parametrize(
    ("told", "known", "code"),
    [
        (0, 0, None),
        (1, 0, None),
        (7, 6, None),
        (6, 6, "counter-not-grown"),
        (5, 6, "counter-not-grown"),
        (0, 6, "counter-not-grown"),
    ],
)
def test_counter_grows_or_is_zero_for_ever(told, known, code):
    soft, text = SoftKey(counter=told - 1 if told else None), statement()
    assert found(text, sign(soft, text), key_of(soft, counter=known)) == code


def test_key_counts_from_its_enrolment_until_its_end():
    soft, text = SoftKey(), statement()
    assertion = sign(soft, text)
    assert found(text, assertion, key_of(soft, enrolled_at=NOW)) is None
    assert found(text, assertion, key_of(soft, enrolled_at=NOW + DAY)) == "key-not-enrolled"
    assert found(text, assertion, key_of(soft, ended_at=NOW)) == "key-revoked"
    assert found(text, assertion, key_of(soft, ended_at=NOW - DAY / 2)) == "key-revoked"
    assert found(text, assertion, key_of(soft, ended_at=NOW + DAY)) is None, "what it signed before stays valid"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b'{"nonce": "00000000000000000000000000000000"}', "statement-not-canonical"),
        (b'{"nonce":"00000000000000000000000000000000","a":1}', "statement-not-canonical"),
        (b'{"a":1,"a":2}', "statement-not-canonical"),
        (b"[]", "statement-not-canonical"),
        (b"\xff", "statement-not-canonical"),
        (b'{"a":1}', "nonce-short"),
        (b'{"nonce":"000000000000000000000000000000"}', "nonce-short"),
        (b'{"nonce":"zz"}', "nonce-short"),
        (b'{"nonce":7}', "nonce-short"),
    ],
)
def test_statement_is_canonical_and_has_a_nonce(text, code):
    soft = SoftKey()
    assert found(text, sign(soft, text), key_of(soft)) == code


def test_signature_of_another_credential():
    soft, text = SoftKey(), statement()
    assert found(text, sign(soft, text), key_of(soft, credential_id=b"another")) == "key-differs"


@pytest.mark.parametrize("part", ["authenticator_data", "client_data", "signature"])
def test_each_flipped_bit_is_found(part):
    soft, text = SoftKey(), statement()
    whole = sign(soft, text)
    raw = getattr(whole, part)
    for place in range(len(raw)):
        forged = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        parts = {**vars(whole), part: forged}
        assert found(text, Assertion(**parts), key_of(soft)) is not None, f"byte {place} of {part}"


@pytest.mark.parametrize(
    ("part", "raw"),
    [
        ("authenticator_data", b""),
        ("authenticator_data", bytes(36)),
        ("client_data", b"{}"),
        ("client_data", b"[]"),
        ("client_data", b"\xff"),
        ("client_data", b'{"type":"webauthn.get","challenge":7,"origin":"x"}'),
        ("signature", b""),
    ],
)
def test_nonsense_is_refused_in_words(part, raw):
    soft, text = SoftKey(), statement()
    parts = {**vars(sign(soft, text)), part: raw}
    assert found(text, Assertion(**parts), key_of(soft)) in ("assertion-unreadable", "signature-invalid")


@pytest.mark.parametrize(
    "document",
    [{}, {"id": "AA"}, {"id": "AA", "response": {}}, {"id": 7, "response": []}, {"id": "A=", "response": {}}],
)
def test_answer_that_lacks_something(document):
    with pytest.raises(Refused) as refused:
        Assertion.parse(document)
    assert refused.value.finding.code == "assertion-unreadable"


def test_answer_is_read_as_it_was_written():
    whole = sign(SoftKey(), statement())
    assert Assertion.parse(whole.document()) == whole
    with pytest.raises(ValueError, match="canonical"):
        from_b64(to_b64(b"a") + "=")


def test_kinds_of_keys_that_are_not_accepted():
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from fido2 import cbor
    from fido2.cose import ES384, RS256

    short = RS256.from_cryptography_key(rsa.generate_private_key(65537, 1024).public_key())
    other = ES384.from_cryptography_key(ec.generate_private_key(ec.SECP384R1()).public_key())
    for cose in (short, other):
        with pytest.raises(Refused) as refused:
            read_key(cbor.encode(dict(cose)))
        assert refused.value.finding.code == "key-algorithm"
    off_curve = cbor.encode({1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)})
    for raw in (b"", b"\xff", cbor.encode([]), cbor.encode({1: 2}), off_curve):
        with pytest.raises(Refused) as refused:
            read_key(raw)
        assert refused.value.finding.code == "key-unreadable"
