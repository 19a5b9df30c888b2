"""Reading signatures: what is needed to check one without the portal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from governance.models import ApprovalSignature, Release


def signatures_of(release: Release) -> list[ApprovalSignature]:
    """The signatures of a release that the caller may see, oldest first, in one query."""
    rows = ApprovalSignature.objects.filter(approval__release=release)
    return list(rows.select_related("approval__person", "passkey").order_by("pk"))


def document_of(row: ApprovalSignature) -> dict[str, Any]:
    """One signature with its statement, assertion and public key (`audits.proof.signatures` reads it)."""
    key = row.passkey
    response = {
        "authenticatorData": row.authenticator_data,
        "clientDataJSON": row.client_data,
        "signature": row.signature,
    }
    return {
        "approval": row.approval_id,
        "person": f"user:{row.approval.person.uuid}",
        "role": row.approval.role,
        "choice": row.approval.choice,
        "decision": row.approval.decision_digest,
        "statement": row.statement,
        "statement_sha256": row.statement_digest,
        "assertion": {"id": key.credential_id, "response": response},
        "rp_id": row.rp_id,
        "origin": row.origin,
        "signed_at": row.signed_at.isoformat(),
        "key": {
            "credential": key.credential_id,
            "public_key": key.public_key,
            "public_key_sha256": key.public_key_digest,
            "algorithm": key.algorithm,
            "enrolled_at": key.enrolled_at.isoformat() if key.enrolled_at else None,
            "ended_at": key.ended_at.isoformat() if key.ended_at else None,
        },
    }


def documents(rows: Iterable[ApprovalSignature]) -> list[dict[str, Any]]:
    return [document_of(row) for row in rows]
