"""Bearer tokens for people and service identities."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from portal.accounts.models import User
from portal.accounts.passwords import require_own_password
from portal.accounts.tokens import find_user


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer gh_…`. A bad token is refused, never treated as nobody."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        header = authentication.get_authorization_header(request).split()
        if not header or header[0].lower() != b"bearer":
            return None
        if len(header) != 2:
            raise exceptions.AuthenticationFailed("The Authorization header must be: Bearer TOKEN.")
        user = find_user(header[1].decode("ascii", "replace"), now=timezone.now())
        if user is None:
            raise exceptions.AuthenticationFailed("The token is unknown, expired or revoked.")
        require_own_password(user)
        return user, "token"

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="gatehouse"'


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "portal.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
