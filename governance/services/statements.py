"""The approval statement: what a passkey signs, built before the decision and held against it when it comes.

Canonical JSON of who, in which seat, about which decision, with which verdict, conditions and reason, when, with a
nonce, and the ledger's checkpoint of that moment, so that each approver is a witness of the log.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone

from catalog.choices import RiskTier
from governance import seats
from governance.choices import DecisionChoice
from governance.models import Approval, ApprovalSignature, PendingStatement, Release
from governance.services.approval_checks import Sat, check_form, check_person, check_state, opinion_of
from portal.access import Permission, require
from portal.accounts import passkeys_use
from portal.accounts.models import Passkey, User
from portal.accounts.passkeys_proof import Assertion, to_b64
from portal.errors import Conflict, InvalidInput, PermissionRefused, Unavailable
from portal.ledger.canonical import canonical_bytes, parse_strict, sha256_hex
from portal.ledger.encoding import instant
from portal.ledger.models import Checkpoint
from portal.ledger.personal import commit
from portal.ledger.services import record

SCHEMA = "gatehouse.approval-statement/1"
LIFETIME = dt.timedelta(minutes=5)
NONCE_BYTES = 32
MAX_ANSWER = 20_000
# What of a condition is no free text.
CODES = frozenset({"on_overdue"})


@dataclasses.dataclass(frozen=True)
class Signed:
    """What a decision form brings: which statement was signed, and the browser's assertion."""

    digest: str
    answer: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Deed:
    """What somebody does with a release: all that a signature is about, apart from when."""

    release: Release
    actor: User
    sat: Sat
    choice: DecisionChoice
    reason: str = ""
    opinion: str = ""
    conditions: Sequence[Any] = ()


@dataclasses.dataclass(frozen=True)
class Checked:
    """A signature that holds, to be kept with the approval."""

    pending: PendingStatement
    passkey: Passkey
    assertion: Assertion


def is_required(release: Release) -> bool:
    """Whether a decision on this release counts only when it is signed: by the risk tier of its model."""
    return str(RiskTier(release.version.model.risk_tier)) in settings.PASSKEY_TIERS


def statement_for(
    release: Release,
    *,
    actor: User,
    role: str,
    choice: str,
    decision_digest: str,
    reason: str = "",
    conditions: Sequence[Any] = (),
    opinion: str = "",
    now: dt.datetime | None = None,
) -> PendingStatement:
    """The statement that this person would sign now; it can be used once, within five minutes.

    Raises what the decision itself would raise, so that nobody signs in vain; Conflict for a person without a key;
    Unavailable while the log has no checkpoint.
    """
    require(actor, Permission.GOVERNANCE_RELEASE_DECIDE, release.version.model.team_id)
    check_form(role, choice, reason.strip(), conditions, opinion)
    if not passkeys_use.active_keys(actor):
        raise no_key(release)
    said = DecisionChoice(choice)
    check_state(release, said, decision_digest)
    sat = check_person(release, actor, role, said, seats.load(release), sitting=False)
    found = opinion_of(sat, said, opinion)
    return _issue(Deed(release, actor, sat, said, reason.strip(), found, conditions), now or timezone.now())


def _issue(deed: Deed, now: dt.datetime) -> PendingStatement:
    commitment = commit("reason", deed.reason) if deed.reason else None
    document = {
        "schema": SCHEMA,
        **_said(deed),
        "reason": {"commit": commitment.digest} if commitment else None,
        "at": instant(now),
        "nonce": secrets.token_hex(NONCE_BYTES),
        "checkpoint": _checkpoint(),
    }
    text = canonical_bytes(document)
    PendingStatement.objects.filter(person=deed.actor, expires_at__lt=now - LIFETIME).delete()
    return PendingStatement.objects.create(
        person=deed.actor,
        release=deed.release,
        digest=sha256_hex(text),
        text=text.decode(),
        reason_salt=commitment.salt.hex() if commitment else "",
        made_at=now,
        expires_at=now + LIFETIME,
    )


def _said(deed: Deed) -> dict[str, Any]:
    """The part of a statement that the decision is held against."""
    release, role, lent = deed.release, deed.sat.state.role, deed.sat.lent
    assert release.decision is not None
    recused = [row for row in seats.seating_of(release).recusals if row.role == role]
    return {
        "person": f"user:{deed.actor.uuid}",
        "seat": str(role),
        "in_place_of": f"user:{lent.giver.uuid}" if lent else None,
        "recused": [f"user:{row.person.uuid}" for row in recused],
        "release": release.public_id,
        "subject": {"version": str(release.version), "endpoint": release.endpoint.name},
        "decision": release.decision.digest,
        "choice": str(deed.choice),
        "opinion": str(deed.opinion) or None,
        "conditions": conditions_of(deed.conditions),
    }


def no_key(release: Release) -> Conflict:
    return Conflict(
        "You have no passkey that could sign this.",
        code="passkey-none",
        how="Enrol one under Passkeys in the account menu; your text is kept.",
        details={"tier": str(release.version.model.risk_tier)},
    )


def _checkpoint() -> dict[str, Any]:
    latest = Checkpoint.objects.filter(origin=settings.LEDGER_ORIGIN).order_by("-size").first()
    if latest is None:
        raise Unavailable(
            "The audit log has no checkpoint yet, and a signature names one.",
            code="no-checkpoint",
            how="Wait some seconds and sign again; if it stays so, see whether the worker runs.",
        )
    return {"origin": latest.origin, "size": latest.size, "root": bytes(latest.root).hex()}


