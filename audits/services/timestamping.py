"""Asks a time-stamping authority (RFC 3161) for a token: the one outgoing request of the portal.

Guarded: https only, no redirect is followed, a time limit, and an answer of limited size.
"""

from __future__ import annotations

import asyncio
import http.client
import ssl
from urllib.parse import urlsplit

from asn1crypto import tsp
from pyhanko.sign.timestamps import TimeStamper

from portal.errors import Unavailable

TIMEOUT = 10.0
MAX_ANSWER = 64 * 1024
HOW = "Check GATEHOUSE_TSA_URL and whether this machine reaches it, then make the pack again."


class GuardedTimeStamper(TimeStamper):
    """A TSA client over https. Raises Unavailable when the address is not https or the answer is not usable."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        super().__init__()
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.username:
            raise Unavailable(
                "The time-stamping authority's address is not an https address.", code="tsa-not-https", how=HOW
            )
        self._host, self._port, self._timeout = parts.hostname, parts.port or 443, timeout
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        body = await asyncio.to_thread(self._post, req.dump())
        return tsp.TimeStampResp.load(body)

    def _post(self, body: bytes) -> bytes:
        connection = http.client.HTTPSConnection(
            self._host, self._port, timeout=self._timeout, context=ssl.create_default_context()
        )
        try:
            connection.request("POST", self._path, body, {"Content-Type": "application/timestamp-query"})
            answer = connection.getresponse()
            content = answer.read(MAX_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"The time-stamping authority does not answer: {type(error).__name__}.", code="tsa-unreachable", how=HOW
            ) from error
        finally:
            connection.close()
        if answer.status != 200 or len(content) > MAX_ANSWER:
            raise Unavailable(
                f"The time-stamping authority answered {answer.status} with {len(content)} bytes.",
                code="tsa-bad-answer",
                how=HOW,
            )
        return content
