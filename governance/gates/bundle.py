"""The policies in force as one signed document, which a Git folder can be compared with.

    {"schema": "gatehouse.policy-bundle/1",
     "policies": [{"kind", "name", "number", "digest", "source"}, …],
     "digest": SHA-256 (hex) of the signed bytes,
     "signature": {"algorithm": "Ed25519", "key": base64 of the public key, "value": base64}}

The signed bytes are the schema's name, a line feed, and the RFC 8785 form of {"policies", "schema"}; so they do not
depend on how the document was written, and no other document of the portal has the same.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from governance.gates.errors import FactsError, GateError
from governance.gates.facts import canonical_bytes

SCHEMA = "gatehouse.policy-bundle/1"
KINDS = ("policy", "set")
MAX_BYTES = 32 * 1024 * 1024
MAX_POLICIES = 2000
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,78}[a-z0-9])?", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class BundleError(GateError):
    """The bundle is malformed, or not signed by the key that is trusted."""


@dataclass(frozen=True)
class Item:
    """One policy or set in force. digest: what the portal gives its meaning; source: its whole text."""

    kind: str
    name: str
    number: int
    digest: str
    source: str


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds. `key`: the 32 bytes that it says signed it; proved only by `verify_bundle`."""

    policies: tuple[Item, ...]
    digest: str
    key: bytes
    signature: bytes

    def find(self, kind: str, name: str) -> Item | None:
        """The item of this name, or None."""
        return next((one for one in self.policies if (one.kind, one.name) == (kind, name)), None)


def bundle_bytes(policies: Iterable[Item], private_key: Ed25519PrivateKey) -> bytes:
    """The signed bundle as canonical JSON, policies in order of kind and name. Raises BundleError."""
    return canonical_bytes(bundle_document(policies, private_key))


def bundle_document(policies: Iterable[Item], private_key: Ed25519PrivateKey) -> dict[str, Any]:
    """The same as plain data."""
    items = sorted(policies, key=lambda one: (one.kind, one.name))
    _check(items)
    signed = _signed(items)
    public = private_key.public_key().public_bytes_raw()
    signature = {"algorithm": "Ed25519", "key": _b64(public), "value": _b64(private_key.sign(signed))}
    return {
        "schema": SCHEMA,
        "policies": [asdict(one) for one in items],
        "digest": hashlib.sha256(signed).hexdigest(),
        "signature": signature,
    }


def read_bundle(data: bytes | str) -> Bundle:
    """The bundle, whole and with its digest right; its signature is not checked. Raises BundleError."""
    if len(data) > MAX_BYTES:
        raise BundleError(f"The bundle has {len(data)} bytes; the limit is {MAX_BYTES}.")
    try:
        doc = json.loads(data, object_pairs_hook=_no_duplicates, parse_constant=_refuse)
        if not isinstance(doc, dict) or doc.get("schema") != SCHEMA:
            raise BundleError(f"This is no bundle of the form {SCHEMA}.", how="Update the side that is older.")
        _keys(doc, {"schema", "policies", "digest", "signature"}, "The bundle")
        items = [_item(row) for row in _of(list, doc["policies"], "policies")]
        signature = _of(dict, doc["signature"], "signature")
        _keys(signature, {"algorithm", "key", "value"}, "The signature")
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BundleError(f"The bundle is not JSON: {error}") from error
    _check(items)
    digest = hashlib.sha256(_signed(items)).hexdigest()
    if digest != doc["digest"]:
        raise BundleError("The bundle's digest is not that of what it holds.", how="Fetch it again.")
    if signature["algorithm"] != "Ed25519":
        raise BundleError("The bundle is not signed with Ed25519.")
    return Bundle(tuple(items), digest, _unb64(signature["key"], 32), _unb64(signature["value"], 64))


def verify_bundle(data: bytes | str, public_key: Ed25519PublicKey | bytes) -> Bundle:
    """The bundle, signed by this key (or its 32 bytes) and no other. Raises BundleError."""
    found = read_bundle(data)
    raw = public_key if isinstance(public_key, bytes) else public_key.public_bytes_raw()
    if found.key != raw:
        text = f"The bundle is signed by the key {fingerprint(found.key)}, not by {fingerprint(raw)}."
        raise BundleError(text, how="Ask the portal's operators whether its key was changed, and name the new one.")
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(found.signature, _signed(found.policies))
    except (InvalidSignature, ValueError) as error:
        raise BundleError(
            "The bundle's signature is wrong.", how="Fetch it again over a connection you trust."
        ) from error
    return found


def read_key(text: str) -> bytes:
    """The 32 bytes of a public key written as PEM or as base64. Raises BundleError."""
    if "-----BEGIN" not in text:
        return _unb64(text.strip(), 32)
    try:
        key = load_pem_public_key(text.encode())
    except ValueError as error:
        raise BundleError("The key is no PEM public key.", how="Give the file that the portal hands out.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BundleError("The key is no Ed25519 key.", how="Give the file that the portal hands out.")
    return key.public_bytes_raw()


def fingerprint(key: bytes) -> str:
    """A short name of a key for people to compare: the beginning of its SHA-256."""
    return f"SHA256:{hashlib.sha256(key).hexdigest()[:32]}"


def _signed(items: Iterable[Item]) -> bytes:
    body = {"schema": SCHEMA, "policies": [asdict(one) for one in items]}
    try:
        return f"{SCHEMA}\n".encode() + canonical_bytes(body)
    except FactsError as error:
        raise BundleError(f"The bundle cannot be written as canonical JSON: {error.message}") from error


def _check(items: list[Item]) -> None:
    if len(items) > MAX_POLICIES:
        raise BundleError(f"The bundle holds {len(items)} policies; the limit is {MAX_POLICIES}.")
    seen = set[tuple[str, str]]()
    for one in items:
        if one.kind not in KINDS or not _NAME.fullmatch(one.name) or not _DIGEST.fullmatch(one.digest):
            raise BundleError(f"{one.name[:80]!r} is no policy of a bundle: kind, name or digest is wrong.")
        if (one.kind, one.name) in seen:
            raise BundleError(f"The bundle holds the {one.kind} {one.name!r} twice.")
        seen.add((one.kind, one.name))


def _item(row: Any) -> Item:
    _keys(_of(dict, row, "A policy"), {"kind", "name", "number", "digest", "source"}, "A policy")
    for key in ("kind", "name", "digest", "source"):
        _of(str, row[key], key)
    if type(row["number"]) is not int or not 1 <= row["number"] < 2**31:
        raise BundleError(f"The number of {row['name'][:80]!r} is no version number.")
    return Item(**row)


def _of(kind: type, value: Any, what: str) -> Any:
    if not isinstance(value, kind):
        raise BundleError(f"In the bundle, {what} is no {kind.__name__}.")
    return value


def _keys(value: dict[str, Any], wanted: set[str], what: str) -> None:
    if set(value) != wanted:
        raise BundleError(f"{what} has other keys than {', '.join(sorted(wanted))}.")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BundleError("The bundle holds a key twice.")
    return found


def _refuse(text: str) -> NoReturn:
    raise BundleError(f"{text} is not a JSON number.")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: Any, size: int) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise BundleError("A key or signature is not base64.") from error
    if len(raw) != size:
        raise BundleError(f"A key or signature has {len(raw)} bytes instead of {size}.")
    return raw
