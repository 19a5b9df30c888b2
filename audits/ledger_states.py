"""What the ledger binds of audits. Frozen once released: add a new number, never edit one."""
