"""The signatures of a release in its evidence pack: as data, and as files that ordinary tools check."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from governance import selectors_signatures
from governance.models import Release
from portal.accounts.passkeys_proof import from_b64, pem_of
from portal.ledger import merkle
from portal.ledger.services import tile_reader


def gather(release: Release) -> tuple[list[dict[str, Any]], list[tuple[str, object]]]:
    """(the signatures, the subjects whose ledger entries belong to them: each signature, and each key's history)."""
    rows = selectors_signatures.signatures_of(release)
    subjects: list[tuple[str, object]] = [("approval_signature", row.pk) for row in rows]
    subjects += [("passkey", key) for key in sorted({row.passkey_id for row in rows})]
    return selectors_signatures.documents(rows), subjects


def add_consistency(documents: Iterable[dict[str, Any]], size: int) -> None:
    """To each signature, the proof that the log which its signer saw is the beginning of the log of `size` entries."""
    read = tile_reader()
    for row in documents:
        seen = json.loads(row["statement"])["checkpoint"]["size"]
        row["consistency"] = [node.hex() for node in merkle.consistency_proof(read, seen, size)]


def write_files(documents: Iterable[Mapping[str, Any]], folder: Path) -> None:
    """For each signature: the statement, the browser's data, the authenticator's data, the signature and the key."""
    for row in documents:
        folder.mkdir(exist_ok=True)
        stem, answer = folder / f"{row['approval']}", row["assertion"]["response"]
        stem.with_suffix(".statement.json").write_bytes(row["statement"].encode())
        stem.with_suffix(".client.json").write_bytes(from_b64(answer["clientDataJSON"]))
        stem.with_suffix(".authdata").write_bytes(from_b64(answer["authenticatorData"]))
        stem.with_suffix(".sig").write_bytes(from_b64(answer["signature"]))
        stem.with_suffix(".pem").write_text(pem_of(from_b64(row["key"]["public_key"])))
