"""Which port the portal answers on."""

from __future__ import annotations

import errno
import socket

from launcher.errors import LauncherError

DEFAULT_PORT = 8000
TRIES = 100


def is_free(port: int) -> bool:
    """Whether nothing listens on this port of the machine itself, by either family.

    A browser asked for `localhost` tries ::1 first, so a stranger there would be shown instead of us.
    """
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
    return True


def wanted_port(environ: dict[str, str]) -> int:
    """The port asked for by GATEHOUSE_PORT, else 8000. Raises LauncherError for what is no port."""
    text = environ.get("GATEHOUSE_PORT", "").strip()
    if not text:
        return DEFAULT_PORT
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise LauncherError(f"GATEHOUSE_PORT is {text!r}, which is no port.", "Use a number from 1024 to 65535.")
    return int(text)


def choose(wanted: int) -> int:
    """The wanted port, or the next free one after it. Raises LauncherError if none of the next 100 is free."""
    for port in range(wanted, min(wanted + TRIES, 65536)):
        if is_free(port):
            return port
    how = "Set GATEHOUSE_PORT to a free port from 1024 to 65535."
    raise LauncherError(f"No port from {wanted} on is free for this user.", how)
