"""What a person decides on a release, bound to the digest of the decision that they saw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import CharField
from django.db.models.functions import Cast
from django.utils import timezone

from catalog.services.endpoints import lock_endpoint
from governance import seats
from governance.choices import DecisionChoice, ReleaseState
from governance.models import Approval, Release, Sitting
from governance.services import lifecycle, statements
from governance.services.approval_checks import (
    APPROVING,
    Sat,
    check_form,
    check_owners,
    check_person,
    check_state,
    opinion_of,
)
from governance.services.conditions import ConditionDraft, record_condition
from governance.services.decisions import Asked
from governance.services.lifecycle import move
from governance.services.releases import assess_locked, servers_first
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import DomainError
from portal.ledger.models import LedgerEntry
from portal.ledger.services import record

EXPIRED = "governance:approval:expired"
BATCH = 200
__all__ = ["APPROVING", "ConditionDraft", "decide_release", "flag_expired", "give"]


def decide_release(
    release: Release,
    *,
    actor: User,
    role: str,
    choice: str,
    decision_digest: str,
    reason: str = "",
    conditions: Sequence[ConditionDraft] = (),
    opinion: str = "",
    signature: statements.Signed | None = None,
) -> Approval:
    """Record what the actor decides in this role about the decision with this digest.

    The gates run again first, so that nobody approves yesterday's facts. An approval that fills the last seat
    opens the deployment in the same transaction. opinion: what validation says, where its seat is asked for one.
    signature: the person's passkey over exactly this; some tiers ask for it. Raises Conflict when the state, the
    decision or the signed statement moved on, naming the fields that changed; PermissionRefused where duties must
    stay apart or a signature is missing or does not hold; InvalidInput for a bad form.
    """
    check_form(role, choice, reason.strip(), conditions, opinion)
    require(actor, Permission.GOVERNANCE_RELEASE_DECIDE, release.version.model.team_id)
    check_owners(release, conditions)
    said = DecisionChoice(choice)

    @transaction.atomic
    def act(asked: Asked) -> Approval | DomainError:
        lock_endpoint(release.endpoint_id)
        row = assess_locked(release.pk, asked=asked)
        try:
            check_state(row, said, decision_digest)
            sat = check_person(row, actor, role, said, seats.load(row), sitting=False)
            found = opinion_of(sat, said, opinion)
            deed = statements.Deed(row, actor, sat, said, reason.strip(), found, conditions)
            signed = statements.check(signature, deed)
        except DomainError as error:
            return error
        given = give(row, sat, actor=actor, choice=said, reason=deed.reason, opinion=found, drafts=conditions)
        statements.keep(given, signed, actor=actor, now=given.decided_at)
        return given

    done = servers_first(release, act)
    # What the gates found stays true although this act is refused, so the refusal is raised after the commit.
    if isinstance(done, DomainError):
        raise done
    return done


def give(
    release: Release,
    sat: Sat,
    *,
    actor: User,
    choice: DecisionChoice,
    reason: str,
    opinion: str = "",
    drafts: Sequence[ConditionDraft] = (),
    sitting: Sitting | None = None,
) -> Approval:
    """Fill the seat in the caller's transaction, which holds the locks and has checked all."""
    assert release.decision is not None
    now = timezone.now()
    approval = Approval.objects.create(
        release=release,
        decision=release.decision,
        decision_digest=release.decision.digest,
        person=actor,
        role=sat.state.role,
        choice=choice,
        reason=reason,
        decided_at=now,
        opinion=opinion,
        valid_until=now + timedelta(days=seats.valid_days(sat.state.demand, release.decision)),
        delegation=sat.lent,
        sitting=sitting,
    )
    _record(approval, actor=actor, now=now)
    for condition in drafts:
        record_condition(release, condition, actor=actor, approval=approval, now=now)
    _follow(release, approval, actor=actor, now=now)
    return approval


def _record(approval: Approval, *, actor: User, now: datetime) -> None:
    body = {
        "release": approval.release.public_id,
        "decision_digest": approval.decision_digest,
        "role": approval.role,
        "choice": str(approval.choice),
    }
    if approval.opinion:
        body["opinion"] = approval.opinion
    if approval.delegation is not None:
        body["in_place_of"] = str(approval.delegation.giver.uuid)
    if approval.sitting is not None:
        body["sitting"] = str(approval.sitting.pk)
    personal = {"reason": approval.reason} if approval.reason else None
    record(actor=actor, event="governance:approval:given", subject=approval, body=body, personal=personal, now=now)


def _follow(release: Release, approval: Approval, *, actor: User, now: datetime) -> None:
    """What the decision does to the release."""
    if release.state == ReleaseState.LIVE:
        # A renewed approval of what is live changes no deployment.
        return
    if approval.choice == DecisionChoice.REJECT:
        move(release, ReleaseState.REJECTED, actor=actor, now=now, event="governance:release:rejected")
    elif approval.choice == DecisionChoice.CHANGES:
        move(release, ReleaseState.CHANGES_ASKED, actor=actor, now=now, event="governance:release:changes-asked")
    elif all(seat.is_filled for seat in seats.seats_of(release, seats.load(release))):
        lifecycle.approved(release, actor=actor, now=now)


@transaction.atomic
def flag_expired() -> int:
    """Record, once each, that an approval of a live release is past its day: its seat is open again; how many."""
    flagged = LedgerEntry.objects.filter(event=EXPIRED, subject_type=Approval.ledger_type).values("subject_id")
    rows = (
        Approval.objects.filter(
            release__state=ReleaseState.LIVE, valid_until__lte=timezone.now(), choice__in=[str(c) for c in APPROVING]
        )
        .annotate(key=Cast("pk", CharField()))
        .exclude(key__in=flagged)
        .select_related("release__version__model")
        .order_by("pk")[:BATCH]
    )
    found = list(rows)
    for row in found:
        assert row.valid_until is not None
        body = {"release": row.release.public_id, "role": row.role, "valid_until": row.valid_until.isoformat()}
        record(actor=None, event=EXPIRED, subject=row, body=body)
    return len(found)
