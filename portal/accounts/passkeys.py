"""Passkeys: enrolled, renamed, revoked and reported lost by their owner; a replacement after a loss needs two others.

Each entry about a key carries the key itself and its digest, so the ledger alone is the history that a signature is
checked against.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from fido2 import cbor
from fido2.server import Fido2Server
from fido2.webauthn import (
    AuthenticatorData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from portal.access import Permission, require
from portal.accounts.choices import Kind, PasskeyState
from portal.accounts.models import Passkey, User
from portal.accounts.passkeys_proof import ALGORITHMS, Refused, read_key, to_b64
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.canonical import sha256_hex
from portal.ledger.services import record

MAX_KEYS = 20
TIMEOUT_MS = 5 * 60 * 1000
TRANSPORTS = frozenset({"usb", "nfc", "ble", "smart-card", "hybrid", "internal"})


def _server() -> Fido2Server:
    """The library's relying party. What an authenticator says of its make is not asked, so nobody is told apart."""
    party = PublicKeyCredentialRpEntity(id=settings.PASSKEY_RP_ID, name=settings.SITE_NAME)
    server = Fido2Server(party, verify_origin=lambda origin: origin == settings.PASSKEY_ORIGIN)
    # The library declares None here and reads a number.
    server.timeout = TIMEOUT_MS  # type: ignore[assignment]
    accepted = set(ALGORITHMS)
    server.allowed_algorithms = [one for one in server.allowed_algorithms if one.alg in accepted]
    return server


def may_enrol(user: User) -> None:
    """Raises PermissionRefused for a service identity, Conflict for somebody with very many keys or one that waits."""
    require(user, Permission.PORTAL_PASSKEY_OWN)
    if user.kind != Kind.PERSON:
        raise PermissionRefused("A service identity signs nothing; a person does.", code="not-a-person")
    held = list(user.passkeys.values_list("state", flat=True))
    if held.count(PasskeyState.WAITING):
        raise Conflict(
            "A key of yours waits for approval already.",
            code="passkey-waiting",
            how="Ask two others to approve it, or withdraw it first.",
        )
    if held.count(PasskeyState.ACTIVE) >= MAX_KEYS:
        raise Conflict(f"You have {MAX_KEYS} keys.", code="passkeys-many", how="Revoke one that you no longer use.")


def needs_approval(user: User) -> bool:
    """Whether the next key replaces what is gone: there was a key once, and none is left."""
    states = set(user.passkeys.filter(enrolled_at__isnull=False).values_list("state", flat=True))
    return bool(states) and PasskeyState.ACTIVE not in states


def begin_enrolment(*, actor: User) -> tuple[dict[str, Any], dict[str, Any]]:
    """(options for `navigator.credentials.create`, what to keep of them until the answer comes)."""
    may_enrol(actor)
    entity = PublicKeyCredentialUserEntity(id=actor.uuid.bytes, name=actor.username, display_name=str(actor))
    options, state = _server().register_begin(
        entity,
        user_verification=UserVerificationRequirement.REQUIRED,
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
    )
    public = dict(options.public_key)
    known = actor.passkeys.filter(state=PasskeyState.ACTIVE)
    public["excludeCredentials"] = [{"type": "public-key", "id": row.credential_id} for row in known]
    return public, {"challenge": state["challenge"], "user_verification": "required"}


