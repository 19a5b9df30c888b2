"""The policies and sets in force as one signed document, for folders in Git to compare with."""

from __future__ import annotations

from typing import Any

from governance.gates.bundle import Item, bundle_document, fingerprint
from governance.services.policies import in_force
from portal import keys

KEY_NAME = "policy_bundle_ed25519.pem"


def make_bundle_key() -> object:
    """The key that signs bundles, made once."""
    return keys.make_ed25519(KEY_NAME)


def key_fingerprint() -> str:
    """What people compare with the line that the first `policy pull` prints."""
    return fingerprint(keys.load_ed25519(KEY_NAME, "key of the policy bundle").public_key().public_bytes_raw())


def current_bundle() -> dict[str, Any]:
    """Everything in force, signed. The same state gives the same bytes."""
    items = [Item(row.policy.kind, row.policy.name, row.number, row.digest, row.source) for row in in_force()]
    return bundle_document(items, keys.load_ed25519(KEY_NAME, "key of the policy bundle"))
