"""A passkey in software, as a browser and an authenticator would use it; and people who have enrolled one."""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from django.conf import settings
from django.db import connection
from fido2 import cbor
from fido2.cose import ES256, RS256, CoseKey, EdDSA

from governance.models import PendingStatement
from governance.services.statements import Signed
from portal.accounts import passkeys
from portal.accounts.models import Passkey, User
from portal.accounts.passkeys_proof import to_b64
from tests.factories import people

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
KINDS = ("ES256", "RS256", "EdDSA")


def _private(kind: str) -> Any:
    if kind == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "RS256":
        return rsa.generate_private_key(65537, 2048)
    return ed25519.Ed25519PrivateKey.generate()


@dataclass
class SoftKey:
    """One private key. `counter` None: a key that keeps no counter. `flags`: what it says of the person."""

    kind: str = "ES256"
    counter: int | None = None
    flags: int = PRESENT | VERIFIED
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    private: Any = None

    def __post_init__(self) -> None:
        self.private = self.private or _private(self.kind)

    @property
    def cose(self) -> CoseKey:
        kinds: dict[str, type[CoseKey]] = {"ES256": ES256, "RS256": RS256, "EdDSA": EdDSA}
        return kinds[self.kind].from_cryptography_key(self.private.public_key())

    @property
    def public_key(self) -> bytes:
        return cbor.encode(dict(self.cose))

    def client_data(self, kind: str, challenge: str, **kw: Any) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": settings.PASSKEY_ORIGIN, "crossOrigin": False} | kw
        return json.dumps(told, separators=(",", ":")).encode()

    def authenticator_data(self, *, rp_id: str = "", extra: int = 0, more: bytes = b"") -> bytes:
        if self.counter is not None:
            self.counter += 1
        head = hashlib.sha256((rp_id or settings.PASSKEY_RP_ID).encode()).digest()
        return head + struct.pack(">BI", self.flags | extra, self.counter or 0) + more

    def sign_bytes(self, message: bytes) -> bytes:
        if self.kind == "ES256":
            return self.private.sign(message, ec.ECDSA(hashes.SHA256()))
        if self.kind == "RS256":
            return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self.private.sign(message)

    def create(self, options: dict[str, Any], **kw: Any) -> dict[str, Any]:
        """What `navigator.credentials.create` answers."""
        client = self.client_data("webauthn.create", options["challenge"], **kw)
        more = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id + self.public_key
        told = self.authenticator_data(extra=ATTESTED, more=more)
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": told})
        response = {
            "clientDataJSON": to_b64(client),
            "attestationObject": to_b64(attestation),
            "transports": ["internal", "carrier-pigeon"],
        }
        name = to_b64(self.credential_id)
        return {"id": name, "rawId": name, "type": "public-key", "clientExtensionResults": {}, "response": response}

    def get(self, challenge: bytes, *, rp_id: str = "", kind: str = "webauthn.get", **kw: Any) -> dict[str, Any]:
        """What `navigator.credentials.get` answers."""
        client = self.client_data(kind, to_b64(challenge), **kw)
        told = self.authenticator_data(rp_id=rp_id)
        signature = self.sign_bytes(told + hashlib.sha256(client).digest())
        response = {
            "authenticatorData": to_b64(told),
            "clientDataJSON": to_b64(client),
            "signature": to_b64(signature),
        }
        return {"id": to_b64(self.credential_id), "response": response}


def enrolled(user: User, soft: SoftKey | None = None, *, label: str = "laptop") -> tuple[Passkey, SoftKey]:
    """A key of this person, enrolled by the service that enrols it in the product."""
    soft = soft or SoftKey()
    options, kept = passkeys.begin_enrolment(actor=user)
    answer = soft.create(options)
    row = passkeys.enrol(actor=user, label=label, password=people.PASSWORD, answer=answer, kept=kept)
    # What the test did before it ends here, as if committed: a key is used in a later transaction.
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    return row, soft


def signed(pending: PendingStatement, soft: SoftKey, *, over: bytes | None = None, **kw: Any) -> Signed:
    """The statement, signed with that key, as the decision form brings it. `over`: something else is signed."""
    challenge = bytes.fromhex(pending.digest) if over is None else hashlib.sha256(over).digest()
    return Signed(pending.digest, soft.get(challenge, **kw))
