"""A key after a loss: two others, each an administrator or of the second line, say that it is the person's own."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from portal.access import Permission, require
from portal.accounts.choices import Kind, PasskeyState
from portal.accounts.models import Passkey, PasskeyApproval, User
from portal.accounts.passkeys import write
from portal.errors import Conflict, PermissionRefused
from portal.ledger.services import record

NEEDED = 2


def _waiting(row: Passkey, actor: User) -> Passkey:
    """The locked key. Raises PermissionRefused for its owner and a service identity, Conflict when it is settled."""
    require(actor, Permission.PORTAL_PASSKEY_APPROVE)
    row = Passkey.objects.select_for_update(of=("self",)).select_related("user").get(pk=row.pk)
    if actor.kind != Kind.PERSON:
        raise PermissionRefused("A service identity approves no key; a person does.", code="not-a-person")
    if row.user_id == actor.pk:
        raise PermissionRefused(
            "This is your own key, so two others must approve it.", code="own-passkey", how="Ask two colleagues."
        )
    if row.state != PasskeyState.WAITING:
        raise Conflict(
            f"This key is settled: {str(row.get_state_display()).lower()}.",
            code="passkey-settled",
            how="Open the list again.",
        )
    return row


@transaction.atomic
def approve_replacement(row: Passkey, *, actor: User) -> Passkey:
    """Say that the key is really its owner's. The second such word brings it into use.

    Raises PermissionRefused, Conflict (settled, or said already).
    """
    row = _waiting(row, actor)
    if row.approvals.filter(person=actor).exists():
        raise Conflict("You approved this key already.", code="passkey-approved", how="Another person must, too.")
    now = timezone.now()
    given = PasskeyApproval.objects.create(passkey=row, person=actor, approved_at=now)
    body = {"user": str(row.user.uuid), "credential": row.credential_id, "public_key_sha256": row.public_key_digest}
    record(actor=actor, event="portal:passkey-approval:given", subject=given, body=body, now=now)
    people = [one.person for one in row.approvals.select_related("person").order_by("pk")]
    if len(people) >= NEEDED:
        row.state, row.enrolled_at = PasskeyState.ACTIVE, now
        row.save(update_fields=["state", "enrolled_at"])
        write(row, "enrolled", actor=actor, now=now, approved_by=[str(one.uuid) for one in people])
    return row


@transaction.atomic
def refuse_replacement(row: Passkey, *, actor: User) -> Passkey:
    """Say that the key is not its owner's: it never counts. One word is enough."""
    row = _waiting(row, actor)
    row.state, row.ended_at = PasskeyState.REFUSED, timezone.now()
    row.save(update_fields=["state", "ended_at"])
    write(row, "refused", actor=actor, now=row.ended_at)
    return row
