"""Does a passkey's signature over a statement hold? Pure: no Django, clock, database or network.

A statement is canonical JSON (RFC 8785); its SHA-256 is the challenge of a WebAuthn assertion (Web Authentication
Level 3, 7.2). What is needed to check one is the statement, the assertion, and the public key with the time in which
it counted, as the ledger's entries about the key say it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import hashlib
import hmac
import json
import struct
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fido2 import cbor
from fido2.cose import ES256, RS256, CoseKey, EdDSA
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AuthenticatorData, CollectedClientData

from portal.ledger.canonical import CanonicalError, canonical_bytes, parse_strict

ALGORITHMS: dict[int, str] = {ES256.ALGORITHM: "ES256", EdDSA.ALGORITHM: "EdDSA", RS256.ALGORITHM: "RS256"}
MIN_NONCE_BYTES = 16
MIN_RSA_BYTES = 256


@dataclasses.dataclass(frozen=True)
class Finding:
    """Why a signature does not hold: a stable code, and one sentence for a person."""

    code: str
    message: str


class Refused(ValueError):
    """Raised inside; `check` hands the finding back."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.finding = Finding(code, message)


@dataclasses.dataclass(frozen=True)
class Assertion:
    """What `navigator.credentials.get` answered, as bytes."""

    credential_id: bytes
    authenticator_data: bytes
    client_data: bytes
    signature: bytes

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Assertion:
        """Read {"id", "response": {"authenticatorData", "clientDataJSON", "signature"}}, each base64url.

        Raises Refused (`assertion-unreadable`).
        """
        try:
            answer = document["response"]
            names = ("authenticatorData", "clientDataJSON", "signature")
            return cls(from_b64(document["id"]), *(from_b64(answer[name]) for name in names))
        except (KeyError, TypeError, ValueError) as error:
            raise Refused("assertion-unreadable", "The browser's answer cannot be read.") from error

    def document(self) -> dict[str, Any]:
        """The form that `parse` reads."""
        response = {
            "authenticatorData": to_b64(self.authenticator_data),
            "clientDataJSON": to_b64(self.client_data),
            "signature": to_b64(self.signature),
        }
        return {"id": to_b64(self.credential_id), "response": response}

    @property
    def counter(self) -> int:
        """The authenticator's signature counter; 0 where it keeps none. Raises Refused."""
        if len(self.authenticator_data) < 37:
            raise Refused("assertion-unreadable", "The authenticator's data is too short.")
        return int(struct.unpack(">I", self.authenticator_data[33:37])[0])


@dataclasses.dataclass(frozen=True)
class Key:
    """A public key as the ledger knows it. `ended_at`: when it was revoked or reported lost, or None.

    `counter`: the highest signature counter seen before this signature.
    """

    credential_id: bytes
    public_key: bytes
    enrolled_at: dt.datetime
    ended_at: dt.datetime | None = None
    counter: int = 0


def to_b64(data: bytes) -> str:
    """base64url without padding."""
    return websafe_encode(data)


