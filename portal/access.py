"""Who may do what: one enumeration of permissions, one table of roles. What is not granted is refused."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

from django.db import models

from portal.accounts.choices import Role
from portal.errors import PermissionRefused

if TYPE_CHECKING:
    from portal.accounts.models import Team, User


class Permission(StrEnum):
    """`scope:resource:action`, in alphabetical order."""

    AUDITS_EVIDENCE_PACK_CREATE = "audits:evidence_pack:create"
    AUDITS_EVIDENCE_PACK_READ = "audits:evidence_pack:read"
    AUDITS_TEST_RUN_CREATE = "audits:test_run:create"
    CATALOG_ATTESTATION_RECORD = "catalog:attestation:record"
    CATALOG_DATASET_CREATE = "catalog:dataset:create"
    CATALOG_ENDPOINT_CREATE = "catalog:endpoint:create"
    CATALOG_FACT_RECORD = "catalog:fact:record"
    CATALOG_JUDGEMENT_RECORD = "catalog:judgement:record"
    CATALOG_MODEL_CREATE = "catalog:model:create"
    CATALOG_MODEL_READ = "catalog:model:read"
    CATALOG_VERSION_CREATE = "catalog:version:create"
    GOVERNANCE_FINDING_RAISE = "governance:finding:raise"
    GOVERNANCE_GATE_CHECK = "governance:gate:check"
    GOVERNANCE_POLICY_APPROVE = "governance:policy:approve"
    GOVERNANCE_POLICY_DRAFT = "governance:policy:draft"
    GOVERNANCE_POLICY_READ = "governance:policy:read"
    GOVERNANCE_RELEASE_DECIDE = "governance:release:decide"
    GOVERNANCE_RELEASE_EMERGENCY = "governance:release:emergency"
    GOVERNANCE_RELEASE_HOLD = "governance:release:hold"
    GOVERNANCE_RELEASE_READ = "governance:release:read"
    GOVERNANCE_RELEASE_REQUEST = "governance:release:request"
    GOVERNANCE_RELEASE_ROLL_BACK = "governance:release:roll_back"
    GOVERNANCE_RELEASE_WITHDRAW = "governance:release:withdraw"
    PORTAL_HOME_READ = "portal:home:read"
    PORTAL_JOB_CANCEL = "portal:job:cancel"
    PORTAL_JOB_READ = "portal:job:read"
    PORTAL_LEDGER_READ = "portal:ledger:read"
    PORTAL_NOTICE_MANAGE = "portal:notice:manage"
    PORTAL_PASSKEY_APPROVE = "portal:passkey:approve"
    PORTAL_PASSKEY_OWN = "portal:passkey:own"
    PORTAL_STYLEGUIDE_READ = "portal:styleguide:read"
    PORTAL_TOKEN_OWN = "portal:token:own"  # noqa: S105 (a permission's name)
    PORTAL_USER_MANAGE = "portal:user:manage"


P = Permission
_READ = {
    P.AUDITS_EVIDENCE_PACK_READ,
    P.CATALOG_MODEL_READ,
    P.GOVERNANCE_POLICY_READ,
    P.GOVERNANCE_RELEASE_READ,
    P.PORTAL_HOME_READ,
    P.PORTAL_JOB_READ,
    P.PORTAL_LEDGER_READ,
    P.PORTAL_PASSKEY_OWN,
}
_BUILD = _READ | {
    P.AUDITS_EVIDENCE_PACK_CREATE,
    P.AUDITS_TEST_RUN_CREATE,
    P.CATALOG_ATTESTATION_RECORD,
    P.CATALOG_DATASET_CREATE,
    P.CATALOG_FACT_RECORD,
    P.CATALOG_VERSION_CREATE,
    P.GOVERNANCE_GATE_CHECK,
    P.GOVERNANCE_POLICY_DRAFT,
    P.GOVERNANCE_RELEASE_REQUEST,
    P.GOVERNANCE_RELEASE_WITHDRAW,
    P.PORTAL_JOB_CANCEL,
    P.PORTAL_TOKEN_OWN,
}
_REVIEW = _READ | {
    P.GOVERNANCE_FINDING_RAISE,
    P.AUDITS_EVIDENCE_PACK_CREATE,
    P.AUDITS_TEST_RUN_CREATE,
    P.CATALOG_ATTESTATION_RECORD,
    P.CATALOG_JUDGEMENT_RECORD,
    P.GOVERNANCE_GATE_CHECK,
    P.GOVERNANCE_POLICY_APPROVE,
    P.GOVERNANCE_POLICY_DRAFT,
    P.GOVERNANCE_RELEASE_DECIDE,
    P.GOVERNANCE_RELEASE_EMERGENCY,
    P.GOVERNANCE_RELEASE_HOLD,
    P.GOVERNANCE_RELEASE_ROLL_BACK,
    P.PORTAL_JOB_CANCEL,
    P.PORTAL_PASSKEY_APPROVE,
    P.PORTAL_TOKEN_OWN,
}
ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.VIEWER: frozenset(_READ - {P.PORTAL_LEDGER_READ}),
    Role.DEVELOPER: frozenset(_BUILD),
    Role.MODEL_OWNER: frozenset(
        _BUILD
        | {
            P.CATALOG_MODEL_CREATE,
            P.CATALOG_ENDPOINT_CREATE,
            P.GOVERNANCE_RELEASE_EMERGENCY,
            P.GOVERNANCE_RELEASE_ROLL_BACK,
        }
    ),
    Role.VALIDATOR: frozenset(_REVIEW | {P.CATALOG_FACT_RECORD}),
    Role.RISK: frozenset(_REVIEW),
    Role.FAIRNESS: frozenset(_REVIEW),
    Role.LEGAL: frozenset(_REVIEW),
    Role.COMPLIANCE: frozenset(_REVIEW),
    Role.AUDITOR: frozenset(_READ | {P.AUDITS_EVIDENCE_PACK_CREATE, P.GOVERNANCE_FINDING_RAISE, P.PORTAL_TOKEN_OWN}),
    Role.ADMIN: frozenset(
        {
            P.PORTAL_HOME_READ,
            P.PORTAL_JOB_READ,
            P.PORTAL_LEDGER_READ,
            P.PORTAL_NOTICE_MANAGE,
            P.PORTAL_PASSKEY_APPROVE,
            P.PORTAL_PASSKEY_OWN,
            P.PORTAL_STYLEGUIDE_READ,
            P.PORTAL_USER_MANAGE,
        }
    ),
}
del P


def teams_with(actor: User | None, permission: Permission) -> tuple[bool, frozenset[int]]:
    """(whole organisation?, team ids) in which the actor holds the permission. Nobody holds nothing."""
    if actor is None or not actor.is_active:
        return False, frozenset()
    teams = {team for role, team in actor.grants if permission in ROLE_PERMISSIONS.get(role, frozenset())}
    return None in teams, frozenset(team for team in teams if team is not None)


def can(actor: User | None, permission: Permission, team: Team | int | None = None) -> bool:
    """Whether the actor holds the permission: in that team, or, with no team named, in any."""
    everywhere, teams = teams_with(actor, permission)
    if everywhere or team is None:
        return everywhere or bool(teams)
    return (team if isinstance(team, int) else team.pk) in teams


def require(actor: User | None, permission: Permission, team: Team | int | None = None) -> None:
    """Refuse the act unless the actor holds the permission.

    Raises PermissionRefused, naming the permission and the roles that hold it.
    """
    if can(actor, permission, team):
        return
    holders = [str(Role(role).label) for role, granted in ROLE_PERMISSIONS.items() if permission in granted]
    raise PermissionRefused(
        f"Your roles do not include {permission}.",
        code="permission-refused",
        how=f"Ask an administrator for one of: {', '.join(holders)}.",
        details={"permission": str(permission)},
    )


def holds_role(actor: User, role: str, team: Team | int | None) -> bool:
    """Whether the actor holds this very role for the team (or organisation-wide)."""
    team_id = team if isinstance(team, int) or team is None else team.pk
    return any(held == role and scope in (None, team_id) for held, scope in actor.grants)


class ScopedQuerySet(models.QuerySet):
    """A queryset that starts from what the actor may see. `team_path` leads from the row to its team."""

    team_path = "team"
    read_permission = Permission.CATALOG_MODEL_READ

    def visible_to(self, actor: User | None) -> ScopedQuerySet:
        everywhere, teams = teams_with(actor, self.read_permission)
        return self if everywhere else self.filter(**{f"{self.team_path}__in": teams})


def scoped(team_path: str, permission: Permission) -> models.Manager:
    """A manager whose querysets know `visible_to`. Usage: `objects = scoped("model__team", Permission.X)`."""
    name = f"Scoped_{team_path}_{permission.name}"
    made: type[ScopedQuerySet] = type(name, (ScopedQuerySet,), {"team_path": team_path, "read_permission": permission})
    return made.as_manager()


def roles_of(actor: User, team: Team | int | None, among: Iterable[str]) -> list[str]:
    """Which of these roles the actor holds for the team."""
    return [role for role in among if holds_role(actor, role, team)]
