"""The policies and sets in force, what their texts mean, and who owns them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.utils import timezone

from catalog.choices import Environment, RiskTier
from catalog.models import Endpoint, RegisteredModel
from governance.choices import PolicyKind
from governance.gates.bounds import cost_estimate
from governance.gates.cases import Outcome, publish_problems
from governance.gates.errors import PolicyError
from governance.gates.policy import Policy as ParsedPolicy
from governance.gates.rego import RegoPolicy
from governance.gates.seating import role_of
from governance.gates.sets import PolicySet, load_any, set_problems
from governance.models import Policy, PolicyDraft, PolicyVersion
from governance.services.opa import server_named
from portal.accounts.models import Membership, Team, User
from portal.errors import InvalidInput
from portal.ledger.services import record

# Of all tests of one text in a web request, a hundred times what the dearest policy of the library takes.
MAX_TEST_STEPS = 10_000_000
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


# A text that is read takes some eighty times its length in memory, and anybody may have texts checked: of long ones
# only a few are kept.
LONG_TEXT = 20_000
_short = lru_cache(maxsize=256)(load_any)
_long = lru_cache(maxsize=16)(load_any)


def read(source: str) -> ParsedPolicy | PolicySet:
    """The policy or set of a text. Raises PolicyError."""
    return (_long if len(source) > LONG_TEXT else _short)(source)


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


def tests_problem(policy: ParsedPolicy) -> PolicyError | None:
    """Why its tests are not run in a web request: together they could take too long."""
    steps = sum(cost_estimate([policy], case.facts) for case in policy.tests)
    if steps <= MAX_TEST_STEPS:
        return None
    message = f"Its tests could take {steps:,.0f} steps; at most {MAX_TEST_STEPS:,} are run here."
    how = "Give each test fewer rows, or let a rule go through a list once only."
    line = policy.tests[0].line
    return PolicyError(message, line=line, column=1, filename=policy.name, how=how, code="tests")


def check_text(source: str, outcomes: list[Outcome] | None = None) -> ParsedPolicy | PolicySet:
    """The document of a text that may be proposed.

    outcomes: of its tests, where they were run already.
    Raises InvalidInput with line, column and caret for what is wrong: the text, its tests, a missing review date,
    a role that it asks and nobody holds, a set or server that it names and that does not exist.
    """
    document = read_or_refuse(source)
    if isinstance(document, ParsedPolicy):
        if outcomes is None and (dear := tests_problem(document)):
            raise refused(dear)
        for problem in publish_problems(document, outcomes):
            raise refused(problem)
    else:
        _check_set(document)
    if isinstance(document, RegoPolicy):
        server_named(document.opa.server)
    if document.review_by is None:
        how = 'Add metadata.reviewBy: "2027-06-30", the day by which its owner looks at it again.'
        raise InvalidInput("It has no review date.", code="review-date-missing", field="source", how=how)
    _check_holders(document)
    _check_selectors(document)
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
        roles |= {role_of(one) for one in document.approvals}
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


def _check_selectors(document: ParsedPolicy | PolicySet) -> None:
    """Refuse a selector that can match nothing here: a policy that is for nobody blocks nobody, and nobody notices."""
    fixed: dict[str, list[str]] = {"riskTier": RiskTier.values, "target": Environment.values}
    named: dict[str, Any] = {"model": RegisteredModel.objects, "endpoint": Endpoint.objects}
    for selector, values in document.applies_to.items():
        for value in values:
            how = f"One of: {', '.join(fixed[selector])}." if selector in fixed else ""
            if selector in named:
                # One that is not registered yet may come; written otherwise than it is registered, it never matches.
                near = named[selector].filter(name__iexact=value).exclude(name=value).first()
                how = f"It is called {near.name}." if near else "" if value.isascii() else "Names are ASCII letters."
            elif value in fixed.get(selector, values):
                continue
            if how:
                message = f"appliesTo.{selector}: {value!r:.80} matches nothing here."
                raise InvalidInput(message, code="selector-unknown", field="source", how=how)


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
