"""Renders a pack's document as PDF/A. The same document gives the same bytes, so anybody can render it again."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.template.loader import render_to_string
from weasyprint import HTML, Attachment
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from audits.services import report_view
from portal.ledger.canonical import canonical_bytes

TEMPLATE = "reports/release.html"
ATTACHMENT = "evidence.json"
TYPES = {".css": "text/css", ".woff2": "font/woff2", ".svg": "image/svg+xml"}


class StaticOnly(URLFetcher):
    """Opens style sheets and fonts below `static/` and nothing else: no network, no other file."""

    def __init__(self, root: Path) -> None:
        super().__init__(allowed_protocols=["file"], allow_redirects=False, fail_on_errors=True)
        self._root = root.resolve()

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        parts = urlsplit(url)
        path = Path(unquote(parts.path)).resolve()
        if parts.scheme != "file" or parts.netloc or not path.is_relative_to(self._root):
            raise FatalURLFetchingError(f"a report may not load {url[:200]}")
        kind = TYPES.get(path.suffix)
        if kind is None:
            raise FatalURLFetchingError(f"a report may not load files of kind {path.suffix!r}")
        return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": kind})


def attached(document: dict[str, Any]) -> bytes:
    """The bytes of evidence.json: the document in canonical form (RFC 8785)."""
    return canonical_bytes(document)


def render_html(document: dict[str, Any]) -> str:
    """The report as HTML, from the document alone."""
    return render_to_string(TEMPLATE, {"doc": document, **report_view.view_of(document)})


def render_pdf(document: dict[str, Any]) -> bytes:
    """The report as PDF/A-3a with the document attached, not yet sealed."""
    root = Path(settings.BASE_DIR) / "static"
    html, data = render_html(document), attached(document)
    # The evidence's own time: the clock of this machine must not enter the file.
    at = dt.datetime.fromisoformat(document["pack"]["as_of"])
    attachment = Attachment(string=data, name=ATTACHMENT, relationship="Data", created=at, modified=at)
    identifier = hashlib.sha256(html.encode() + data).hexdigest()[:32].encode()
    page = HTML(string=html, base_url=f"{root.as_uri()}/", url_fetcher=StaticOnly(root))
    pdf = page.write_pdf(pdf_variant="pdf/a-3a", attachments=[attachment], pdf_identifier=identifier)
    assert pdf is not None
    return bytes(pdf)
