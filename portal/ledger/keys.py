"""The key that signs the ledger's checkpoints."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from portal import keys
from portal.ledger import notes

KEY_NAME = "ledger_ed25519.pem"


def key_path() -> Path:
    """Where the private key lies."""
    return keys.key_file(KEY_NAME)


def load_key() -> Ed25519PrivateKey:
    """The private key of this installation. Raises ImproperlyConfigured, saying how to mend it."""
    return keys.load_ed25519(KEY_NAME, "ledger key")


def make_key() -> Path:
    """Write a new private key (PKCS #8 PEM, mode 0600); an existing key is kept. Returns its path."""
    return keys.make_ed25519(KEY_NAME)


def verifier() -> notes.Verifier:
    """The public half under the log's origin; what an auditor is given. Raises ImproperlyConfigured."""
    return notes.Signer(settings.LEDGER_ORIGIN, load_key()).verifier
