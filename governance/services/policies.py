"""Publish policies, and read the active ones."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from governance.gates.cases import publish_problems
from governance.gates.errors import PolicyError
from governance.gates.policy import Policy as ParsedPolicy
from governance.gates.policy import load_policy
from governance.models import Policy, PolicyVersion
from portal.access import Permission, require, teams_with
from portal.accounts.models import User
from portal.errors import InvalidInput, PermissionRefused
from portal.ledger.services import record

LIBRARY = Path(__file__).resolve().parents[1] / "library"


@lru_cache(maxsize=512)
def parsed(source: str) -> ParsedPolicy:
    """The policy of a published text, read once a process."""
    return load_policy(source)


def active_policies() -> list[PolicyVersion]:
    """The active version of every policy, in the order of their names; one query."""
    rows = PolicyVersion.objects.filter(retired_at=None).select_related("policy")
    return list(rows.order_by("policy__name"))


@transaction.atomic
def publish_policy(source: str, *, actor: User, is_demo: bool = False) -> PolicyVersion:
    """Make this text the active version of the policy it names; the former one is retired.

    Raises InvalidInput with line, column and caret for a policy that cannot be published. Publishing the active
    text again changes nothing.
    """
    require(actor, Permission.GOVERNANCE_POLICY_PUBLISH)
    if not teams_with(actor, Permission.GOVERNANCE_POLICY_PUBLISH)[0]:
        # A policy holds for every team, so a role in one of them is not enough.
        raise PermissionRefused(
            "A policy holds in the whole organisation, and your role is in a team.",
            code="role-in-a-team",
            how="Ask somebody who holds the role for the whole organisation.",
        )
    policy = _checked(source)
    if not Policy.objects.filter(name__iexact=policy.name).exists():
        Policy.objects.create(name=policy.name, owner_role=policy.owner, is_demo=is_demo)
    row = Policy.objects.select_for_update().get(name__iexact=policy.name)
    newest = row.versions.order_by("-number").first()
    if newest is not None and newest.retired_at is None and newest.source == source:
        return newest
    if newest is None:
        record(actor=actor, event="governance:policy:registered", subject=row, body={"name": row.name})
    elif newest.retired_at is None:
        newest.retired_at = timezone.now()
        newest.save(update_fields=["retired_at"])
        record(
            actor=actor,
            event="governance:policy:retired",
            subject=newest,
            body={"policy": row.name, "number": newest.number},
        )
    made = PolicyVersion.objects.create(
        policy=row,
        number=newest.number + 1 if newest else 1,
        source=source,
        digest=policy.digest,
        enforcement=policy.enforcement,
        author=actor,
    )
    body = {"policy": row.name, "number": made.number, "digest": made.digest, "enforcement": made.enforcement}
    record(actor=actor, event="governance:policy:published", subject=made, body=body)
    return made


def _checked(source: str) -> ParsedPolicy:
    try:
        policy = load_policy(source)
    except PolicyError as error:
        raise _refused(error) from error
    for problem in publish_problems(policy):
        raise _refused(problem)
    return policy


def _refused(error: PolicyError) -> InvalidInput:
    details = {"line": error.line, "column": error.column, "caret": error.caret_text}
    return InvalidInput(
        f"Line {error.line}, column {error.column}: {error.message}",
        code="policy-invalid",
        field="source",
        how=error.how,
        details=details,
    )


def install_library(*, actor: User, is_demo: bool = False) -> list[PolicyVersion]:
    """Publish every starter policy."""
    files = sorted(LIBRARY.glob("*.yaml"))
    return [publish_policy(path.read_text(encoding="utf-8"), actor=actor, is_demo=is_demo) for path in files]
