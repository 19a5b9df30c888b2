"""Checks of what a pack proves, from its document alone. Pure: no Django, no clock, no network."""

from audits.proof.ledger import check_ledger

__all__ = ["check_ledger"]
