"""A server that speaks the REST API of OPA over real sockets, in all its good and bad ways."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# What is sent, piece by piece, with the seconds to wait before each.
Pieces = Iterable[tuple[float, bytes]]
# From the input of a question to its result, as a Rego package would say it.
Rego = Callable[[Mapping[str, Any]], Any]


@dataclass
class Question:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: Any


def http(body: bytes, *, status: str = "200 OK", kind: str = "application/json", more: str = "") -> bytes:
    """A whole HTTP answer."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    )
    return head.encode() + body


def said(result: Any, *, revision: str = "r1", **around: Any) -> bytes:
    """The answer of OPA that carries this result."""
    provenance = {"version": "0.70.0", "bundles": {"gatehouse": {"revision": revision}}}
    return http(json.dumps({"result": result, "provenance": provenance, **around}).encode())


def residency(given: Mapping[str, Any]) -> dict[str, Any]:
    """A sound policy: training stays in Frankfurt, and fairness is asked where the card is not complete."""
    region = given.get("training", {}).get("region")
    deny = [] if region == "eu-central-1" else [{"rule": "region", "message": f"Trained in {region}."}]
    ask = (
        []
        if given.get("card", {}).get("complete") is not False
        else [{"rule": "card", "role": "fairness", "message": "The card is not complete."}]
    )
    return {"checked": ["region", "card"], "deny": deny, "ask": ask}


@dataclass
class Stub:
    """Serves until it is closed. `rego` answers well; `raw`, where it is set, says the very bytes instead."""

    rego: Rego = residency
    raw: Callable[[Question], bytes | Pieces] | None = None
    # Of the rest only what the must-deny case is not asked with: a liar may know it by its input.
    questions: list[Question] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.open = True
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.open = False
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self) -> None:
        while self.open:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(sock,), daemon=True).start()

    def _one(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            question = _read(sock)
            self.questions.append(question)
            answer = self.raw(question) if self.raw else said(self.rego(question.body["input"]))
            for pause, piece in [(0.0, answer)] if isinstance(answer, bytes) else answer:
                time.sleep(pause)
                if not self.open:
                    return
                sock.sendall(piece)


def _read(sock: socket.socket) -> Question:
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    line, *rows = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
    while len(body) < int(headers["content-length"]):
        body += sock.recv(65536)
    return Question(line, headers, json.loads(body))


@contextlib.contextmanager
def serving(**given: Any) -> Iterator[Stub]:
    stub = Stub(**given)
    try:
        yield stub
    finally:
        stub.close()
