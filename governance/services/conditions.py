"""Close a condition with what shows that it is done."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from governance.choices import ConditionState
from governance.models import Condition
from portal.access import holds_role
from portal.accounts.choices import Role
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.services import record


@transaction.atomic
def close_condition(condition: Condition, *, actor: User, proof: str) -> Condition:
    """Only who set the condition, or validation, may close it; never its owner alone."""
    row = (
        Condition.objects.select_for_update(of=("self",))
        .select_related("approval", "release__version__model")
        .get(pk=condition.pk)
    )
    team = row.release.version.model.team_id
    if actor.pk == row.owner_id:
        raise PermissionRefused(
            "Who must meet a condition does not close it.",
            code="own-condition",
            how="Show what is done to who set it, or to validation.",
        )
    if actor.pk != row.approval.person_id and not holds_role(actor, Role.VALIDATOR, team):
        raise PermissionRefused(
            "A condition is closed by who set it, or by validation.",
            code="not-your-condition",
            how="Show them what is done.",
        )
    if row.state == ConditionState.CLOSED:
        raise Conflict("The condition is closed already.", code="condition-closed", how="There is nothing to do.")
    if not proof.strip():
        raise InvalidInput("What shows that it is done?", code="proof-missing", field="proof", how="Name the evidence.")
    row.state, row.proof, row.closed_by, row.closed_at = ConditionState.CLOSED, proof.strip(), actor, timezone.now()
    row.save(update_fields=["state", "proof", "closed_by", "closed_at"])
    body = {"release": row.release.public_id}
    record(actor=actor, event="governance:condition:closed", subject=row, body=body, personal={"proof": row.proof})
    return row
