"""A small gateway: lets a request through to the versions that the portal's desired state names, and to nothing else.

    python gateway.py --portal https://portal.example --endpoint credit-prod --key BASE64 \
        --backend 2.0.0=http://127.0.0.1:9002 --backend 1.0.0=http://127.0.0.1:9001 --region eu-central-1

The token of a service identity is read from GATEHOUSE_TOKEN. Callers say what they use the answer for in
`X-Gatehouse-Use` and, where it is limited, for whom in `X-Gatehouse-Population`. A caller with a stable
`X-Gatehouse-Unit` (a customer, a session) meets the same version at every call while the shares stay.

An example to read and to start from: one process, plain HTTP in, counts of the day in memory.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import hashlib
import http.client
import http.server
import json
import os
import secrets
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from desired import Holder, NotBelieved, moment

MAX_BODY = 8 * 1024 * 1024
DROPPED = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "content-length"}


@dataclass(frozen=True)
class Refusal:
    """Why a request is not let through: a status of HTTP, a stable code, and words."""

    status: int
    code: str
    words: str


@dataclass
class Gate:
    """Decides about one request: which target gets it, or why none does."""

    holder: Holder
    backends: dict[str, str]
    region: str
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def choose(self, headers: Any, now: dt.datetime) -> dict[str, Any] | Refusal:
        document = self.holder.current(now)
        if document is None:
            return Refusal(503, "no-desired-state", "What may answer is not known; nothing is let through.")
        if document["suspended"]:
            return Refusal(503, "suspended", "The endpoint is suspended.")
        target = _drawn(document["targets"], headers.get("X-Gatehouse-Unit"))
        if target["version"] not in self.backends:
            return Refusal(503, "no-backend", f"Version {target['version']} is named and does not run here.")
        return self._limited(target, headers, now) or target

    def _limited(self, target: dict[str, Any], headers: Any, now: dt.datetime) -> Refusal | None:
        limits = target["limits"]
        for name, given in (
            ("uses", headers.get("X-Gatehouse-Use")),
            ("regions", self.region),
            ("populations", headers.get("X-Gatehouse-Population")),
        ):
            if limits.get(name) is not None and given not in limits[name]:
                return Refusal(403, f"{name}-limited", f"Not released for {name}: {given or 'not said'}.")
        if limits.get("valid_until") and moment(limits["valid_until"]) <= now:
            return Refusal(403, "over", "The release was valid until " + limits["valid_until"] + ".")
        return self._counted(target, limits.get("highest_volume"), now)

    def _counted(self, target: dict[str, Any], most: int | None, now: dt.datetime) -> Refusal | None:
        key = (target["digest"], now.date().isoformat())
        with self.lock:
            count = self.counts.get(key, 0)
            if most is not None and count >= most:
                return Refusal(429, "volume", f"The highest volume of {most} requests a day is reached.")
            self.counts = {one: n for one, n in self.counts.items() if one[1] == key[1]} | {key: count + 1}
        return None

    def shadows(self, now: dt.datetime) -> list[dict[str, Any]]:
        """Versions that get a copy of the request, whose answers reach nobody."""
        document = self.holder.current(now)
        rows = document["shadow"] if document else []
        return [row for row in rows if row["version"] in self.backends]


def _drawn(targets: list[dict[str, Any]], unit: str | None) -> dict[str, Any]:
    """A target by its share: the same for a unit while the shares stay, else by chance."""
    if unit is None:
        place = secrets.randbelow(10_000)
    else:
        place = int.from_bytes(hashlib.sha256(unit.encode()).digest()[:8], "big") % 10_000
    edge = 0
    for target in targets:
        edge += target["share"] * 100
        if place < edge:
            return target
    return targets[-1]


def call(base: str, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[Any], bytes]:
    """The answer of a backend. Raises OSError or HTTPException."""
    parts = urlsplit(base)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        connection.close()


class Handler(http.server.BaseHTTPRequestHandler):
    gate: Gate

    def handle_any(self) -> None:
        now = dt.datetime.now(dt.UTC)
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY or self.headers.get("Transfer-Encoding"):
            self.refuse(Refusal(413, "body", f"Send a body of a stated length, at most {MAX_BODY} bytes."))
            return
        body = self.rfile.read(int(length))
        chosen = self.gate.choose(self.headers, now)
        if isinstance(chosen, Refusal):
            self.refuse(chosen)
            return
        headers = {key: value for key, value in self.headers.items() if key.lower() not in DROPPED}
        for shadow in self.gate.shadows(now):
            arguments = (self.gate.backends[shadow["version"]], self.command, self.path, headers, body)
            threading.Thread(target=_copy, args=arguments, daemon=True).start()
        self.forward(chosen, headers, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def forward(self, target: dict[str, Any], headers: dict[str, str], body: bytes) -> None:
        try:
            status, found, content = call(self.gate.backends[target["version"]], self.command, self.path, headers, body)
        except (OSError, http.client.HTTPException):
            self.refuse(Refusal(502, "backend", f"Version {target['version']} does not answer."))
            return
        self.send_response(status)
        for key, value in found:
            if key.lower() not in DROPPED:
                self.send_header(key, value)
        self.send_header("X-Gatehouse-Version", target["version"])
        self.send_header("X-Gatehouse-Arm", target["role"])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def refuse(self, refusal: Refusal) -> None:
        body = json.dumps({"code": refusal.code, "detail": refusal.words}).encode()
        self.send_response(refusal.status)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        sys.stderr.write(f"{self.log_date_time_string()} {format % args}\n")


def _copy(base: str, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
    try:
        call(base, method, path, {**headers, "X-Gatehouse-Shadow": "1"}, body)
    except (OSError, http.client.HTTPException):
        return  # a shadow that fails is seen in its own signals; the caller is not concerned


def poll(holder: Holder, seconds: float) -> None:
    """Fetch for ever. What fails is said and tried again; what is held runs out by itself."""
    while True:
        try:
            holder.fetch()
        except (NotBelieved, OSError, ValueError) as error:
            sys.stderr.write(f"desired state: {error}\n")
        time.sleep(seconds)


def server(gate: Gate, port: int) -> http.server.ThreadingHTTPServer:
    """The gateway, ready to serve."""
    handler = type("GateHandler", (Handler,), {"gate": gate})
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portal", required=True)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--key", required=True, help="the portal's public key, base64 (GET /api/v1/desired-state-key)")
    parser.add_argument("--backend", action="append", default=[], metavar="VERSION=URL")
    parser.add_argument("--region", default="")
    parser.add_argument("--port", type=int, default=8088)
    parser.add_argument("--seconds", type=float, default=5)
    given = parser.parse_args()
    url = f"{given.portal.rstrip('/')}/api/v1/endpoints/{given.endpoint}/desired-state"
    holder = Holder(url, os.environ["GATEHOUSE_TOKEN"], given.endpoint, base64.b64decode(given.key))
    threading.Thread(target=poll, args=(holder, given.seconds), daemon=True).start()
    backends = dict(one.split("=", 1) for one in given.backend)
    server(Gate(holder, backends, given.region), given.port).serve_forever()


if __name__ == "__main__":
    main()
