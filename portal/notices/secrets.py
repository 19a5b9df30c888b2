"""The secrets that sign webhooks: derived from one key of the installation, shown once, in no table and no log."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from datetime import datetime
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from portal import keys
from portal.notices.models import Webhook

KEY_NAME = "webhook_key"
PREFIX = "whsec_"


def make_master_key() -> Path:
    """Write 32 random bytes (mode 0600); an existing key is kept. Returns its path."""
    path = keys.key_file(KEY_NAME)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path
    with os.fdopen(handle, "wb") as file:
        file.write(os.urandom(32))
    return path


def _master() -> bytes:
    path = keys.key_file(KEY_NAME)
    try:
        found = path.read_bytes()
    except OSError:
        found = b""
    if len(found) != 32:
        raise ImproperlyConfigured(f"No key for webhooks at {path}: make one with 'manage.py make_keys'.")
    return found


def _derive(webhook: Webhook, number: int) -> bytes:
    return hmac.digest(_master(), f"gatehouse.webhook/1:{webhook.uuid}:{number}".encode(), hashlib.sha256)


def secret_of(webhook: Webhook) -> str:
    """The secret in the form that receivers' libraries take: whsec_ and base64."""
    return PREFIX + base64.b64encode(_derive(webhook, webhook.secret_number)).decode()


def _sign(key: bytes, message_id: str, seconds: int, body: bytes) -> str:
    digest = hmac.digest(key, f"{message_id}.{seconds}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def signatures(webhook: Webhook, message_id: str, *, now: datetime, body: bytes) -> str:
    """The webhook-signature of Standard Webhooks. While a secret is being replaced, both sign, the new one first."""
    seconds, numbers = int(now.timestamp()), [webhook.secret_number]
    if webhook.old_secret_until is not None and webhook.old_secret_until > now and webhook.secret_number > 1:
        numbers.append(webhook.secret_number - 1)
    return " ".join(_sign(_derive(webhook, number), message_id, seconds, body) for number in numbers)


def verify(secret: str, headers: dict[str, str], body: bytes, *, now: datetime, tolerance: int = 300) -> bool:
    """What a receiver does: whether one of the signatures is by this secret and the time is within the tolerance."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        seconds = int(headers["webhook-timestamp"])
        wanted = _sign(key, headers["webhook-id"], seconds, body)
        given = headers["webhook-signature"].split()
    except (KeyError, ValueError):
        return False
    if abs(now.timestamp() - seconds) > tolerance:
        return False
    return any(hmac.compare_digest(wanted, one) for one in given)
