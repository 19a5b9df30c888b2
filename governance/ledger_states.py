"""What the ledger binds of governance. Frozen once released: add a new number, never edit one.

Free text that people wrote (words, reasons) is bound as a whole by the row's digest.
"""

from portal.ledger import teams
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
register("policy/2", model="governance.Policy", fields=("name", "kind", "owner_role", "is_demo"))
register(
    "policy_draft/1",
    model="governance.PolicyDraft",
    fields=(
        "policy_name",
        "kind",
        "base",
        "source",
        "digest",
        "reason",
        "author",
        "state",
        "shadow",
        "origin",
        "version",
        "saved_at",
        "is_demo",
    ),
)
register(
    "policy_approval/1",
    model="governance.PolicyApproval",
    fields=("draft", "digest", "person", "role", "choice", "reason", "decided_at"),
)
register(
    "policy_backtest/1",
    model="governance.Backtest",
    fields=(
        "draft",
        "digest",
        "params",
        "selection",
        "last_decision",
        "total",
        "counts",
        "flips",
        "made_by",
        "made_at",
    ),
)
teams.register("governance.Approval", "release__version__model__team")
teams.register("governance.Condition", "release__version__model__team")
teams.register_organisation("policy", "policy_version", "policy_draft", "policy_approval", "policy_backtest")