def from_b64(text: str) -> bytes:
    """Strict base64url without padding. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("not a text")
    data = websafe_decode(text)
    if websafe_encode(data) != text:
        raise ValueError("not canonical base64url")
    return data


def challenge_of(statement: bytes) -> bytes:
    """The challenge that a signature of this statement answers: its SHA-256."""
    return hashlib.sha256(statement).digest()


def read_key(public_key: bytes) -> CoseKey:
    """The COSE key in these bytes. Raises Refused for one that is no ES256, RS256 (2048 bits or more) or EdDSA key."""
    try:
        told = cbor.decode(public_key)
        if not isinstance(told, Mapping):
            raise ValueError("no key")
        key = CoseKey.parse(told)
        algorithm = key.ALGORITHM if key.ALGORITHM in ALGORITHMS else None
        short = algorithm == RS256.ALGORITHM and len(bytes(key[-1]).lstrip(b"\x00")) < MIN_RSA_BYTES
        if algorithm is not None and not short:
            _try(key)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, struct.error, UnsupportedAlgorithm) as error:
        raise Refused("key-unreadable", "The public key cannot be read.") from error
    if algorithm is None or short:
        wanted = "ES256, EdDSA, and RS256 with 2048 bits or more"
        raise Refused("key-algorithm", f"The key is of a kind that is not accepted; accepted are {wanted}.")
    return key


def pem_of(public_key: bytes) -> str:
    """The COSE key as PEM, for openssl. Raises Refused."""
    key = read_key(public_key)
    found: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
    if key.ALGORITHM == ES256.ALGORITHM:
        x, y = int.from_bytes(key[-2], "big"), int.from_bytes(key[-3], "big")
        found = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    elif key.ALGORITHM == RS256.ALGORITHM:
        n, e = int.from_bytes(key[-1], "big"), int.from_bytes(key[-2], "big")
        found = rsa.RSAPublicNumbers(e, n).public_key()
    else:
        found = ed25519.Ed25519PublicKey.from_public_bytes(key[-2])
    return found.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def _try(key: CoseKey) -> None:
    """Use the key once, so that one which is no point of its curve is found here. Raises ValueError and its like."""
    with contextlib.suppress(InvalidSignature):
        key.verify(b"", b"")


def check(
    statement: bytes, assertion: Assertion, key: Key, *, rp_id: str, origin: str, at: dt.datetime
) -> Finding | None:
    """None when the signature holds, else the first thing that does not.

    `rp_id` and `origin` are what the installation says of itself; `at` is when the signature was received.
    """
    try:
        _check_statement(statement)
        _check_time(key, at)
        if not hmac.compare_digest(assertion.credential_id, key.credential_id):
            raise Refused("key-differs", "The signature was made with another key.")
        _check_client(assertion.client_data, challenge_of(statement), origin)
        _check_authenticator(assertion.authenticator_data, rp_id)
        _check_signature(assertion, key)
        _check_counter(assertion.counter, key.counter)
    except Refused as refused:
        return refused.finding
    return None


def _check_statement(statement: bytes) -> None:
    try:
        document = parse_strict(statement)
        canonical = isinstance(document, dict) and canonical_bytes(document) == statement
    except CanonicalError:
        canonical, document = False, {}
    if not canonical:
        raise Refused("statement-not-canonical", "The statement is not canonical JSON.")
    try:
        nonce = bytes.fromhex(document["nonce"])
    except (KeyError, TypeError, ValueError):
        nonce = b""
    if len(nonce) < MIN_NONCE_BYTES:
        raise Refused("nonce-short", f"The statement has no nonce of {MIN_NONCE_BYTES} bytes.")


def _check_time(key: Key, at: dt.datetime) -> None:
    if at < key.enrolled_at:
        raise Refused("key-not-enrolled", "The key was enrolled after this signature.")
    if key.ended_at is not None and at >= key.ended_at:
        raise Refused("key-revoked", "The key was revoked or reported lost before this signature.")


def _check_client(raw: bytes, challenge: bytes, origin: str) -> None:
    try:
        plain = json.loads(raw)
        # The library would take a number for a challenge of so many zero bytes.
        if not all(isinstance(plain[name], str) for name in ("type", "challenge", "origin")):
            raise ValueError("not texts")
        told = CollectedClientData(raw)
        answered = bytes(told.challenge)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused("assertion-unreadable", "The browser's data cannot be read.") from error
    if told.type != CollectedClientData.TYPE.GET:
        raise Refused("type-differs", "This is no signature: the browser did something else with the key.")
    if not hmac.compare_digest(answered, challenge):
        raise Refused("challenge-differs", "Another text was signed than this statement.")
    if told.origin != origin:
        raise Refused("origin-differs", f"It was signed at {str(told.origin)[:200]}, not at {origin}.")
    if told.cross_origin:
        raise Refused("origin-crossed", "It was signed inside another site's page.")


def _check_authenticator(raw: bytes, rp_id: str) -> None:
    try:
        data = AuthenticatorData(raw)
    except (ValueError, struct.error, KeyError, TypeError) as error:
        raise Refused("assertion-unreadable", "The authenticator's data cannot be read.") from error
    if not hmac.compare_digest(data.rp_id_hash, hashlib.sha256(rp_id.encode()).digest()):
        raise Refused("rp-differs", f"The signature is for another site than {rp_id}.")
    if not data.is_user_present():
        raise Refused("user-not-present", "Nobody touched the key.")
    if not data.is_user_verified():
        raise Refused("user-not-verified", "The key did not check who uses it by PIN, finger or face.")


def _check_counter(told: int, known: int) -> None:
    """A key that keeps no counter always says 0, and that is ignored; one that counts must have counted on."""
    if (told or known) and told <= known:
        message = "The key's signature counter did not grow; there may be a copy of the key."
        raise Refused("counter-not-grown", message)


def _check_signature(assertion: Assertion, key: Key) -> None:
    message = assertion.authenticator_data + hashlib.sha256(assertion.client_data).digest()
    try:
        read_key(key.public_key).verify(message, assertion.signature)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, KeyError, TypeError) as error:
        if isinstance(error, Refused):
            raise
        raise Refused("signature-invalid", "The signature does not belong to this statement and key.") from error
