"""What the ledger binds of governance. Frozen once released: add a new number, never edit one.

Free text that people wrote (words, reasons) is bound as a whole by the row's digest.
"""

from portal.ledger.states import register

register("policy/1", model="governance.Policy", fields=("name", "owner_role", "is_demo"))
register(
    "policy_version/1",
    model="governance.PolicyVersion",
    fields=("policy", "number", "source", "digest", "enforcement", "author", "retired_at"),
)
register(
    "decision/1",
    model="governance.Decision",
    fields=(
        "version",
        "endpoint",
        "facts_text",
        "facts_digest",
        "inputs_digest",
        "result_text",
        "digest",
        "verdict",
        "policies",
        "made_by",
        "made_at",
    ),
)
register(
    "release/1",
    model="governance.Release",
    fields=(
        "version",
        "endpoint",
        "requested_by",
        "words",
        "state",
        "decision",
        "due_at",
        "live_at",
        "ended_at",
        "is_demo",
    ),
)
register(
    "approval/1",
    model="governance.Approval",
    fields=("release", "decision", "decision_digest", "person", "role", "choice", "reason", "decided_at"),
)
register(
    "condition/1",
    model="governance.Condition",
    fields=("approval", "release", "text", "owner", "due_on", "state", "proof", "closed_by", "closed_at"),
)
