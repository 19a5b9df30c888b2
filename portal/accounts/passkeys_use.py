"""Signing with a passkey: what the browser is asked, and whether what it answers holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from portal.accounts.choices import PasskeyState
from portal.accounts.models import Passkey, User
from portal.accounts.passkeys import TIMEOUT_MS
from portal.accounts.passkeys_proof import Assertion, Finding, Key, Refused, challenge_of, check, from_b64, to_b64
from portal.errors import PermissionRefused

HOW = {
    "user-not-verified": "Use a key with a PIN, fingerprint or face.",
    "counter-not-grown": "Revoke this key and enrol another one; report it to security.",
    "origin-differs": "Open the portal at its own address and sign there.",
    "key-unknown": "Sign with one of the keys in your list, or enrol this one first.",
    "key-revoked": "Sign with another key, or enrol one.",
}


def active_keys(user: User) -> list[Passkey]:
    """The keys that this person can sign with here, newest first."""
    rows = user.passkeys.filter(state=PasskeyState.ACTIVE, rp_id=settings.PASSKEY_RP_ID)
    return list(rows.order_by("-pk"))


def begin(user: User, statement: bytes) -> dict[str, Any]:
    """Options for `navigator.credentials.get`: the statement's SHA-256 as challenge, and the person's keys."""
    allowed = [
        {"type": "public-key", "id": row.credential_id, "transports": row.transports} for row in active_keys(user)
    ]
    return {
        "challenge": to_b64(challenge_of(statement)),
        "rpId": settings.PASSKEY_RP_ID,
        "allowCredentials": allowed,
        "userVerification": "required",
        "timeout": TIMEOUT_MS,
    }


def verify(user: User, answer: Mapping[str, Any], statement: bytes, *, now: dt.datetime) -> tuple[Passkey, Assertion]:
    """The key and the assertion, when the person signed exactly this statement with a key of theirs, here and now.

    Locks the key's row, so that of two signatures at once the second sees the first one's counter; call it inside the
    transaction of the act. Raises PermissionRefused, whose code is "passkey-" and the finding's.
    """
    try:
        assertion = Assertion.parse(answer)
        assertion.counter  # noqa: B018 (raises for what is too short to hold one)
    except Refused as refused:
        raise refusal(refused.finding) from refused
    rows = Passkey.objects.select_for_update(of=("self",)).filter(user=user, enrolled_at__isnull=False)
    row = rows.filter(credential_id=to_b64(assertion.credential_id)).first()
    if row is None:
        raise refusal(Finding("key-unknown", "This key is not one of yours."))
    key = key_of(row)
    found = check(statement, assertion, key, rp_id=row.rp_id, origin=settings.PASSKEY_ORIGIN, at=now)
    if found is not None:
        raise refusal(found)
    return row, assertion


def key_of(row: Passkey) -> Key:
    """The row as the pure check reads it."""
    assert row.enrolled_at is not None
    return Key(
        credential_id=from_b64(row.credential_id),
        public_key=from_b64(row.public_key),
        enrolled_at=row.enrolled_at,
        ended_at=row.ended_at,
        counter=row.sign_count,
    )


def used(row: Passkey, assertion: Assertion, *, now: dt.datetime) -> None:
    """Note the counter and the time. Neither is bound by the ledger: the signature itself carries the counter."""
    row.sign_count, row.last_used_at = assertion.counter, now
    row.save(update_fields=["sign_count", "last_used_at"])


def refusal(found: Finding) -> PermissionRefused:
    how = HOW.get(found.code, "Sign again; if it happens once more, enrol another key.")
    return PermissionRefused(found.message, code=f"passkey-{found.code}", how=how)
