"""Does the ledger part of an evidence document hold: signed checkpoint, leaves, inclusion proofs?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal.ledger import merkle, notes


def check_ledger(ledger: Mapping[str, Any], *, key: str | None = None) -> list[str]:
    """What does not hold, in words; an empty list when all does.

    key: the log's verifier key got by another way; without it the document's own is used, which shows only
    that the document agrees with itself.
    """
    try:
        body = notes.open_checkpoint(ledger["checkpoint"]["note"], notes.Verifier.parse(key or ledger["key"]))
    except notes.NoteError as error:
        return [f"the checkpoint does not hold: {error}"]
    problems = []
    if (body.size, body.root.hex()) != (ledger["checkpoint"]["size"], ledger["checkpoint"]["root"]):
        problems.append("size or root differ from the signed note")
    for row in ledger["entries"]:
        leaf = merkle.leaf_hash(row["leaf"].encode())
        if leaf.hex() != row["leaf_hash"]:
            problems.append(f"entry {row['index']}: the leaf is not what its hash says")
            continue
        try:
            proof = [bytes.fromhex(node) for node in row["proof"]]
            merkle.verify_inclusion(leaf, row["index"], body.size, proof, body.root)
        except (merkle.ProofError, ValueError) as error:
            problems.append(f"entry {row['index']}: {error}")
    return problems
