"""What collections of the API do alike: list what the reader may see, register what the request describes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from catalog.api.lookups import team_for
from portal.access import Permission
from portal.accounts.models import User
from portal.api.views import keyset_page

PAGING = [
    OpenApiParameter("after", int, description="`next` of the page before"),
    OpenApiParameter("limit", int),
]
Row = TypeVar("Row", bound=Model)


def listed(request: Request, rows: QuerySet, out: type[BaseSerializer]) -> Response:
    """One page of the rows, newest first."""
    return keyset_page(request, rows, serialize=lambda row: out(row).data)


def checked(request: Request, form: type[BaseSerializer]) -> dict[str, Any]:
    """The fields of the request. Raises ValidationError, which names each field that is wrong."""
    given = form(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def register_in_team(
    act: Callable[..., Row], fields: dict[str, Any], *, actor: User, permission: Permission, **more: Any
) -> Row:
    """Do the act for the team that the fields name; for the actor's only team with that permission if they name none.

    Raises InvalidInput where the team is unknown or must be named, and what the act raises.
    """
    team = team_for(actor, fields.pop("team"), permission)
    return act(actor=actor, team=team, **fields, **more)


def created(body: Any, address: str = "") -> Response:
    """201 with the address of what was registered: the one given, else the body's own."""
    return Response(body, status=201, headers={"Location": address or body["url"]})
