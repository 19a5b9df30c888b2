"""What a person decides on a release, bound to the digest of the decision that they saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from catalog.services.endpoints import lock_endpoint, open_deployment
from governance import policies, seats
from governance.choices import BLOCKING, DECIDING_ROLES, DecisionChoice, ReleaseState
from governance.models import Approval, Condition, Release
from governance.services.decisions import Asked
from governance.services.releases import assess_locked, lock_release, move, servers_first
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import Conflict, DomainError, InvalidInput, PermissionRefused
from portal.ledger.services import record

APPROVING = (DecisionChoice.APPROVE, DecisionChoice.CONDITIONS)


@dataclass(frozen=True)
class ConditionDraft:
    """A condition to be made with an approval: what, by whom, until when."""

    text: str
    owner: User
    due_on: date


def decide_release(
    release: Release,
    *,
    actor: User,
    role: str,
    choice: str,
    decision_digest: str,
    reason: str = "",
    conditions: Sequence[ConditionDraft] = (),
) -> Approval:
    """Record what the actor decides in this role about the decision with this digest.

    The gates run again first, so that nobody approves yesterday's facts. An approval that fills the last seat
    opens the deployment in the same transaction. Raises Conflict when the state or the decision moved on, naming
    the fields that changed; PermissionRefused where duties must stay apart; InvalidInput for a bad form.
    """
    _check_form(role, choice, reason.strip(), conditions)
    require(actor, Permission.GOVERNANCE_RELEASE_DECIDE, release.version.model.team_id)
    _check_owners(release, conditions)

    @transaction.atomic
    def act(asked: Asked) -> Approval | DomainError:
        lock_endpoint(release.endpoint_id)
        row = assess_locked(release.pk, asked=asked)
        refused = _refusal(row, actor, role, DecisionChoice(choice), decision_digest)
        return refused or _decide(row, actor, role, DecisionChoice(choice), reason.strip(), conditions)

    found = servers_first(release, act)
    # What the gates found stays true although this act is refused, so the refusal is raised after the commit.
    if isinstance(found, DomainError):
        raise found
    return found


def _refusal(release: Release, actor: User, role: str, choice: DecisionChoice, digest: str) -> DomainError | None:
    try:
        _check_state(release, choice, digest)
        _check_person(release, actor, role, seats.seats_of(release, seats.load(release)))
    except DomainError as error:
        return error
    return None


def _check_form(role: str, choice: str, reason: str, conditions: Sequence[ConditionDraft]) -> None:
    if choice not in DecisionChoice.values:
        how = f"One of: {', '.join(DecisionChoice.values)}."
        raise InvalidInput(f"{choice!r} is no decision.", code="choice-unknown", field="choice", how=how)
    if role not in DECIDING_ROLES:
        how = f"One of: {', '.join(DECIDING_ROLES)}."
        raise InvalidInput(f"{role!r} is no role that decides.", code="role-unknown", field="role", how=how)
    if choice != DecisionChoice.APPROVE and not reason:
        raise InvalidInput("A reason is needed.", code="reason-missing", field="reason", how="Say why in a sentence.")
    if choice == DecisionChoice.CONDITIONS and not conditions:
        how = "Say what must be done, by whom and until when; or approve without."
        raise InvalidInput("There is no condition.", code="conditions-missing", field="conditions", how=how)
    if choice != DecisionChoice.CONDITIONS and conditions:
        how = "Choose: approve with conditions."
        raise InvalidInput("Conditions go with an approval only.", code="conditions-odd", field="conditions", how=how)
    for condition in conditions:
        if not condition.text.strip() or condition.due_on <= timezone.now().date():
            how = "Write what must be done, and a day after today."
            raise InvalidInput("A condition is not complete.", code="condition-invalid", field="conditions", how=how)


def _check_owners(release: Release, conditions: Sequence[ConditionDraft]) -> None:
    """A condition goes to somebody who takes part here. Raises InvalidInput naming the first that does not."""
    allowed = set(policies.condition_owners(release).values_list("pk", flat=True)) if conditions else set()
    for index, condition in enumerate(conditions):
        if condition.owner.pk not in allowed:
            raise InvalidInput(
                "This person has no part in the model's team, so cannot be given a condition.",
                code="condition-owner",
                field=f"conditions[{index}].owner",
                how="Name an active person with a role in the model's team or in the whole organisation.",
            )


def _decide(
    release: Release,
    actor: User,
    role: str,
    choice: DecisionChoice,
    reason: str,
    conditions: Sequence[ConditionDraft],
) -> Approval:
    assert release.decision is not None
    now = timezone.now()
    approval = Approval.objects.create(
        release=release,
        decision=release.decision,
        decision_digest=release.decision.digest,
        person=actor,
        role=role,
        choice=choice,
        reason=reason,
        decided_at=now,
    )
    _record(approval, actor=actor, now=now)
    for condition in conditions:
        _open_condition(approval, condition, actor=actor, now=now)
    _follow(release, approval, actor=actor, now=now)
    return approval


def _check_state(release: Release, choice: DecisionChoice, digest: str) -> None:
    if release.state not in (ReleaseState.IN_REVIEW, ReleaseState.LIVE):
        raise Conflict(
            f"{release} is {str(release.get_state_display()).lower()}: there is nothing to decide now.",
            code="not-in-review",
            how="Open the release again; somebody or a gate was first.",
            details={"state": release.state},
        )
    assert release.decision is not None
    if release.state == ReleaseState.LIVE and choice not in APPROVING:
        raise Conflict(
            f"{release} is live: its approvals can only be renewed.",
            code="already-live",
            how="Request a release of the version that should replace it.",
        )
    if release.decision.verdict in BLOCKING:
        raise Conflict(
            "A gate refuses it; an approval cannot change that.",
            code="gate-refuses",
            how="Supply the fact that the rule names.",
        )
    if release.decision.digest == digest:
        return
    changed = seats.changes_since(digest, release)
    fields = "; ".join(f"{one.path}: {one.before} → {one.after}" for one in changed[:5])
    raise Conflict(
        f"The facts or policies changed while you read: {fields or 'another decision stands now'}.",
        code="stale-decision",
        how="Read what changed and decide again; what you wrote is kept.",
        details={"decision": release.decision.digest, "changed": [one.path for one in changed[:50]]},
    )


def _check_person(release: Release, actor: User, role: str, state: Sequence[seats.SeatState]) -> None:
    if why := policies.conflict_of(actor, release):
        raise PermissionRefused(why, code="separation-of-duties", how="Ask a person who had no part in it.")
    current = [seat.approval for seat in state if seat.approval is not None and seat.is_filled]
    if held := policies.other_seat_of(actor, current):
        raise Conflict(
            f"You have decided already, as {held.lower()}.", code="one-seat", how="One person fills one seat."
        )
    mine = next((seat for seat in state if seat.role == role), None)
    if mine is None or mine.is_filled:
        raise Conflict(
            "This seat is not open." if mine else "No rule or policy asks this role here.",
            code="seat-not-open",
            field="role",
            how=f"Open: {', '.join(seat.role for seat in state if not seat.is_filled) or 'none'}.",
        )
    if role not in policies.roles_to_decide(actor, release, [role]):
        raise PermissionRefused(
            f"You do not hold the role {role} for this model.", code="role-not-held", field="role", how="Ask who does."
        )


def _record(approval: Approval, *, actor: User, now: datetime) -> None:
    body = {
        "release": approval.release.public_id,
        "decision_digest": approval.decision_digest,
        "role": approval.role,
        "choice": str(approval.choice),
    }
    personal = {"reason": approval.reason} if approval.reason else None
    record(actor=actor, event="governance:approval:given", subject=approval, body=body, personal=personal, now=now)


def _open_condition(approval: Approval, draft: ConditionDraft, *, actor: User, now: datetime) -> None:
    row = Condition.objects.create(
        approval=approval, release=approval.release, text=draft.text.strip(), owner=draft.owner, due_on=draft.due_on
    )
    body = {"release": approval.release.public_id, "owner": str(draft.owner.uuid), "due_on": draft.due_on.isoformat()}
    record(
        actor=actor, event="governance:condition:opened", subject=row, body=body, personal={"text": row.text}, now=now
    )


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
        _go_live(release, actor=actor, now=now)


def _go_live(release: Release, *, actor: User, now: datetime) -> None:
    """Close what answers, open this version, end the former release: one transaction."""
    former = Release.objects.filter(endpoint=release.endpoint_id, state=ReleaseState.LIVE).first()
    open_deployment(release.endpoint, release.version, actor=actor, release_ref=release.public_id, now=now)
    if former is not None:
        move(
            lock_release(former.pk),
            ReleaseState.SUPERSEDED,
            actor=actor,
            now=now,
            event="governance:release:superseded",
            by=release.public_id,
        )
    move(release, ReleaseState.LIVE, actor=actor, now=now, event="governance:release:live")
