"""Do the signatures of an evidence document hold, with the keys that the ledger's own entries name? Pure.

A key's history is what the entries `portal:passkey:*` say of it: from when until when it counted, and whose it was.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from portal.accounts.passkeys_proof import Assertion, Key, Refused, check, from_b64
from portal.ledger import merkle

STARTS = "portal:passkey:enrolled"
ENDS = ("portal:passkey:revoked", "portal:passkey:lost")


def key_history(leaves: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """What ledger entries (canonical JSON) say about keys, in the log's order, by credential id."""
    found: dict[str, list[dict[str, Any]]] = {}
    for leaf in leaves:
        entry = json.loads(leaf)
        if entry["event"] in (STARTS, *ENDS):
            found.setdefault(entry["body"]["credential"], []).append(entry)
    return found


def check_signatures(
    documents: Iterable[Mapping[str, Any]],
    history: Mapping[str, list[dict[str, Any]]],
    *,
    rp_id: str | None = None,
    origin: str | None = None,
) -> list[str]:
    """What does not hold, in words; an empty list when all does.

    rp_id, origin: the installation's, got by another way; without them the document's own are used.
    """
    problems, counters = [], dict[str, int]()
    for row in documents:
        name = f"signature of approval {row.get('approval')}"
        try:
            found = _check(row, history, counters, rp_id, origin)
        except Refused as refused:
            found = refused.finding.message
        except (KeyError, TypeError, ValueError) as error:
            found = f"it cannot be read ({error})"
        if found:
            problems.append(f"{name}: {found}")
    return problems


def check_witnesses(documents: Iterable[Mapping[str, Any]], checkpoint: Mapping[str, Any]) -> list[str]:
    """Whether the log that each signer was shown is the beginning of the log of this checkpoint; what is not, in words.

    Each statement names size and root of that moment: whoever signed it is a witness that the past was not rewritten.
    """
    problems = []
    for row in documents:
        try:
            seen = json.loads(row["statement"])["checkpoint"]
            proof = [bytes.fromhex(node) for node in row["consistency"]]
            old, new = bytes.fromhex(seen["root"]), bytes.fromhex(checkpoint["root"])
            merkle.verify_consistency(seen["size"], checkpoint["size"], old, new, proof)
        except (merkle.ProofError, KeyError, TypeError, ValueError) as error:
            problems.append(f"signature of approval {row.get('approval')}: its signer saw another log ({error})")
    return problems


def _check(
    row: Mapping[str, Any],
    history: Mapping[str, list[dict[str, Any]]],
    counters: dict[str, int],
    rp_id: str | None,
    origin: str | None,
) -> str:
    statement = row["statement"].encode()
    told = json.loads(statement)
    if hashlib.sha256(statement).hexdigest() != row["statement_sha256"]:
        return "the digest is not that of the statement"
    wanted = {"person": row["person"], "seat": row["role"], "choice": row["choice"], "decision": row["decision"]}
    if differing := [field for field, value in wanted.items() if told.get(field) != value]:
        return f"the statement says something else: {', '.join(differing)}"
    credential = row["assertion"]["id"]
    entries = history.get(credential, [])
    if not entries or entries[0]["event"] != STARTS:
        return "the ledger names no such key"
    if f"user:{entries[0]['body']['user']}" != row["person"]:
        return "the ledger says that the key is another person's"
    assertion = Assertion.parse(row["assertion"])
    key = _key(entries, counters.get(credential, 0))
    at = dt.datetime.fromisoformat(row["signed_at"])
    finding = check(statement, assertion, key, rp_id=rp_id or row["rp_id"], origin=origin or row["origin"], at=at)
    counters[credential] = max(assertion.counter, counters.get(credential, 0))
    return finding.message if finding else ""


def _key(entries: list[dict[str, Any]], counter: int) -> Key:
    start = entries[0]
    ended = next((entry["at"] for entry in entries if entry["event"] in ENDS), None)
    public_key = from_b64(start["body"]["public_key"])
    if hashlib.sha256(public_key).hexdigest() != start["body"]["public_key_sha256"]:
        raise Refused("key-digest", "the key is not what its digest says")
    return Key(
        credential_id=from_b64(start["body"]["credential"]),
        public_key=public_key,
        enrolled_at=dt.datetime.fromisoformat(start["at"]),
        ended_at=dt.datetime.fromisoformat(ended) if ended else None,
        counter=counter,
    )
