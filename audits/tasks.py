"""Jobs of audits."""
