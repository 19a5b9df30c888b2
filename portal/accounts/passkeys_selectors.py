"""Reading passkeys: one's own, and those that wait for two other people."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet

from portal.access import Permission, can
from portal.accounts.choices import PasskeyState
from portal.accounts.models import Passkey, PasskeyApproval, User
from portal.errors import NotFound


def keys_of(actor: User) -> QuerySet[Passkey]:
    """The actor's own keys, ended ones too, newest first, with who approved them."""
    given = Prefetch("approvals", queryset=PasskeyApproval.objects.select_related("person").order_by("pk"))
    return Passkey.objects.filter(user=actor).prefetch_related(given).order_by("-pk")


def own_key(actor: User, pk: int) -> Passkey:
    """Raises NotFound, also for somebody else's key."""
    return _found(keys_of(actor).filter(pk=pk).first())


def waiting_for(actor: User) -> QuerySet[Passkey]:
    """Keys of others that wait for approval; none for who may not approve. Those that the actor approved come, too."""
    given = Prefetch("approvals", queryset=PasskeyApproval.objects.select_related("person").order_by("pk"))
    rows = Passkey.objects.filter(state=PasskeyState.WAITING).exclude(user=actor)
    rows = rows.select_related("user").prefetch_related(given).order_by("pk")
    return rows if can(actor, Permission.PORTAL_PASSKEY_APPROVE) else rows.none()


def waiting_key(actor: User, pk: int) -> Passkey:
    """A key that the actor could say something about; also a settled one and their own, which the act refuses."""
    row = Passkey.objects.select_related("user").filter(pk=pk, is_replacement=True).first()
    return _found(row if can(actor, Permission.PORTAL_PASSKEY_APPROVE) else None)


def _found(row: Passkey | None) -> Passkey:
    if row is None:
        raise NotFound("There is no such passkey for you.", code="no-passkey", how="See the list of your passkeys.")
    return row
