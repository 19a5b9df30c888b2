"""What the catalog's lists share: a page of rows, and the same rows as a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

from django.core.paginator import Page as RowPage
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

PER_PAGE = 50
MAX_EXPORT = 10_000


def page_of(request: HttpRequest, rows: QuerySet) -> RowPage:
    """The page that `?page=` names; the nearest one for a number that does not exist."""
    return Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))


def _cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def as_csv(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """The rows as a CSV file with a header, UTF-8."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return _file(out.getvalue(), f"{name}.csv", "text/csv; charset=utf-8")


def as_json(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """The rows as a JSON file: when it was made, and one object a row."""
    body = {
        "made_at": timezone.now().isoformat(timespec="seconds"),
        "results": [dict(zip(header, r, strict=True)) for r in rows],
    }
    return _file(json.dumps(body, indent=2, default=str), f"{name}.json", "application/json")


def _file(text: str, name: str, content_type: str) -> HttpResponse:
    response = HttpResponse(text, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
