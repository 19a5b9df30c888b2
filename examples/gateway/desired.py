"""Fetch, check and hold the desired state of one endpoint. What cannot be checked is not believed."""

from __future__ import annotations

import base64
import datetime as dt
import json
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import ed25519

PAYLOAD_TYPE = "application/vnd.gatehouse.desired-state+json"
SCHEMA = "gatehouse/desired-state/1"


class NotBelieved(Exception):
    """The document is not signed by the portal, is about another endpoint, or is over."""


def open_envelope(envelope: dict[str, Any], public_key: bytes, endpoint: str) -> dict[str, Any]:
    """The document within. Raises NotBelieved."""
    try:
        payload = base64.b64decode(envelope["payload"], validate=True)
        signatures = [base64.b64decode(one["sig"], validate=True) for one in envelope["signatures"]]
        kind = envelope["payloadType"]
    except (KeyError, TypeError, ValueError) as error:
        raise NotBelieved("This is no signed envelope.") from error
    if kind != PAYLOAD_TYPE:
        raise NotBelieved("The envelope holds something else.")
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    if not any(ed25519.verify(public_key, signed, one) for one in signatures):
        raise NotBelieved("The signature is not by the portal's key.")
    document: dict[str, Any] = json.loads(payload)
    if document.get("schema") != SCHEMA or document.get("endpoint") != endpoint:
        raise NotBelieved("The document is about something else.")
    shares = sum(target["share"] for target in document["targets"])
    if shares != (0 if document["suspended"] else 100):
        raise NotBelieved(f"The shares sum to {shares}.")
    return document


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


@dataclass
class Holder:
    """The newest document that was believed. An older one never replaces it; an expired one counts as none."""

    url: str
    token: str
    endpoint: str
    public_key: bytes
    document: dict[str, Any] | None = None
    etag: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self) -> bool:
        """Ask the portal; whether the document changed. Raises NotBelieved or OSError and keeps what is held."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        if self.etag:
            headers["If-None-Match"] = self.etag
        request = urllib.request.Request(self.url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                body, etag = answer.read(2_000_000), answer.headers.get("ETag", "")
        except urllib.error.HTTPError as error:
            if error.code == 304:
                return False
            raise
        self.take(json.loads(body), etag)
        return True

    def take(self, envelope: dict[str, Any], etag: str = "") -> None:
        """Believe this document from now on. Raises NotBelieved, also for one that is older than what is held."""
        document = open_envelope(envelope, self.public_key, self.endpoint)
        with self.lock:
            if self.document and moment(document["issued_at"]) < moment(self.document["issued_at"]):
                raise NotBelieved("The document is older than the one that is held.")
            self.document, self.etag = document, etag

    def current(self, now: dt.datetime) -> dict[str, Any] | None:
        """The document that holds now, or None: then nothing is let through."""
        with self.lock:
            if self.document is None or moment(self.document["expires_at"]) <= now:
                return None
            return self.document
