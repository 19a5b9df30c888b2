"""One question to an OPA server over HTTP, with an end that a server which drips bytes cannot put off."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from governance.gates.rego import MAX_ANSWER, OddAnswer

LOCAL = ("localhost", "127.0.0.1", "::1")
_KEYS = {"url", "token", "allow_http"}
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Server:
    """A server that may be asked. The token is no part of what is shown of it."""

    name: str
    scheme: str
    host: str
    port: int | None
    base: str
    token: str = field(repr=False)

    @property
    def address(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}{self.base}"


def server_of(name: str, found: Mapping[str, Any]) -> Server:
    """The server of its settings {url, token, allow_http}. Raises ValueError, whose text never holds the token."""
    if odd := sorted(set(found) - _KEYS):
        raise ValueError(f"it has no setting {odd[0]!r}")
    parts = urlsplit(str(found.get("url", "")))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("its url is not https://HOST[:PORT][/PATH]")
    if not parts.path.isascii() or any(char <= " " for char in parts.path):
        raise ValueError("the path of its url holds a character that cannot be sent")
    if parts.scheme == "http" and parts.hostname not in LOCAL and found.get("allow_http") is not True:
        raise ValueError("plain http is for this machine, unless allow_http is true")
    token = found.get("token", "")
    if not isinstance(token, str) or any(not "!" <= char <= "~" for char in token):
        raise ValueError("its token is not a word of ASCII characters")
    return Server(name, parts.scheme, parts.hostname, parts.port, parts.path.rstrip("/"), token)


def post(server: Server, path: str, body: bytes, ends: float) -> bytes:
    """The body of the answer to a JSON body.

    ends: the time of the monotonic clock after which nothing is waited for. Raises TimeoutError then, OSError or
    HTTPException where the server does not speak, OddAnswer for an answer that does not count.
    """
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
    if server.token:
        headers["Authorization"] = f"Bearer {server.token}"
    connection = _connection(server, _left(ends))
    connection.connect()
    with connection.sock as sock:
        connection.sock = _Timed(sock, ends)  # type: ignore[assignment]
        connection.request("POST", f"{server.base}/v1/data/{path}?provenance=true", body, headers)
        with connection.getresponse() as answer:
            _check_head(answer)
            return _read(answer)


def _connection(server: Server, seconds: float) -> http.client.HTTPConnection:
    if server.scheme == "http":
        return http.client.HTTPConnection(server.host, server.port, timeout=seconds)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(server.host, server.port, timeout=seconds, context=context)


def _check_head(answer: http.client.HTTPResponse) -> None:
    if 300 <= answer.status < 400:
        raise OddAnswer("redirects to another address, which is not followed")
    if answer.status != 200:
        raise OddAnswer(f"has the status {answer.status}")
    kinds = answer.headers.get_all("Content-Type", [])
    if len(kinds) != 1 or kinds[0].partition(";")[0].strip().lower() != "application/json":
        raise OddAnswer("is not sent as application/json")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise OddAnswer("is compressed, which was not asked for")
    if answer.length is not None and answer.length > MAX_ANSWER:
        raise OddAnswer(f"is larger than {MAX_ANSWER} bytes")


def _read(answer: http.client.HTTPResponse) -> bytes:
    found = bytearray()
    while part := answer.read(min(_CHUNK, MAX_ANSWER + 1 - len(found))):
        found += part
        if len(found) > MAX_ANSWER:
            raise OddAnswer(f"is larger than {MAX_ANSWER} bytes")
    if answer.length:
        raise OddAnswer("was cut short")
    return bytes(found)


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time left")
    return left


class _Timed:
    """A connected socket whose every act ends by one time, not some seconds after the last byte."""

    def __init__(self, sock: socket.socket, ends: float) -> None:
        self.sock, self.ends = sock, ends

    def sendall(self, data: bytes) -> None:
        self.sock.settimeout(_left(self.ends))
        self.sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self.sock, self.ends))

    def close(self) -> None:
        """Leaves it open: the answer is read from it after the connection lets go of it."""


class _Incoming(io.RawIOBase):
    def __init__(self, sock: socket.socket, ends: float) -> None:
        self.sock, self.ends = sock, ends

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.sock.settimeout(_left(self.ends))
        return self.sock.recv_into(buffer)
