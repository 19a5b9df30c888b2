"""Keys and certificates of an installation: apps register what makes theirs, one command makes all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_makers: list[Callable[[], object]] = []


def register(maker: Callable[[], object]) -> None:
    """Add a function that makes a key if it is missing and keeps it if it is there."""
    if maker not in _makers:
        _makers.append(maker)


def make_all() -> None:
    """Make every registered key that is missing."""
    for maker in _makers:
        maker()


def key_file(name: str) -> Path:
    """Where a key lies."""
    return Path(settings.KEYS_DIR) / name


def load_ed25519(name: str, what: str) -> Ed25519PrivateKey:
    """A private key of this installation; `what` names it in errors.

    Raises ImproperlyConfigured, saying how to mend it.
    """
    path = key_file(name)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        raise ImproperlyConfigured(f"No {what} at {path}: make one with 'manage.py make_keys'.") from None
    except (OSError, ValueError, TypeError) as error:
        raise ImproperlyConfigured(f"The {what} at {path} cannot be read: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ImproperlyConfigured(f"The {what} at {path} is not an Ed25519 key.")
    return key


def make_ed25519(name: str) -> Path:
    """Write a new private key (PKCS #8 PEM, mode 0600); an existing one is kept. Returns its path."""
    path = key_file(name)
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
