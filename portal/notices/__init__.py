"""Notices: what people and machines outside are told when the ledger has recorded something."""
