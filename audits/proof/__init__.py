"""Checks of what a pack proves, from its document alone. Pure: no Django, no clock, no network."""

from audits.proof.ledger import check_ledger
from audits.proof.signatures import check_signatures, check_witnesses, key_history

__all__ = ["check_ledger", "check_signatures", "check_witnesses", "key_history"]