def conditions_of(conditions: Sequence[Any]) -> list[dict[str, Any]]:
    """Each condition as the statement names it: its texts by their SHA-256, people by their uuid."""
    return [
        {field.name: _plain(field.name, getattr(one, field.name)) for field in dataclasses.fields(one)}
        for one in conditions
    ]


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, User):
        return f"user:{value.uuid}"
    if isinstance(value, dt.datetime):
        return instant(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, str):
        return str(value) if name in CODES else {"sha256": sha256_hex(value.strip().encode())}
    if value is None or isinstance(value, bool | int):
        return value
    raise TypeError(f"a condition's {name} has no place in a statement: {type(value).__name__}")


def signed_from(data: Mapping[str, Any]) -> Signed | None:
    """What a form brings in `signed_statement` and `assertion`, or None. Raises InvalidInput for what is no JSON."""
    digest, raw = str(data.get("signed_statement") or ""), str(data.get("assertion") or "")
    if not digest and not raw:
        return None
    try:
        answer = json.loads(raw) if len(raw) <= MAX_ANSWER else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise InvalidInput("The signature cannot be read.", code="assertion-unreadable", how="Sign again.")
    return Signed(digest, answer)


def check(signature: Signed | None, deed: Deed) -> Checked | None:
    """What to keep with the approval; None where nothing was signed and nothing had to be.

    Runs inside the decision's transaction, under the release's lock, and uses the statement up whatever follows.
    Raises PermissionRefused where a signature is required or does not hold, Conflict for a statement that is unknown,
    used, too old, about something else, or names a checkpoint that this log does not have.
    """
    if signature is None:
        if is_required(deed.release):
            raise _required(deed.release, deed.actor)
        return None
    now = timezone.now()
    pending = _take(signature.digest, deed, now)
    _compare(pending, deed)
    passkey, assertion = passkeys_use.verify(deed.actor, signature.answer, pending.text.encode(), now=now)
    return Checked(pending, passkey, assertion)


def _required(release: Release, actor: User) -> PermissionRefused | Conflict:
    if not passkeys_use.active_keys(actor):
        return no_key(release)
    tier = str(release.version.model.get_risk_tier_display()).lower()
    return PermissionRefused(
        f"A decision on a model of {tier} risk is signed with a passkey.",
        code="passkey-required",
        how="Decide on the release's page, in a browser that reaches your key.",
    )


def _stale(message: str, code: str) -> Conflict:
    return Conflict(message, code=code, how="Sign again; what you wrote is kept.")


def _take(digest: str, deed: Deed, now: dt.datetime) -> PendingStatement:
    rows = PendingStatement.objects.select_for_update().filter(person=deed.actor, release=deed.release)
    pending = rows.filter(digest=digest).first()
    if pending is None:
        raise _stale("This statement was not made for you here, or it is long over.", "statement-unknown")
    if pending.used_at is not None:
        raise _stale("This statement was used already; each is signed once.", "statement-used")
    pending.used_at = now
    pending.save(update_fields=["used_at"])
    if pending.expires_at <= now:
        raise _stale("The statement is older than five minutes.", "statement-expired")
    return pending


def _compare(pending: PendingStatement, deed: Deed) -> None:
    told = parse_strict(pending.text)
    salt = bytes.fromhex(pending.reason_salt)
    reason = {"commit": commit("reason", deed.reason, salt=salt).digest} if deed.reason and salt else None
    given = _said(deed) | {"reason": reason}
    differing = [name for name, value in given.items() if told[name] != value]
    if differing or bool(deed.reason) != bool(salt):
        raise _stale(
            f"What is decided is not what was signed: {', '.join(differing or ['reason'])}.", "statement-differs"
        )
    point = told["checkpoint"]
    root = bytes.fromhex(point["root"])
    if not Checkpoint.objects.filter(origin=point["origin"], size=point["size"], root=root).exists():
        raise _stale("The audit log no longer has the checkpoint that the statement names.", "statement-checkpoint")


def keep(approval: Approval, checked: Checked | None, *, actor: User, now: dt.datetime) -> ApprovalSignature | None:
    """Store the signature with its approval; its entry holds all that is needed to check it, and no free text."""
    if checked is None:
        return None
    passkey, assertion, pending = checked.passkey, checked.assertion, checked.pending
    passkeys_use.used(passkey, assertion, now=now)
    row = ApprovalSignature.objects.create(
        approval=approval,
        passkey=passkey,
        statement=pending.text,
        statement_digest=pending.digest,
        authenticator_data=to_b64(assertion.authenticator_data),
        client_data=to_b64(assertion.client_data),
        signature=to_b64(assertion.signature),
        rp_id=passkey.rp_id,
        origin=settings.PASSKEY_ORIGIN,
        reason_salt=pending.reason_salt or None,
        signed_at=now,
    )
    body = {
        "release": approval.release.public_id,
        "approval": str(approval.pk),
        "statement": row.statement,
        "assertion": assertion.document(),
        "public_key_sha256": passkey.public_key_digest,
        "rp_id": row.rp_id,
        "origin": row.origin,
    }
    record(actor=actor, event="governance:approval:signed", subject=row, body=body, now=now)
    return row
