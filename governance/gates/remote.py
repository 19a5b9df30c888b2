"""The portal's API as the command line speaks to it: fetch the bundle in force, send a draft.

The token goes to the host that was named and to no other: a redirect to another origin is an error, a redirect
of a POST too. Plain http is for this machine, unless it is allowed by name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from governance.gates.bundle import MAX_BYTES
from governance.gates.errors import GateError

BUNDLE_PATH = "/api/v1/policies/bundle"
DRAFTS_PATH = "/api/v1/policy-drafts"
TIMEOUT_SECONDS = 20.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,500}", re.ASCII)
_HERE = {"localhost", "127.0.0.1", "::1"}


class RemoteError(GateError):
    """The portal could not be asked, or refused. `status` is its HTTP status, 0 where there was no answer."""

    def __init__(self, message: str, *, how: str = "", status: int = 0) -> None:
        super().__init__(message, how=how)
        self.status = status


class _SameOrigin(HTTPRedirectHandler):
    """Follows a redirect of a GET within the origin; anything else ends the request."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        if req.get_method() != "GET" or _origin(newurl) != _origin(req.full_url):
            text = f"The server redirects to {urljoin(req.full_url, newurl)[:200]}."
            raise RemoteError(text, how="Give that address itself, if it is the portal.", status=code)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), port


def read_token(env: str, file: Path | None, environ: Mapping[str, str] = os.environ) -> str:
    """The API token from a file, else from an environment variable. Raises RemoteError."""
    if file is not None:
        try:
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise RemoteError(f"The token file {file} cannot be read: {error}") from error
        where = f"in {file}"
    else:
        token, where = environ.get(env, "").strip(), f"in the environment variable {env}"
    if not _TOKEN.fullmatch(token):
        how = "Put a token of the portal there: profile, API tokens."
        raise RemoteError(f"There is no API token {where}.", how=how)
    return token


class Portal:
    """One portal, asked with one token. Raises RemoteError for whatever goes wrong."""

    def __init__(self, url: str, token: str, *, timeout: float = TIMEOUT_SECONDS, allow_http: bool = False) -> None:
        self.base = _checked(url, allow_http)
        self._token = token
        self._timeout = timeout
        # What is on this machine is asked itself: a proxy would read the token.
        here = [ProxyHandler({})] if urlsplit(self.base).hostname in _HERE else []
        self._opener: OpenerDirector = build_opener(_SameOrigin, *here)

    def bundle(self) -> bytes:
        """The bytes of the bundle in force."""
        return self._ask("GET", BUNDLE_PATH, None)[1]

    def draft(self, source: str, *, reason: str, git: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Send a policy's text as a draft; the portal's {"id", "url", "state"}."""
        body = {"source": source, "reason": reason} | ({"git": dict(git)} if git else {})
        status, data = self._ask("POST", DRAFTS_PATH, json.dumps(body).encode())
        try:
            found = json.loads(data)
            return {"id": str(found["id"]), "url": str(found["url"]), "state": str(found["state"])}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise RemoteError(f"The portal's answer ({status}) is not understood.", status=status) from error

    def absolute(self, url: str) -> str:
        """An address of the portal as it can be opened; empty for one that leads elsewhere."""
        found = urljoin(f"{self.base}/", url)
        return found if _origin(found) == _origin(self.base) else ""

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        # The scheme was checked to be http or https when the portal was named.
        request = Request(self.base + path, data=body, headers=headers, method=method)  # noqa: S310
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                data = response.read(MAX_BYTES + 1)
                status = int(response.status)
        except HTTPError as error:
            with error:
                raise _refused(error.code, error.read(64 * 1024)) from error
        except (URLError, HTTPException, OSError, ValueError) as error:
            said = getattr(error, "reason", None) or error
            raise RemoteError(
                f"{self.base} cannot be reached: {said}", how="Check the address and the network."
            ) from error
        if len(data) > MAX_BYTES:
            raise RemoteError(f"The portal's answer is larger than {MAX_BYTES} bytes.", status=status)
        return status, data


def _checked(url: str, allow_http: bool) -> str:
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port != 0
    except ValueError as error:
        raise RemoteError(
            f"The address is no URL: {error}", how="Give one such as https://gatehouse.example."
        ) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise RemoteError("The address is no http(s) URL.", how="Give one such as https://gatehouse.example.")
    if parts.username is not None or parts.query or parts.fragment:
        how = "Give the address alone; the token comes from the environment or a file."
        raise RemoteError("The address holds more than a host and a path.", how=how)
    if parts.scheme == "http" and parts.hostname not in _HERE and not allow_http:
        how = "Use https, or say --allow-http where the network between is trusted."
        raise RemoteError("The token would cross the network in the clear.", how=how)
    return url.rstrip("/")


def _refused(status: int, data: bytes) -> RemoteError:
    """The portal's own words (RFC 9457), where it gave any."""
    try:
        said = json.loads(data)
        detail, how = said.get("detail") or said.get("title"), said.get("how") or ""
    except (ValueError, AttributeError, RecursionError):
        detail, how = None, ""
    words = {401: "The token is not accepted.", 403: "The token may not do this.", 404: "The portal has no such API."}
    text = detail if isinstance(detail, str) and detail else words.get(status, "The portal refused.")
    if 300 <= status < 400:
        text = "The server redirects in a circle, or to no http(s) address."
    return RemoteError(f"{status}: {text[:1000]}", how=str(how)[:1000], status=status)
