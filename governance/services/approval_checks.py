"""What must hold before a person's decision on a release is recorded: the form, the state, the person and the seat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from governance import policies, seats
from governance.choices import BLOCKING, DECIDING_ROLES, DecisionChoice, Opinion, ReleaseState
from governance.models import Approval, Delegation, Release
from governance.services.conditions import ConditionDraft, check_condition
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput, PermissionRefused

APPROVING = (DecisionChoice.APPROVE, DecisionChoice.CONDITIONS)


@dataclass(frozen=True)
class Sat:
    """The seat that a person takes: the demand, and the delegation under which they take it."""

    state: seats.SeatState
    lent: Delegation | None = None


def check_form(role: str, choice: str, reason: str, conditions: Sequence[ConditionDraft], opinion: str = "") -> None:
    """Raises InvalidInput for what no release could take."""
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
        check_condition(condition)
    _check_opinion(choice, opinion)


def _check_opinion(choice: str, opinion: str) -> None:
    if opinion and opinion not in Opinion.values:
        how = f"One of: {', '.join(Opinion.values)}."
        raise InvalidInput(f"{opinion!r} is no opinion.", code="opinion-unknown", field="opinion", how=how)
    if opinion == Opinion.NOT_FIT and choice in APPROVING:
        how = "Ask for changes, or reject."
        raise InvalidInput("What is not fit is not approved.", code="opinion-odd", field="opinion", how=how)
    if opinion == Opinion.CONDITIONS and choice == DecisionChoice.APPROVE:
        how = "Approve with conditions, and write them down; or find it fit."
        raise InvalidInput("Fit with conditions names conditions.", code="opinion-odd", field="opinion", how=how)


def check_owners(release: Release, conditions: Sequence[ConditionDraft]) -> None:
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


def check_state(release: Release, choice: DecisionChoice, digest: str) -> None:
    """Raises Conflict when there is nothing to decide, or when another decision stands, naming what changed."""
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


def check_person(
    release: Release, person: User, role: str, choice: DecisionChoice, approvals: Sequence[Approval], *, sitting: bool
) -> Sat:
    """The seat that this person may take in this role. Raises PermissionRefused or Conflict with the reason.

    approvals: all of the release, as `seats.load` gave them. sitting: whether a committee decides.
    """
    if why := policies.conflict_of(person, release):
        raise PermissionRefused(why, code="separation-of-duties", how="Ask a person who had no part in it.")
    state = seats.seats_of(release, approvals)
    current = [seat.approval for seat in state if seat.approval is not None and seat.is_filled]
    if held := policies.other_seat_of(person, current):
        raise Conflict(
            f"You have decided already, as {held.lower()}.", code="one-seat", how="One person fills one seat."
        )
    seat = _open_seat(state, role, sitting)
    held_roles = policies.roles_of(person, release.version.model.team_id, [role])
    lent = None if held_roles else policies.lent_to(person, release).get(role)
    if not held_roles and lent is None:
        raise PermissionRefused(
            f"You do not hold the role {role} for this model.", code="role-not-held", field="role", how="Ask who does."
        )
    if why := policies.author_conflict(person, release, role):
        raise PermissionRefused(why, code="separation-of-duties", how="Ask a person who had no part in it.")
    if why := policies.second_seat_of(person, role, lent, approvals, current):
        raise Conflict(why, code="one-seat", how="One person fills one seat, and a deputy sits for one person.")
    _check_fit(release, person, choice)
    return Sat(seat, lent)


def _open_seat(state: Sequence[seats.SeatState], role: str, sitting: bool) -> seats.SeatState:
    mine = [seat for seat in state if seat.role == role]
    seat = next((seat for seat in mine if not seat.is_filled), None)
    if seat is None:
        raise Conflict(
            "This seat is not open." if mine else "No rule or policy asks this role here.",
            code="seat-not-open",
            field="role",
            how=f"Open: {', '.join(seat.role for seat in state if seat.is_open) or 'none'}.",
        )
    if seat.waits_for:
        raise Conflict(
            f"This seat waits for {' and '.join(seat.waits_for)}, who decide first.",
            code="seat-waits",
            field="role",
            how="Decide when they have decided.",
        )
    if bool(seat.demand.quorum) != sitting:
        raise Conflict(
            "A committee fills this seat." if seat.demand.quorum else "A person fills this seat, no committee.",
            code="seat-of-committee",
            field="role",
            how="Open a sitting, and let its members vote." if seat.demand.quorum else "Decide on the release itself.",
        )
    return seat


def _check_fit(release: Release, actor: User, choice: DecisionChoice) -> None:
    against = next((row for row in seats.seating_of(release).not_fit if row.person_id != actor.pk), None)
    if against is not None and choice in APPROVING:
        raise Conflict(
            f"{against.person} found this version not fit for this use; that cannot be outvoted or waived.",
            code="not-fit",
            how="Change the version or its facts, and have it validated again.",
            details={"approval": against.pk},
        )


def opinion_of(sat: Sat, choice: DecisionChoice, opinion: str) -> str:
    """The opinion to record: what was given or, where the seat must give one, what the choice says.

    Raises InvalidInput for an opinion of a seat that is asked for none.
    """
    if not sat.state.demand.opinion:
        if opinion:
            how = "Only the validation seat gives an opinion, where the risk tier or the difference asks it."
            raise InvalidInput("This seat gives no opinion.", code="opinion-not-asked", field="opinion", how=how)
        return ""
    said = {DecisionChoice.APPROVE: Opinion.FIT, DecisionChoice.CONDITIONS: Opinion.CONDITIONS}
    return opinion or str(said.get(choice, ""))
