"""The base of every API view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.access import Permission
from portal.accounts.models import User
from portal.errors import InvalidInput

PAGE_SIZE = 50
MAX_PAGE_SIZE = 200


class GatehouseView(APIView):
    """An API view. `permissions` names what each method needs; start-up fails where one is missing."""

    permissions: ClassVar[Mapping[str, Permission]] = {}

    @property
    def actor(self) -> User:
        return self.request.user  # type: ignore[return-value]


def keyset_page(request: Request, rows: QuerySet, *, serialize: Any, key: str = "pk") -> Response:
    """One page, newest first, by key: `?after=ID&limit=N`. The cost does not grow with the page number."""
    raw, limit = request.query_params.get("after"), request.query_params.get("limit", PAGE_SIZE)
    try:
        size = min(max(int(limit), 1), MAX_PAGE_SIZE)
        after = int(raw) if raw else None
    except ValueError as error:
        raise InvalidInput("after and limit are whole numbers.", code="bad-page", field="after") from error
    if after is not None:
        rows = rows.filter(**{f"{key}__lt": after})
    found = list(rows.order_by(f"-{key}")[: size + 1])
    more = len(found) > size
    found = found[:size]
    return Response(
        {"results": [serialize(row) for row in found], "next": getattr(found[-1], key) if more and found else None}
    )
