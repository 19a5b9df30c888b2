"""Who may decide on a release, and who may be given a condition: duties apart, each refusal in words."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.utils import timezone

from governance import seats
from governance.choices import DECIDING_ROLES
from governance.models import Approval, Delegation, Release
from portal.access import Permission, can, roles_of
from portal.accounts.choices import Kind
from portal.accounts.models import User


def conflict_of(actor: User, release: Release) -> str:
    """Why this person may never decide on this release, or an empty string."""
    if why := duties_of(actor, release):
        return why
    if actor.pk in seats.seating_of(release).recused:
        return "You stood back from this release, so somebody else must decide on it."
    return ""


def duties_of(actor: User, release: Release) -> str:
    """The same without what the person themselves said: what they did to the version or the release."""
    version = release.version
    if actor.kind != Kind.PERSON:
        return "A service identity does not decide; a person does."
    if actor.is_demo and not version.model.is_demo:
        return "A demo account decides on the demo only."
    if release.requested_by_id == actor.pk:
        return "You requested this release, so somebody else must decide on it."
    if version.training_run is not None and version.training_run.trained_by_id == actor.pk:
        return "You trained this version, so somebody else must decide on it."
    if version.created_by_id == actor.pk:
        return "You registered this version, so somebody else must decide on it."
    acts = [(release.requested_by, "requested this release"), (version.created_by, "registered this version")]
    if version.training_run is not None:
        acts.append((version.training_run.trained_by, "trained this version"))
    for account, act in acts:
        if account.kind == Kind.SERVICE and account.pk in actor.stands_behind:
            return f"You answer for {account}, which {act}, so somebody else must decide on it."
    return ""


def author_conflict(actor: User, release: Release, role: str) -> str:
    """Why this person may not fill this seat: they wrote the policy that asks it. Else an empty string."""
    if release.decision is None:
        return ""
    plan = seats.plan_of(release.decision, seats.seating_of(release).materiality)
    asking = next((one.policies for one in plan if one.role == role), frozenset())
    for row in release.decision.bundle.all():
        version = row.policy_version
        if version.author_id == actor.pk and version.policy.name in asking:
            text = f"{version.policy.name} {version.number}"
            return f"You wrote {text}, which asks this seat, so somebody else must fill it."
    return ""


def roles_to_decide(actor: User, release: Release, open_roles: Iterable[str]) -> list[str]:
    """The open seats that this person could fill: by role held for the model's team, or as somebody's deputy."""
    if not can(actor, Permission.GOVERNANCE_RELEASE_DECIDE, release.version.model.team_id):
        return []
    wanted = [role for role in DECIDING_ROLES if role in set(open_roles)]
    held = roles_of(actor, release.version.model.team_id, wanted)
    lent = lent_to(actor, release) if len(held) < len(wanted) else {}
    mine = [role for role in wanted if role in held or role in lent]
    return [role for role in mine if not author_conflict(actor, release, role)]


def lent_to(actor: User, release: Release) -> dict[str, Delegation]:
    """By role: the delegation under which this person could fill a seat of this release now."""
    now, found = timezone.now(), dict[str, Delegation]()
    for row in delegations_of(actor):
        if row.holds_at(now) and row.covers(release) and row.role not in found and not lend_conflict(row, release):
            found[row.role] = row
    return found


def delegations_of(actor: User) -> list[Delegation]:
    """What others have lent to this person and did not take back; read once for one loaded person."""
    return [row for row in delegations_open(actor) if row.deputy_id == actor.pk]


def delegations_open(actor: User) -> list[Delegation]:
    """All that are not over; read once for one loaded person, so for one request."""
    if not hasattr(actor, "loaded_delegations"):
        rows = Delegation.objects.filter(revoked_at=None, until__gt=timezone.now())
        rows = rows.select_related("giver", "deputy", "team", "model", "endpoint").order_by("pk")
        actor.loaded_delegations = list(rows)  # type: ignore[attr-defined]
    return actor.loaded_delegations  # type: ignore[attr-defined,no-any-return]


def lend_conflict(row: Delegation, release: Release) -> str:
    """Why this delegation gives no seat of this release, or an empty string."""
    giver, team = row.giver, release.version.model.team_id
    if not giver.is_active or not roles_of(giver, team, [row.role]):
        return f"{giver} does not hold the role any more, so nobody holds it for them."
    if duties_of(giver, release) or author_conflict(giver, release, row.role):
        return f"{giver} had a part in this release, so cannot lend a seat of it."
    return ""


def other_seat_of(actor: User, approvals: Iterable[Approval]) -> str:
    """The role in which this person already decided on the same decision, or an empty string."""
    return next((str(row.get_role_display()) for row in approvals if row.person_id == actor.pk), "")


def second_seat_of(
    actor: User, role: str, lent: Delegation | None, approvals: Iterable[Approval], current: Iterable[Approval]
) -> str:
    """Why this would be a second seat for one person, in words, or an empty string.

    approvals: all of the release; current: those that fill a seat now. Giver and deputy count as one person.
    """
    for row in approvals:
        if row.person_id == actor.pk and row.role != role:
            return f"You have decided already, as {str(row.get_role_display()).lower()}."
    for row in current:
        giver = row.delegation.giver_id if row.delegation is not None else None
        if giver == actor.pk:
            return f"{row.person} has decided already in your place."
        if lent is not None and lent.giver_id in (row.person_id, giver):
            return f"{lent.giver} has a seat here already, and you would sit in their place."
    return ""


def team_people(team_id: int) -> QuerySet[User]:
    """Who may be given something to do: active people with a role in the team or in the whole organisation."""
    held = Q(memberships__team=team_id) | Q(memberships__team=None)
    rows = User.objects.filter(
        held, memberships__isnull=False, memberships__ended_at=None, is_active=True, kind=Kind.PERSON
    )
    return rows.distinct().order_by("name", "username")


def condition_owners(release: Release) -> QuerySet[User]:
    """Who may be given a condition: people of the model's team."""
    return team_people(release.version.model.team_id)
