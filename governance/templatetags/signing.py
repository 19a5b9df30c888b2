"""What the decision form needs to know about passkeys."""

from __future__ import annotations

from typing import Any

from django import template

from governance.models import Release
from governance.services import statements
from portal.accounts import passkeys_use
from portal.accounts.models import User

register = template.Library()


@register.simple_tag
def signing(release: Release, user: User) -> dict[str, Any]:
    """{"required": …, "keys": how many the reader can sign with}: one query."""
    return {"required": statements.is_required(release), "keys": len(passkeys_use.active_keys(user))}
