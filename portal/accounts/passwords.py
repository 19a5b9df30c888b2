"""Passwords: chosen by the person, or given once by an administrator. Neither a password nor its hash is recorded."""

from __future__ import annotations

import secrets

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from portal.access import Permission, require
from portal.accounts.choices import Kind
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.services import record


def random_password() -> str:
    """A first password of 96 random bits, to be shown once."""
    return secrets.token_urlsafe(12)


def refuse_demo(user: User) -> None:
    """All demo people share the password that each start prints; a changed one would lock the others' reader out."""
    if user.is_demo:
        raise Conflict(
            "The password of a demo account cannot be changed: the demo prints it at each start.",
            code="demo-account",
            how="Make accounts of your own, and remove the demo with ./gatehouse demo remove.",
        )


@transaction.atomic
def change_password(*, actor: User, current: str, new: str) -> User:
    """Choose one's own password; ends the other sessions, because each carries the old one.

    Raises InvalidInput for a wrong current or a weak new password, Conflict for a demo account.
    """
    refuse_demo(actor)
    user = User.objects.select_for_update().get(pk=actor.pk)
    if not user.check_password(current):
        raise InvalidInput("This is not your password.", code="password-wrong", field="oldpassword")
    if current == new:
        raise InvalidInput(
            "This is the password you have.", code="password-same", field="password1", how="Choose another."
        )
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages), code="password-weak", field="password1") from error
    user.set_password(new)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])
    record(actor=user, event="portal:user:password-changed", subject=user, body={})
    return user


@transaction.atomic
def reset_password(user: User, *, actor: User) -> str:
    """Give a person a fresh first password and return it: shown once, to be changed at the next log-in.

    Ends the person's sessions; tokens are refused until the person has chosen a password.
    """
    require(actor, Permission.PORTAL_USER_MANAGE)
    user = User.objects.select_for_update().get(pk=user.pk)
    if user.kind != Kind.PERSON:
        raise InvalidInput("A service identity has no password.", code="no-password", how="Make it a new token.")
    if user == actor:
        raise Conflict("This is your own account.", code="own-account", how="Choose Password in the account menu.")
    refuse_demo(user)
    password = random_password()
    user.set_password(password)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password"])
    record(actor=actor, event="portal:user:password-reset", subject=user, body={})
    return password


def require_own_password(user: User) -> None:
    """Raises PermissionRefused while the password is one that somebody else has given."""
    if user.must_change_password:
        raise PermissionRefused(
            "The password of this account was given by an administrator and has not been changed yet.",
            code="password-change-required",
            how="Log in to the portal and choose a password; then the token works again.",
        )
