"""Conditions: open one with an approval or beside it, and close it with what shows that it is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from governance.choices import ENDED_STATES, ConditionState, Overdue
from governance.models import Approval, Condition, Finding, Release
from governance.policies import condition_owners
from portal.access import Permission, holds_role, require
from portal.accounts.choices import Role
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.services import record


@dataclass(frozen=True)
class ConditionDraft:
    """A condition to be made: what, by whom, until when, shown by what, and what follows when it is not done."""

    text: str
    owner: User
    due_on: date
    proof_wanted: str = ""
    on_overdue: str = Overdue.FLAG


def check_condition(draft: ConditionDraft) -> None:
    """Raises InvalidInput for a condition that is not complete."""
    if not draft.text.strip() or draft.due_on <= timezone.now().date():
        how = "Write what must be done, and a day after today."
        raise InvalidInput("A condition is not complete.", code="condition-invalid", field="conditions", how=how)
    check_overdue(draft.on_overdue)


def check_overdue(what: str) -> None:
    """Raises InvalidInput where it is not known what should follow when something is overdue."""
    if what not in Overdue.values:
        how = f"One of: {', '.join(Overdue.values)}."
        raise InvalidInput(f"{what!r} does not happen.", code="overdue-unknown", field="on_overdue", how=how)


def check_owner(release: Release, owner: User) -> None:
    """Raises InvalidInput for an owner who has no part in the model's team."""
    if not condition_owners(release).filter(pk=owner.pk).exists():
        raise InvalidInput(
            "This person has no part in the model's team, so cannot be given anything to do here.",
            code="condition-owner",
            field="owner",
            how="Name an active person with a role in the model's team or in the whole organisation.",
        )


def record_condition(
    release: Release, draft: ConditionDraft, *, actor: User, now: datetime, approval: Approval | None = None
) -> Condition:
    """Open a condition in the caller's transaction; with the approval that brings it, or beside one."""
    row = Condition.objects.create(
        approval=approval,
        release=release,
        set_by=actor,
        text=draft.text.strip(),
        owner=draft.owner,
        due_on=draft.due_on,
        proof_wanted=draft.proof_wanted.strip(),
        on_overdue=draft.on_overdue,
    )
    body = {
        "release": release.public_id,
        "owner": str(draft.owner.uuid),
        "due_on": draft.due_on.isoformat(),
        "on_overdue": str(row.on_overdue),
    }
    personal = {"text": row.text}
    record(actor=actor, event="governance:condition:opened", subject=row, body=body, personal=personal, now=now)
    return row


@transaction.atomic
def open_condition(release: Release, draft: ConditionDraft, *, actor: User) -> Condition:
    """Set a condition on a release that is not over, beside an approval; the second line only.

    Raises Conflict for a release that is over, InvalidInput for an incomplete condition.
    """
    require(actor, Permission.GOVERNANCE_RELEASE_HOLD, release.version.model.team_id)
    check_condition(draft)
    check_owner(release, draft.owner)
    release = Release.objects.select_for_update(of=("self",)).select_related("version__model").get(pk=release.pk)
    if release.state in ENDED_STATES:
        raise Conflict(f"{release} is over.", code="release-over", how="Set it on the release that is live now.")
    return record_condition(release, draft, actor=actor, now=timezone.now())


def check_closing(row: Condition | Finding, *, actor: User, setter_id: int, team: int, proof: str) -> None:
    """Only who set it, or validation, closes it; never its owner; once; and with proof."""
    what = row._meta.model_name
    if actor.pk == row.owner_id:
        raise PermissionRefused(
            f"Who must meet a {what} does not close it.",
            code=f"own-{what}",
            how="Show what is done to who set it, or to validation.",
        )
    if actor.pk != setter_id and not holds_role(actor, Role.VALIDATOR, team):
        raise PermissionRefused(
            f"A {what} is closed by who set it, or by validation.",
            code=f"not-your-{what}",
            how="Show them what is done.",
        )
    if row.state == ConditionState.CLOSED:
        raise Conflict(f"The {what} is closed already.", code=f"{what}-closed", how="There is nothing to do.")
    if not proof.strip():
        raise InvalidInput("What shows that it is done?", code="proof-missing", field="proof", how="Name the evidence.")


@transaction.atomic
def close_condition(condition: Condition, *, actor: User, proof: str) -> Condition:
    """Only who set the condition, or validation, may close it; never its owner alone."""
    row = (
        Condition.objects.select_for_update(of=("self",))
        .select_related("approval__person", "set_by", "release__version__model")
        .get(pk=condition.pk)
    )
    check_closing(row, actor=actor, setter_id=row.setter.pk, team=row.release.version.model.team_id, proof=proof)
    row.state, row.proof, row.closed_by, row.closed_at = ConditionState.CLOSED, proof.strip(), actor, timezone.now()
    row.save(update_fields=["state", "proof", "closed_by", "closed_at"])
    body = {"release": row.release.public_id}
    record(actor=actor, event="governance:condition:closed", subject=row, body=body, personal={"proof": row.proof})
    return row
