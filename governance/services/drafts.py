"""The way of a policy's text into force: begin, save, propose, approve by its owners, or give up.

A draft holds nothing. What is proposed was tested on every stored decision first, and takes effect only when each
owning role has approved the very text, none of them its author.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from governance.choices import DraftChoice, DraftState
from governance.gates.errors import PolicyError
from governance.gates.policy import Policy as ParsedPolicy
from governance.gates.rego import RegoPolicy
from governance.gates.sets import PolicySet
from governance.models import Backtest, Decision, Policy, PolicyApproval, PolicyDraft, PolicyVersion
from governance.services import opa, policies
from portal.access import Permission, holds_role, require
from portal.accounts.choices import Kind
from portal.accounts.models import Team, User
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.services import record

MAX_SOURCE = 100_000
P = Permission


def _check_size(source: str) -> str:
    text = source.replace("\r\n", "\n")
    if len(text) > MAX_SOURCE:
        raise InvalidInput(
            f"The text has {len(text):,} characters of at most {MAX_SOURCE:,}.",
            code="policy-too-long",
            field="source",
            how="Split it into several policies.",
        )
    if "\x00" in text or not text.strip():
        raise InvalidInput("The text is empty or holds a zero byte.", code="policy-empty", field="source")
    return text


def active_version(name: str) -> PolicyVersion | None:
    """The version of that name that is in force."""
    rows = PolicyVersion.objects.filter(policy__name__iexact=name, retired_at=None)
    return rows.select_related("policy").first()


@transaction.atomic
def begin_draft(
    source: str,
    *,
    actor: User,
    reason: str = "",
    origin: Mapping[str, Any] | None = None,
    is_demo: bool = False,
) -> PolicyDraft:
    """Keep a text as a draft of the policy or set that it names.

    Raises InvalidInput for a text that does not even name itself: everything else may be mended in the draft.
    """
    require(actor, P.GOVERNANCE_POLICY_DRAFT)
    text = _check_size(source)
    document = policies.read_or_refuse(text)
    base, is_demo = active_version(document.name), is_demo or actor.is_demo
    check_place(document, base, is_demo=is_demo)
    draft = PolicyDraft.objects.create(
        policy_name=document.name,
        kind=policies.kind_of(document),
        base=base,
        source=text,
        digest=policies.text_digest(text),
        reason=reason.strip(),
        author=actor,
        origin=dict(origin or {}),
        saved_at=timezone.now(),
        is_demo=is_demo,
    )
    _record(draft, actor, "begun")
    return draft


def check_place(document: ParsedPolicy | PolicySet, base: PolicyVersion | None, *, is_demo: bool) -> None:
    """Whether such a document may stand in place of what is in force now.

    Raises Conflict where that is of another kind, PermissionRefused where a draft of the demo would change what is
    real: a policy, or through a set the settings of one.
    """
    _check_kind(document.name, policies.kind_of(document), base)
    names = {document.name}
    if isinstance(document, PolicySet):
        names |= {entry.policy for entry in document.entries}
    rows = PolicyVersion.objects.filter(policy__name__in=names, retired_at=None)
    if is_demo and rows.exclude(policy__is_demo=True, draft__is_demo=True).exists():
        raise PermissionRefused(
            "A demo account does not change a real policy.", code="demo-account", how="Log in as yourself."
        )


def _check_kind(name: str, kind: str, base: PolicyVersion | None) -> None:
    row = base.policy if base is not None else Policy.objects.filter(name__iexact=name).first()
    if row is not None and row.kind != kind:
        raise Conflict(
            f"{row.name} is a {row.get_kind_display().lower()} already.",
            code="name-taken",
            field="source",
            how="Give the new one another name.",
        )


def _locked(draft: PolicyDraft, *states: str) -> PolicyDraft:
    row = PolicyDraft.objects.select_for_update().get(pk=draft.pk)
    if row.state not in states:
        raise Conflict(
            f"{row.public_id} is not open for this: {str(row.get_state_display()).lower()}.",
            code="draft-state",
            how="Open it again to see what happened, or begin a new draft.",
            details={"state": row.state},
        )
    return row


def _check_author(draft: PolicyDraft, actor: User) -> None:
    require(actor, P.GOVERNANCE_POLICY_DRAFT)
    if draft.author_id != actor.pk:
        raise PermissionRefused(
            f"{draft.public_id} is a draft of {draft.author}.",
            code="draft-of-another",
            how="Begin a draft of your own from its text, so that the log says who wrote what.",
        )


@transaction.atomic
def save_draft(
    draft: PolicyDraft, *, actor: User, source: str, seen_digest: str = "", reason: str | None = None
) -> PolicyDraft:
    """Keep a new text. It may have mistakes, as long as it can be read back; nothing is in force by it.

    seen_digest: what the writer had before them; another text saved since then is a conflict, not overwritten.
    """
    row = _locked(draft, DraftState.EDITING)
    _check_author(row, actor)
    text = _check_size(source)
    if seen_digest and seen_digest != row.digest:
        raise Conflict(
            "The draft was saved in another window since you opened it.",
            code="draft-stale",
            how="Your text is kept on this page; compare it with the saved one.",
            details={"digest": row.digest},
        )
    _check_named(text, row)
    changed = text != row.source or (reason is not None and reason.strip() != row.reason)
    if not changed:
        return row
    row.source, row.digest, row.saved_at = text, policies.text_digest(text), timezone.now()
    row.reason = row.reason if reason is None else reason.strip()
    row.save(update_fields=["source", "digest", "saved_at", "reason"])
    _record(row, actor, "saved")
    return row


def _check_named(text: str, draft: PolicyDraft) -> None:
    """A text that can be read keeps the name and kind of its draft; one that cannot may be saved and mended."""
    try:
        document = policies.read(text)
    except PolicyError:
        return
    if document.name != draft.policy_name or policies.kind_of(document) != draft.kind:
        raise InvalidInput(
            f"This is a draft of {draft.policy_name}; the text names {document.name}.",
            code="name-changed",
            field="source",
            how="Keep the name and kind, or begin a draft of another policy.",
        )


@transaction.atomic
def rebase_draft(draft: PolicyDraft, *, actor: User) -> PolicyDraft:
    """Say that the author has seen the version that came into force meanwhile and goes on from it."""
    row = _locked(draft, DraftState.EDITING)
    _check_author(row, actor)
    base = active_version(row.policy_name)
    _check_kind(row.policy_name, row.kind, base)
    row.base, row.saved_at = base, timezone.now()
    row.save(update_fields=["base", "saved_at"])
    _record(row, actor, "rebased")
    return row


def propose_draft(draft: PolicyDraft, *, actor: User, reason: str | None = None) -> PolicyDraft:
    """Ask the owners to put the text in force.

    Raises InvalidInput while the text has a mistake, a test fails or no reason is given; Conflict when another
    version came into force, when the text was not back-tested on all stored decisions, or when the server that it
    names does not deny the case that it must deny.
    """
    return _propose(draft, actor=actor, reason=reason, denied=_must_deny(draft, actor))


def _must_deny(draft: PolicyDraft, actor: User) -> str:
    """Ask the server of the text for its must-deny case, before anything is locked; the digest of the text, or ""."""
    row = PolicyDraft.objects.get(pk=draft.pk)
    _check_author(row, actor)
    if row.state != DraftState.EDITING:
        return ""
    document = policies.read_or_refuse(row.source)
    if not isinstance(document, RegoPolicy):
        return ""
    opa.check_must_deny(document)
    return row.digest


@transaction.atomic
def _propose(draft: PolicyDraft, *, actor: User, reason: str | None, denied: str) -> PolicyDraft:
    row = _locked(draft, DraftState.EDITING)
    _check_author(row, actor)
    document = policies.check_text(row.source)
    check_place(document, active_version(row.policy_name), is_demo=row.is_demo)
    row.reason = row.reason if reason is None else reason.strip()
    if not row.reason:
        how = "Say in a sentence what the change is for."
        raise InvalidInput("A reason is needed.", code="reason-missing", field="reason", how=how)
    _check_base(row)
    if isinstance(document, RegoPolicy):
        # Its server says nothing of the past, so there is no back-test; it must deny now.
        if denied != row.digest:
            how = "Propose it again."
            raise Conflict("The text changed while its server was asked.", code="draft-stale", how=how)
    elif current_backtest(row) is None and Decision.objects.exists():
        raise Conflict(
            "This text was not tried on the stored decisions.",
            code="backtest-missing",
            how="Run the back-test first: it shows the owners which releases the change concerns.",
        )
    row.state = DraftState.PROPOSED
    row.save(update_fields=["state", "reason"])
    _record(row, actor, "proposed", owners=policies.owners_of(policies.read(row.source), row.base))
    return row


def current_backtest(draft: PolicyDraft) -> Backtest | None:
    """The newest back-test of this very text with its own parameters on all decisions, or None."""
    rows = draft.backtests.filter(digest=draft.digest, params={}, selection={})
    return rows.order_by("-pk").first()


def _check_base(draft: PolicyDraft) -> None:
    now = active_version(draft.policy_name)
    if (now.pk if now else None) != draft.base_id:
        number = now.number if now else 0
        raise Conflict(
            f"Version {number} of {draft.policy_name} came into force since the draft was begun.",
            code="draft-outdated",
            how="Compare with it, take over what you need, and go on from it.",
            details={"number": number},
        )


@transaction.atomic
def decide_draft(
    draft: PolicyDraft, *, actor: User, role: str, choice: str, digest: str, reason: str = ""
) -> PolicyApproval:
    """Approve, ask for changes or reject, as an owner; the last owner's approval puts the text in force.

    digest: of the text that the owner read. Raises PermissionRefused for the author, a service identity, or
    somebody who does not hold the role; Conflict when the text changed or the seat is filled.
    """
    require(actor, P.GOVERNANCE_POLICY_APPROVE)
    if choice not in DraftChoice.values:
        how = f"One of: {', '.join(DraftChoice.values)}."
        raise InvalidInput(f"{choice!r} is no decision.", code="choice-unknown", field="choice", how=how)
    if choice != DraftChoice.APPROVE and not reason.strip():
        raise InvalidInput("A reason is needed.", code="reason-missing", field="reason", how="Say why in a sentence.")
    row = _locked(draft, DraftState.PROPOSED)
    if row.digest != digest:
        raise Conflict("The text changed while you read.", code="draft-stale", how="Read it again and decide.")
    # Two drafts of one policy are two rows: only one of them may come into force on the base that both name.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"policy:{row.policy_name}"])
    if choice == DraftChoice.APPROVE:
        # An approval is of a change, so of the version that it would replace.
        _check_base(row)
    _check_owner(row, actor, role)
    made = PolicyApproval.objects.create(
        draft=row,
        digest=digest,
        person=actor,
        role=role,
        choice=choice,
        reason=reason.strip(),
        decided_at=timezone.now(),
    )
    personal = {"reason": made.reason} if made.reason else None
    body = {"draft": row.public_id, "digest": digest, "role": role, "choice": str(choice)}
    record(actor=actor, event="governance:policy-approval:given", subject=made, body=body, personal=personal)
    _follow(row, choice, actor)
    return made


def _check_owner(draft: PolicyDraft, actor: User, role: str) -> None:
    if actor.kind != Kind.PERSON:
        raise PermissionRefused("A service identity approves no policy; a person does.", code="not-a-person")
    if why := author_problem(draft, actor=actor):
        raise PermissionRefused(why, code="separation-of-duties", how="Ask another owner.")
    if actor.is_demo and not draft.is_demo:
        raise PermissionRefused("A demo account approves demo policies only.", code="demo-account")
    if conflict := open_seat_problem(draft, role, actor=actor):
        raise conflict


def author_problem(draft: PolicyDraft, *, actor: User) -> str:
    """Why this person counts as the author of the draft, or an empty string."""
    if draft.author_id == actor.pk:
        return "You wrote it, so another owner approves it."
    if draft.author.kind == Kind.SERVICE and draft.author_id in actor.stands_behind:
        return f"You answer for {draft.author}, which sent it, so another owner approves it."
    return ""


def open_seat_problem(draft: PolicyDraft, role: str, *, actor: User) -> Conflict | PermissionRefused | None:
    """Why this person may not fill this seat now, or None."""
    missing = missing_owners(draft)
    if role not in missing:
        return Conflict(
            "This seat is not open.",
            code="seat-not-open",
            field="role",
            how=f"Open: {', '.join(missing) or 'none'}.",
        )
    if draft.approvals.filter(digest=draft.digest, person=actor).exists():
        how = "One person fills one seat, and decides once on one text: the author can save a changed one."
        return Conflict("You have decided already.", code="one-seat", how=how)
    if not holds_role(actor, role, scope_of(draft)):
        return PermissionRefused(
            f"You do not hold the role {role} where this text holds.",
            code="role-not-held",
            field="role",
            how="A policy holds in the whole organisation: so must the role.",
        )
    return None


def scope_of(draft: PolicyDraft) -> Team | None:
    """The team whose owners suffice, for a set that holds in one team only; None is the whole organisation.

    A set that held elsewhere until now is taken away from there: that is for owners of the whole organisation.
    """
    texts = [draft.source, *([draft.base.source] if draft.base is not None else [])]
    scopes = {one.scope if isinstance(one, PolicySet) else ("organisation", "") for one in map(policies.read, texts)}
    ((kind, name), *more) = scopes
    return Team.objects.filter(slug=name).first() if kind == "team" and not more else None


def missing_owners(draft: PolicyDraft) -> list[str]:
    """The owning roles that have not approved this text in place of this base yet."""
    rows = draft.approvals.filter(digest=draft.digest, choice=DraftChoice.APPROVE)
    # Who approved before the base came into force compared the text with another one. Both are written under the
    # lock of the policy's name, so the numbers tell what was first.
    last = (
        PolicyApproval.objects.filter(draft__version=draft.base_id).order_by("-pk").first() if draft.base_id else None
    )
    given = set(rows.filter(pk__gt=last.pk if last else 0).values_list("role", flat=True))
    return [role for role in policies.owners_of(policies.read(draft.source), draft.base) if role not in given]


def owners_missing_now(draft: PolicyDraft) -> list[str]:
    """The same for a page: nobody for a draft that is over, or whose text cannot be read yet."""
    if not draft.is_open:
        return []
    try:
        return missing_owners(draft)
    except PolicyError:
        return []


def _follow(draft: PolicyDraft, choice: str, actor: User) -> None:
    if choice == DraftChoice.REJECT:
        _move(draft, DraftState.REJECTED, actor, "rejected")
    elif choice == DraftChoice.CHANGES:
        _move(draft, DraftState.EDITING, actor, "returned")
    elif not missing_owners(draft):
        _check_base(draft)
        # What was true when it was proposed may not be now: a role left, a policy of the set is gone.
        check_place(policies.check_text(draft.source), draft.base, is_demo=draft.is_demo)
        draft.version, draft.state = policies.activate(draft, actor=actor), DraftState.ACTIVE
        draft.shadow = False
        draft.save(update_fields=["version", "state", "shadow"])
        _record(draft, actor, "activated")


def _move(draft: PolicyDraft, state: DraftState, actor: User, event: str) -> None:
    draft.state = state
    draft.save(update_fields=["state"])
    _record(draft, actor, event)


@transaction.atomic
def abandon_draft(draft: PolicyDraft, *, actor: User) -> PolicyDraft:
    """Give the draft up; it stays readable."""
    row = _locked(draft, DraftState.EDITING, DraftState.PROPOSED)
    _check_author(row, actor)
    row.shadow = False
    row.save(update_fields=["shadow"])
    _move(row, DraftState.ABANDONED, actor, "abandoned")
    return row


@transaction.atomic
def take_back_draft(draft: PolicyDraft, *, actor: User) -> PolicyDraft:
    """Take a proposed draft back to editing."""
    row = _locked(draft, DraftState.PROPOSED)
    _check_author(row, actor)
    _move(row, DraftState.EDITING, actor, "taken-back")
    return row


@transaction.atomic
def set_shadow(draft: PolicyDraft, *, actor: User, on: bool) -> PolicyDraft:
    """Let the draft run beside what is in force on every new decision, or stop it. It decides nothing."""
    row = _locked(draft, DraftState.EDITING, DraftState.PROPOSED)
    _check_author(row, actor)
    if on:
        policies.check_text(row.source)
    row.shadow = on
    row.save(update_fields=["shadow"])
    _record(row, actor, "shadow-begun" if on else "shadow-ended")
    return row


def _record(draft: PolicyDraft, actor: User, event: str, **more: Any) -> None:
    body = {"draft": draft.public_id, "policy": draft.policy_name, "digest": draft.digest, "state": draft.state, **more}
    record(actor=actor, event=f"governance:policy-draft:{event}", subject=draft, body=body)
