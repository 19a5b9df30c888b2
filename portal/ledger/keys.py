"""The key that signs the ledger's checkpoints."""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from portal.ledger import notes

KEY_NAME = "ledger_ed25519.pem"


def key_path() -> Path:
    """Where the private key lies."""
    return Path(settings.KEYS_DIR) / KEY_NAME


def load_key() -> Ed25519PrivateKey:
    """The private key of this installation. Raises ImproperlyConfigured, saying how to mend it."""
    path = key_path()
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        raise ImproperlyConfigured(f"No ledger key at {path}: make one with 'manage.py make_keys'.") from None
    except (OSError, ValueError, TypeError) as error:
        raise ImproperlyConfigured(f"The ledger key at {path} cannot be read: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ImproperlyConfigured(f"The ledger key at {path} is not an Ed25519 key.")
    return key


def make_key() -> Path:
    """Write a new private key (PKCS #8 PEM, mode 0600); an existing key is kept. Returns its path."""
    path = key_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
    return path


def verifier() -> notes.Verifier:
    """The public half under the log's origin; what an auditor is given. Raises ImproperlyConfigured."""
    return notes.Signer(settings.LEDGER_ORIGIN, load_key()).verifier
