"""Secrets of this installation: made once from the system's randomness, kept in files of mode 0600."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from launcher.installation import Installation

ROLES = {"postgres": "pg_superuser", "gatehouse_owner": "pg_owner", "gatehouse_app": "pg_app"}


def read_or_make(path: Path, length: int = 48) -> tuple[str, bool]:
    """The secret in the file and whether it was made just now. There is never a default."""
    try:
        value = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        value = ""
    if value:
        return value, False
    value = secrets.token_urlsafe(length)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(f"{value}\n")
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
    return value, True


def secret_key(place: Installation) -> bool:
    """Make Django's secret key if there is none; whether it was made now."""
    return read_or_make(place.keys / "secret_key")[1]


def passwords(place: Installation) -> tuple[dict[str, str], bool]:
    """Passwords of the embedded server's roles, and whether any of them is new."""
    made = {role: read_or_make(place.keys / name, 32) for role, name in ROLES.items()}
    return {role: value for role, (value, _) in made.items()}, any(new for _, new in made.values())
