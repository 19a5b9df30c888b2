"""A seat that a committee fills: a sitting with agenda and quorum, votes with reasons, minutes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from catalog.services.endpoints import lock_endpoint
from governance import policies, seats
from governance.choices import DecisionChoice, VoteChoice
from governance.models import Approval, Release, Sitting, Vote
from governance.services.approval_checks import (
    APPROVING,
    check_form,
    check_owners,
    check_person,
    check_state,
    opinion_of,
)
from governance.services.approvals import give
from governance.services.conditions import ConditionDraft
from governance.services.decisions import ask_ahead
from governance.services.releases import assess_locked
from portal.access import Permission, holds_role, require
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.services import record

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def open_sitting(
    release: Release, *, actor: User, role: str, members: Sequence[User], agenda: str, decision_digest: str
) -> Sitting:
    """Call the committee of this seat to look at the decision with this digest. The actor is its chair.

    Members hold the role for the model's team and had no part in the release. Raises InvalidInput for an agenda or
    members that cannot be; Conflict when the seat is none of a committee, a sitting is open, or the decision moved
    on; PermissionRefused where duties must stay apart.
    """
    require(actor, Permission.GOVERNANCE_RELEASE_DECIDE, release.version.model.team_id)
    check_form(role, DecisionChoice.APPROVE, "", ())
    if not agenda.strip():
        raise InvalidInput(
            "The sitting has no agenda.", code="agenda-missing", field="agenda", how="Say what it is on."
        )
    asked = ask_ahead(release.version, release.endpoint, release=release, last=True)
    with transaction.atomic():
        lock_endpoint(release.endpoint_id)
        release = assess_locked(release.pk, asked=asked)
        check_state(release, DecisionChoice.APPROVE, decision_digest)
        approvals = seats.load(release)
        sat = check_person(release, actor, role, DecisionChoice.CHANGES, approvals, sitting=True)
        if release.sittings.filter(role=role, closed_at=None).exists():
            raise Conflict("This committee sits already.", code="sitting-open", how="Vote there, or close it first.")
        people = _members(release, role, [actor, *members], sat.state.demand.quorum, approvals)
        assert release.decision is not None
        row = Sitting.objects.create(
            release=release,
            decision=release.decision,
            decision_digest=decision_digest,
            role=role,
            chair=actor,
            agenda=agenda.strip(),
            quorum=sat.state.demand.quorum,
            opened_at=timezone.now(),
        )
        row.members.set(people)
        body = {
            "release": release.public_id,
            "decision_digest": decision_digest,
            "role": role,
            "quorum": row.quorum,
            "members": sorted(str(user.uuid) for user in people),
        }
        event = "governance:sitting:opened"
        record(actor=actor, event=event, subject=row, body=body, personal={"agenda": row.agenda})
    return row


def _members(
    release: Release, role: str, people: Sequence[User], quorum: int, approvals: Sequence[Approval]
) -> list[User]:
    """Each once, the chair among them. Raises InvalidInput naming the first who cannot be a member."""
    found = {user.pk: user for user in people}
    team = release.version.model.team_id
    for user in found.values():
        why = "" if holds_role(user, role, team) and user.is_active else f"does not hold the role {role}"
        why = why or policies.conflict_of(user, release) or policies.author_conflict(user, release, role)
        why = why or policies.second_seat_of(user, role, None, approvals, ())
        if why:
            how = "Members hold the role, had no part in the release and fill no other seat of it."
            raise InvalidInput(f"{user} cannot be a member: {why}", code="member-invalid", field="members", how=how)
    if len(found) < quorum:
        how = f"Name at least {quorum} members, the chair among them."
        raise InvalidInput("Fewer members than the quorum.", code="members-few", field="members", how=how)
    return list(found.values())


@transaction.atomic
def cast_vote(sitting: Sitting, *, actor: User, choice: str, reason: str, conditions: str = "") -> Vote:
    """Record a member's vote, once, with the reason. A no is a dissent; conditions say what a yes depends on.

    Raises PermissionRefused for who is no member; Conflict for a second vote or when the sitting is closed;
    InvalidInput for a choice or reason that is none.
    """
    sitting = _locked(sitting)
    require(actor, Permission.GOVERNANCE_RELEASE_DECIDE, sitting.release.version.model.team_id)
    if choice not in VoteChoice.values:
        how = f"One of: {', '.join(VoteChoice.values)}."
        raise InvalidInput(f"{choice!r} is no vote.", code="choice-unknown", field="choice", how=how)
    if not reason.strip():
        raise InvalidInput("A reason is needed.", code="reason-missing", field="reason", how="Say why in a sentence.")
    if sitting.closed_at is not None:
        raise Conflict("The sitting is closed.", code="sitting-closed", how="The committee has decided.")
    if actor.pk not in sitting.member_ids:
        raise PermissionRefused("You are no member of this sitting.", code="not-a-member", how=f"Ask {sitting.chair}.")
    if why := policies.conflict_of(actor, sitting.release):
        raise PermissionRefused(why, code="separation-of-duties", how="Ask a person who had no part in it.")
    if why := policies.second_seat_of(actor, sitting.role, None, seats.load(sitting.release), ()):
        raise Conflict(why, code="one-seat", how="One person fills one seat.")
    if sitting.votes.filter(person=actor).exists():
        raise Conflict("You have voted already.", code="voted", how="A vote is cast once.")
    row = Vote.objects.create(
        sitting=sitting,
        person=actor,
        choice=choice,
        reason=reason.strip(),
        conditions=conditions.strip(),
        cast_at=timezone.now(),
    )
    body = {
        "release": sitting.release.public_id,
        "sitting": sitting.pk,
        "decision_digest": sitting.decision_digest,
        "choice": choice,
    }
    personal = {"reason": row.reason} | ({"conditions": row.conditions} if row.conditions else {})
    record(actor=actor, event="governance:vote:cast", subject=row, body=body, personal=personal)
    return row


def close_sitting(
    sitting: Sitting,
    *,
    actor: User,
    minutes_digest: str,
    choice: str = DecisionChoice.APPROVE,
    reason: str = "",
    conditions: Sequence[ConditionDraft] = (),
) -> Approval | None:
    """End the sitting with the SHA-256 of its minutes; its decision fills the seat.

    An approval needs as many votes of yes as the quorum says. Returns None when the facts changed while the
    committee sat: the sitting ends without a decision. Raises Conflict when the votes do not carry the choice;
    PermissionRefused for who is not the chair.
    """
    minutes = minutes_digest.strip().lower().removeprefix("sha256:")
    if not _DIGEST.fullmatch(minutes):
        how = "Give the SHA-256 of the minutes' file: 64 hexadecimal digits."
        raise InvalidInput("This is no digest of minutes.", code="minutes-invalid", field="minutes_digest", how=how)
    check_form(sitting.role, choice, reason.strip(), conditions)
    check_owners(sitting.release, conditions)
    require(actor, Permission.GOVERNANCE_RELEASE_DECIDE, sitting.release.version.model.team_id)
    said = DecisionChoice(choice)
    asked = ask_ahead(sitting.release.version, sitting.release.endpoint, release=sitting.release, last=True)
    with transaction.atomic():
        lock_endpoint(sitting.release.endpoint_id)
        release = assess_locked(sitting.release_id, asked=asked)
        sitting = _locked(sitting)
        _check_closing(sitting, actor, said)
        stands = release.decision_id == sitting.decision_id
        if stands:
            check_state(release, said, sitting.decision_digest)
            sat = check_person(release, actor, sitting.role, said, seats.load(release), sitting=True)
        sitting.closed_at, sitting.minutes_digest = timezone.now(), minutes
        sitting.save(update_fields=["closed_at", "minutes_digest"])
        body = {
            "release": release.public_id,
            "minutes_digest": minutes,
            "choice": str(said) if stands else None,
            "votes": {str(one): sitting.votes.filter(choice=one).count() for one in VoteChoice.values},
        }
        record(actor=actor, event="governance:sitting:closed", subject=sitting, body=body)
        if not stands:
            return None
        opinion = opinion_of(sat, said, "")
        return give(
            release,
            sat,
            actor=actor,
            choice=said,
            reason=reason.strip(),
            opinion=opinion,
            drafts=conditions,
            sitting=sitting,
        )


def _locked(sitting: Sitting) -> Sitting:
    rows = Sitting.objects.select_for_update(of=("self",)).select_related(
        "release__version__model__team", "release__version__training_run", "release__decision", "chair"
    )
    return rows.get(pk=sitting.pk)


def _check_closing(sitting: Sitting, actor: User, choice: DecisionChoice) -> None:
    if sitting.closed_at is not None:
        raise Conflict("The sitting is closed.", code="sitting-closed", how="The committee has decided.")
    if sitting.chair_id != actor.pk:
        raise PermissionRefused("The chair closes the sitting.", code="not-the-chair", how=f"Ask {sitting.chair}.")
    yes = sitting.votes.filter(choice=VoteChoice.YES).count()
    if choice in APPROVING and yes < sitting.quorum:
        raise Conflict(
            f"{yes} of {sitting.quorum} votes that an approval needs.",
            code="quorum-missing",
            how="Wait for the votes, or close with another decision.",
        )
