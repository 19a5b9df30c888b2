"""Who may decide on a release, and who may be given a condition: duties apart, each refusal in words."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from governance.choices import DECIDING_ROLES
from governance.models import Approval, Release
from portal.access import Permission, can, roles_of
from portal.accounts.choices import Kind
from portal.accounts.models import User


def conflict_of(actor: User, release: Release) -> str:
    """Why this person may never decide on this release, or an empty string."""
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


def roles_to_decide(actor: User, release: Release, open_roles: Iterable[str]) -> list[str]:
    """The open seats that this person could fill, by role held for the model's team."""
    if not can(actor, Permission.GOVERNANCE_RELEASE_DECIDE, release.version.model.team_id):
        return []
    wanted = [role for role in DECIDING_ROLES if role in set(open_roles)]
    return roles_of(actor, release.version.model.team_id, wanted)


def other_seat_of(actor: User, approvals: Iterable[Approval]) -> str:
    """The role in which this person already decided on the same decision, or an empty string."""
    return next((str(row.get_role_display()) for row in approvals if row.person_id == actor.pk), "")


def condition_owners(release: Release) -> QuerySet[User]:
    """Who may be given a condition: active people with a role in the model's team or in the whole organisation."""
    team = release.version.model.team_id
    held = Q(memberships__team=team) | Q(memberships__team=None)
    rows = User.objects.filter(
        held, memberships__isnull=False, memberships__ended_at=None, is_active=True, kind=Kind.PERSON
    )
    return rows.distinct().order_by("name", "username")
