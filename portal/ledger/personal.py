"""Salted commitments to personal values: the entry holds a hash, the value lives where it can be erased."""

import dataclasses
import hashlib
import hmac
import secrets
from typing import Any

from portal.ledger.canonical import canonical_bytes

SALT_BYTES = 16


@dataclasses.dataclass(frozen=True)
class Commitment:
    """`digest` (hex) is published; `salt` (16 bytes) and `value` (canonical JSON text) open it."""

    name: str
    digest: str
    salt: bytes
    value: str


def commit(name: str, value: Any, *, salt: bytes | None = None) -> Commitment:
    """Commit to a JSON value under a field name: sha256(salt ‖ canonical [name, value]).

    The name is inside, so that a commitment cannot be moved to another field. Raises ValueError for a salt
    that is not 16 bytes, CanonicalError for a value without canonical form.
    """
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    text = canonical_bytes(value).decode()
    return Commitment(name, _digest(name, salt, text), salt, text)


def opens(digest: str, *, name: str, salt: bytes, value: str) -> bool:
    """Whether `salt` and `value` (canonical JSON text) are what the hex digest commits to."""
    if len(salt) != SALT_BYTES:
        return False
    return hmac.compare_digest(_digest(name, salt, value), digest)


def _digest(name: str, salt: bytes, canonical_value: str) -> str:
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a commitment's salt is {SALT_BYTES} bytes, not {len(salt)}")
    # "[name,value]" of two canonical parts is itself canonical: arrays carry no white space in RFC 8785.
    prefix = b"[" + canonical_bytes(name) + b","
    return hashlib.sha256(salt + prefix + canonical_value.encode() + b"]").hexdigest()
