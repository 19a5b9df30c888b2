"""The policies and sets in force, what their texts mean, and who owns them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.utils import timezone

from catalog.models import RegisteredModel
from governance.choices import PolicyKind
from governance.gates.cases import publish_problems
from governance.gates.errors import PolicyError
from governance.gates.policy import Policy as ParsedPolicy
from governance.gates.sets import PolicySet, load_any, set_problems
from governance.models import Policy, PolicyDraft, PolicyVersion
from portal.accounts.models import Membership, Team, User
from portal.errors import InvalidInput
from portal.ledger.services import record

LIBRARY = Path(__file__).resolve().parents[1] / "library"


@lru_cache(maxsize=1024)
def parsed(source: str) -> ParsedPolicy:
    """The policy of a published text, read once a process."""
    found = read(source)
    if not isinstance(found, ParsedPolicy):
        raise AssertionError(f"{found.name} is a policy set")
    return found


@lru_cache(maxsize=256)
def parsed_set(source: str) -> PolicySet:
    """The policy set of a published text, read once a process."""
    found = read(source)
    if not isinstance(found, PolicySet):
        raise AssertionError(f"{found.name} is a policy")
    return found


@lru_cache(maxsize=1024)
def read(source: str) -> ParsedPolicy | PolicySet:
    """The policy or set of a text. Raises PolicyError."""
    return load_any(source)


def kind_of(document: ParsedPolicy | PolicySet) -> PolicyKind:
    return PolicyKind.SET if isinstance(document, PolicySet) else PolicyKind.POLICY


def in_force() -> list[PolicyVersion]:
    """The active version of every policy, then of every set, each in the order of their names; one query."""
    rows = PolicyVersion.objects.filter(retired_at=None).select_related("policy").order_by("policy__name")
    return sorted(rows, key=lambda row: row.policy.kind != PolicyKind.POLICY)


def active_policies() -> list[PolicyVersion]:
    """The active version of every policy, in the order of their names."""
    return [row for row in in_force() if row.policy.kind == PolicyKind.POLICY]


def split(rows: Iterable[PolicyVersion]) -> tuple[list[ParsedPolicy], list[PolicySet]]:
    """The texts of these versions, read: policies and sets."""
    found = [read(row.source) for row in rows]
    policies = [one for one in found if isinstance(one, ParsedPolicy)]
    return policies, [one for one in found if isinstance(one, PolicySet)]


def text_digest(source: str) -> str:
    """SHA-256 (hex) of the text as UTF-8."""
    return hashlib.sha256(source.encode()).hexdigest()


def owners_of(document: ParsedPolicy | PolicySet, base: PolicyVersion | None) -> list[str]:
    """The roles whose approval puts this text in force, in a stable order.

    The owner that the text names and the one of the version it replaces; for a set also the owners of each policy
    that it settles, or that the replaced one settled, because a setting changes what their policy says.
    """
    roles = {document.owner}
    names: set[str] = set()
    for one in (document, read(base.source) if base is not None else None):
        if one is not None:
            roles.add(one.owner)
        if isinstance(one, PolicySet):
            names |= {entry.policy for entry in one.entries}
    rows = PolicyVersion.objects.filter(retired_at=None, policy__name__in=names).select_related("policy")
    return sorted(roles | {row.policy.owner_role for row in rows})


def check_text(source: str) -> ParsedPolicy | PolicySet:
    """The document of a text that may be proposed.

    Raises InvalidInput with line, column and caret for what is wrong: the text, its tests, a missing review date,
    a role that it asks and nobody holds, a set that names what does not exist.
    """
    document = read_or_refuse(source)
    if isinstance(document, ParsedPolicy):
        for problem in publish_problems(document):
            raise refused(problem)
    else:
        _check_set(document)
    if document.review_by is None:
        how = 'Add metadata.reviewBy: "2027-06-30", the day by which its owner looks at it again.'
        raise InvalidInput("It has no review date.", code="review-date-missing", field="source", how=how)
    _check_holders(document)
    return document


def read_or_refuse(source: str) -> ParsedPolicy | PolicySet:
    """The document of a text. Raises InvalidInput with the place of the first mistake."""
    try:
        return read(source)
    except PolicyError as error:
        raise refused(error) from error


def refused(error: PolicyError) -> InvalidInput:
    """The error of a text as an answer of the portal."""
    details = {"line": error.line, "column": error.column, "caret": error.caret_text}
    return InvalidInput(
        f"Line {error.line}, column {error.column}: {error.message}",
        code="policy-invalid",
        field="source",
        how=error.how,
        details=details,
    )


def roles_asked(document: ParsedPolicy | PolicySet) -> set[str]:
    """Every role that the text needs somebody to hold: owner, seats, rules that ask."""
    roles = {document.owner}
    if isinstance(document, ParsedPolicy):
        roles |= set(document.approvals)
        roles |= {rule.otherwise.role for rule in document.rules if rule.otherwise is not None}
    return roles


def _check_holders(document: ParsedPolicy | PolicySet) -> None:
    held = set(Membership.objects.filter(user__is_active=True, ended_at=None).values_list("role", flat=True))
    for role in sorted(roles_asked(document) - held):
        raise InvalidInput(
            f"It asks the role {role}, which nobody holds.",
            code="role-not-held",
            field="source",
            how="Ask an administrator to give somebody the role, or name another one.",
            details={"role": role},
        )


def _check_set(document: PolicySet) -> None:
    known, _ = split(row for row in in_force() if row.policy.kind == PolicyKind.POLICY)
    for problem in set_problems(document, known):
        raise refused(problem)
    kind, name = document.scope
    if kind != "organisation" and not _exists(kind, name):
        how = "Name a team by its short name, a model by its name."
        raise InvalidInput(f"There is no {kind} {name!r}.", code="scope-missing", field="source", how=how)


def _exists(kind: str, name: str) -> bool:
    if kind == "team":
        return Team.objects.filter(slug=name).exists()
    # As it is written: the name of a set's scope is compared with that of the facts, letter by letter.
    return RegisteredModel.objects.filter(name=name).exists()


def activate(draft: PolicyDraft, *, actor: User) -> PolicyVersion:
    """Make the draft's text the version in force; the former one is retired. Part of the caller's transaction.

    actor: who gave the last approval.
    """
    document = read(draft.source)
    row, made_new = Policy.objects.get_or_create(
        name=draft.policy_name,
        defaults={"owner_role": document.owner, "kind": draft.kind, "is_demo": draft.is_demo},
    )
    row = Policy.objects.select_for_update().get(pk=row.pk)
    if made_new:
        record(actor=actor, event="governance:policy:registered", subject=row, body={"name": row.name})
    elif row.owner_role != document.owner:
        row.owner_role = document.owner
        row.save(update_fields=["owner_role"])
        body = {"name": row.name, "owner": row.owner_role}
        record(actor=actor, event="governance:policy:owner-changed", subject=row, body=body)
    newest = row.versions.order_by("-number").first()
    if newest is not None and newest.retired_at is None:
        retire(newest, actor=actor)
    made = PolicyVersion.objects.create(
        policy=row,
        number=newest.number + 1 if newest else 1,
        source=draft.source,
        digest=document.digest,
        enforcement=document.enforcement if isinstance(document, ParsedPolicy) else "set",
        author=draft.author,
    )
    published: dict[str, Any] = {
        "policy": row.name,
        "number": made.number,
        "digest": made.digest,
        "enforcement": made.enforcement,
        "draft": draft.public_id,
        "author": str(draft.author.uuid),
    }
    record(actor=actor, event="governance:policy:published", subject=made, body=published)
    return made


def retire(version: PolicyVersion, *, actor: User) -> None:
    """End a version in the caller's transaction."""
    version.retired_at = timezone.now()
    version.save(update_fields=["retired_at"])
    body = {"policy": version.policy.name, "number": version.number}
    record(actor=actor, event="governance:policy:retired", subject=version, body=body)
