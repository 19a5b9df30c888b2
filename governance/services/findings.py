"""Findings: raised by the second line or an auditor, closed by validation with proof."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.utils import timezone

from catalog.models import ModelVersion
from governance.choices import ConditionState, Overdue, Severity
from governance.models import Finding, Release
from governance.policies import team_people
from governance.services.conditions import check_closing, check_overdue
from portal.access import Permission, holds_role, require
from portal.accounts.choices import Role
from portal.accounts.models import User
from portal.errors import InvalidInput, PermissionRefused
from portal.ledger.services import record


@dataclass(frozen=True)
class FindingDraft:
    """What is wrong, how bad, why, who mends it until when, shown by what, and what follows when it is not done."""

    text: str
    severity: str
    owner: User
    due_on: date
    cause: str = ""
    proof_wanted: str = ""
    on_overdue: str = Overdue.FLAG


@transaction.atomic
def raise_finding(
    version: ModelVersion, draft: FindingDraft, *, actor: User, release: Release | None = None
) -> Finding:
    """Record what was found on the version, seen at a release or apart from one.

    Raises PermissionRefused for the first line, InvalidInput for a finding that is not complete.
    """
    require(actor, Permission.GOVERNANCE_FINDING_RAISE, version.model.team_id)
    _check(version, draft, release)
    now = timezone.now()
    row = Finding.objects.create(
        version=version,
        release=release,
        severity=draft.severity,
        text=draft.text.strip(),
        cause=draft.cause.strip(),
        raised_by=actor,
        raised_at=now,
        owner=draft.owner,
        due_on=draft.due_on,
        proof_wanted=draft.proof_wanted.strip(),
        on_overdue=draft.on_overdue,
    )
    body = {
        "version": version.pk,
        "release": release.public_id if release else None,
        "severity": str(row.severity),
        "owner": str(draft.owner.uuid),
        "due_on": draft.due_on.isoformat(),
    }
    personal = {"text": row.text} | ({"cause": row.cause} if row.cause else {})
    record(actor=actor, event="governance:finding:raised", subject=row, body=body, personal=personal, now=now)
    return row


def _check(version: ModelVersion, draft: FindingDraft, release: Release | None) -> None:
    if not draft.text.strip() or draft.due_on <= timezone.now().date():
        how = "Write what is wrong, and a day after today."
        raise InvalidInput("The finding is not complete.", code="finding-invalid", field="text", how=how)
    if draft.severity not in Severity.values:
        how = f"One of: {', '.join(Severity.values)}."
        raise InvalidInput(f"{draft.severity!r} is no severity.", code="severity-unknown", field="severity", how=how)
    check_overdue(draft.on_overdue)
    if release is not None and release.version_id != version.pk:
        how = "Name a release of the version."
        raise InvalidInput(f"{release} is of another version.", code="finding-release", field="release", how=how)
    if not team_people(version.model.team_id).filter(pk=draft.owner.pk).exists():
        raise InvalidInput(
            "This person has no part in the model's team, so cannot be given a finding.",
            code="finding-owner",
            field="owner",
            how="Name an active person with a role in the model's team or in the whole organisation.",
        )


@transaction.atomic
def close_finding(finding: Finding, *, actor: User, proof: str) -> Finding:
    """Validation closes a finding, with proof; never its owner."""
    rows = Finding.objects.select_for_update(of=("self",)).select_related("version__model", "release")
    row = rows.get(pk=finding.pk)
    team = row.version.model.team_id
    if not holds_role(actor, Role.VALIDATOR, team):
        raise PermissionRefused(
            "A finding is closed by validation.", code="not-your-finding", how="Show a validator what is done."
        )
    check_closing(row, actor=actor, setter_id=row.raised_by_id, team=team, proof=proof)
    row.state, row.proof, row.closed_by, row.closed_at = ConditionState.CLOSED, proof.strip(), actor, timezone.now()
    row.save(update_fields=["state", "proof", "closed_by", "closed_at"])
    body = {"version": row.version_id, "release": row.release.public_id if row.release else None}
    record(actor=actor, event="governance:finding:closed", subject=row, body=body, personal={"proof": row.proof})
    return row
