"""A view declares the permission of each method; what is not declared is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import permissions
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request

from portal.access import require

if TYPE_CHECKING:  # rest_framework.views itself imports this module, through the settings
    from rest_framework.views import APIView


class DeclaredPermission(permissions.BasePermission):
    """Reads `view.permissions`: a mapping from method to Permission. The service checks the team again."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.user is None:
            return False
        method = "GET" if request.method in ("HEAD", "OPTIONS") else str(request.method)
        declared = getattr(view, "permissions", {})
        if method not in declared:
            if not hasattr(view, method.lower()):
                raise MethodNotAllowed(method)
            return False
        require(request.user, declared[method])
        return True