@transaction.atomic
def enrol(*, actor: User, label: str, password: str, answer: Mapping[str, Any], kept: Mapping[str, Any]) -> Passkey:
    """Keep the public key that the browser made. It waits for two others where it replaces a lost one.

    The password is asked again: an open session alone must not be enough to sign in somebody's name later.
    Raises InvalidInput for a wrong password, label or answer; Conflict for a key that is known.
    """
    user = User.objects.select_for_update().get(pk=actor.pk)
    may_enrol(user)
    if not user.check_password(password):
        raise InvalidInput("This is not your password.", code="password-wrong", field="password")
    if not label.strip():
        raise InvalidInput("The key needs a name.", code="label-missing", field="label", how="Say where it is kept.")
    data = _registered(answer, kept)
    assert data.credential_data is not None
    public_key = cbor.encode(dict(data.credential_data.public_key))
    credential_id = to_b64(data.credential_data.credential_id)
    if Passkey.objects.filter(credential_id=credential_id).exists():
        raise Conflict("This key is enrolled already.", code="passkey-known", how="Use it, or enrol another one.")
    now, waits = timezone.now(), needs_approval(user)
    row = Passkey.objects.create(
        user=user,
        label=label.strip()[:60],
        credential_id=credential_id,
        public_key=to_b64(public_key),
        public_key_digest=sha256_hex(public_key),
        algorithm=ALGORITHMS[read_key(public_key).ALGORITHM],
        transports=_transports(answer),
        rp_id=settings.PASSKEY_RP_ID,
        origin=settings.PASSKEY_ORIGIN,
        state=PasskeyState.WAITING if waits else PasskeyState.ACTIVE,
        is_replacement=waits,
        created_at=now,
        enrolled_at=None if waits else now,
        sign_count=data.counter,
    )
    write(row, "asked-for" if waits else "enrolled", actor=actor, now=now)
    return row


def _registered(answer: Mapping[str, Any], kept: Mapping[str, Any]) -> AuthenticatorData:
    """What the library finds right about the answer. Raises InvalidInput."""
    try:
        data = _server().register_complete(kept, answer)
        if data.credential_data is None or not 0 < len(data.credential_data.credential_id) <= 1023:
            raise ValueError("no credential")
        read_key(cbor.encode(dict(data.credential_data.public_key)))
    except Refused as refused:
        raise InvalidInput(refused.finding.message, code=refused.finding.code, field="answer") from refused
    except Exception as error:
        # The library reads bytes that a stranger may have made, and says so by many kinds of errors.
        raise InvalidInput(
            f"The browser's answer does not hold: {str(error)[:200] or 'it cannot be read'}",
            code="passkey-answer",
            field="answer",
            how="Start again with Enrol a passkey.",
        ) from error
    return data


def _transports(answer: Mapping[str, Any]) -> list[str]:
    found = answer.get("response", {}).get("transports", [])
    return sorted({one for one in found if one in TRANSPORTS}) if isinstance(found, list) else []


def write(row: Passkey, action: str, *, actor: User, now: dt.datetime, **more: Any) -> None:
    """The entry about a key, with the key in it."""
    body = {
        "user": str(row.user.uuid),
        "credential": row.credential_id,
        "public_key": row.public_key,
        "public_key_sha256": row.public_key_digest,
        "algorithm": row.algorithm,
        "rp_id": row.rp_id,
        "origin": row.origin,
        "replacement": row.is_replacement,
        **more,
    }
    event = f"portal:passkey:{action}"
    record(actor=actor, event=event, subject=row, body=body, personal={"label": row.label}, now=now)


def _own(row: Passkey, actor: User) -> Passkey:
    row = Passkey.objects.select_for_update(of=("self",)).select_related("user").get(pk=row.pk)
    if row.user_id != actor.pk:
        raise PermissionRefused("This is somebody else's key.", code="not-your-passkey")
    require(actor, Permission.PORTAL_PASSKEY_OWN)
    return row


@transaction.atomic
def rename(row: Passkey, *, actor: User, label: str) -> Passkey:
    """Give one's own key another name."""
    row = _own(row, actor)
    if not label.strip():
        raise InvalidInput("The key needs a name.", code="label-missing", field="label", how="Say where it is kept.")
    if label.strip() != row.label:
        row.label = label.strip()[:60]
        row.save(update_fields=["label"])
        write(row, "renamed", actor=actor, now=timezone.now())
    return row


@transaction.atomic
def revoke(row: Passkey, *, actor: User, lost: bool = False) -> Passkey:
    """End one's own key at once; what it signed stays valid. `lost` says why. Ending it twice changes nothing."""
    row = _own(row, actor)
    if row.state not in (PasskeyState.ACTIVE, PasskeyState.WAITING):
        return row
    if lost and row.state == PasskeyState.WAITING:
        raise Conflict("A key that waits cannot be lost.", code="passkey-waiting", how="Withdraw it.")
    row.state = PasskeyState.LOST if lost else PasskeyState.REVOKED
    row.ended_at = timezone.now()
    row.save(update_fields=["state", "ended_at"])
    write(row, "lost" if lost else "revoked", actor=actor, now=row.ended_at)
    return row
