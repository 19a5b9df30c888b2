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
register(
    "release/2",
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
        "valid_until",
        "fallback",
        "fallback_version",
        "fallback_text",
        "held_from",
        "stop_reason",
        "stopped_at",
    ),
)
register(
    "condition/2",
    model="governance.Condition",
    fields=(
        "approval",
        "release",
        "text",
        "owner",
        "due_on",
        "state",
        "proof",
        "closed_by",
        "closed_at",
        "set_by",
        "proof_wanted",
        "on_overdue",
        "overdue_at",
    ),
)
register(
    "finding/1",
    model="governance.Finding",
    fields=(
        "version",
        "release",
        "severity",
        "text",
        "cause",
        "raised_by",
        "raised_at",
        "owner",
        "due_on",
        "proof_wanted",
        "on_overdue",
        "overdue_at",
        "state",
        "proof",
        "closed_by",
        "closed_at",
    ),
)
register(
    "emergency/1",
    model="governance.Emergency",
    fields=(
        "release",
        "decision_digest",
        "declared_by",
        "role",
        "reason",
        "declared_at",
        "review_due_at",
        "on_overdue",
        "state",
        "overdue_at",
        "reviewed_by",
        "reviewed_at",
        "outcome",
        "review",
    ),
)
register(
    "release_rules/1",
    model="governance.ReleaseRules",
    fields=(
        "endpoint",
        "second_release",
        "expire_when_due",
        "emergency_roles",
        "emergency_hours",
        "emergency_overdue",
    ),
)
register(
    "rollout/1",
    model="governance.Rollout",
    fields=(
        "release",
        "state",
        "metrics",
        "alpha",
        "silence_minutes",
        "burn_in_minutes",
        "burn_in_requests",
        "approval_share",
        "limits",
        "webhook_url",
        "digest",
        "position",
        "made_by",
        "made_at",
        "ended_at",
        "reasons",
    ),
)
register(
    "rollout_step/1",
    model="governance.RolloutStep",
    fields=("rollout", "number", "share", "least_minutes", "least_requests", "allowed_at", "reached_at"),
)
register(
    "share_approval/1",
    model="governance.ShareApproval",
    fields=("rollout", "share", "plan_digest", "decision_digest", "person", "role", "reason", "decided_at"),
)
register(
    "signal_batch/1",
    model="governance.SignalBatch",
    fields=("endpoint", "producer", "batch_id", "digest", "rows", "received_by", "received_at"),
)
register(
    "incident_draft/1",
    model="governance.IncidentDraft",
    fields=("release", "cause", "title", "summary", "opened_at", "closed_by", "closed_at", "outcome"),
)
teams.register("governance.Approval", "release__version__model__team")
teams.register("governance.Condition", "release__version__model__team")
teams.register_organisation("policy", "policy_version", "policy_draft", "policy_approval", "policy_backtest")
register(
    "approval_signature/1",
    model="governance.ApprovalSignature",
    fields=(
        "approval",
        "passkey",
        "statement",
        "statement_digest",
        "authenticator_data",
        "client_data",
        "signature",
        "rp_id",
        "origin",
        "signed_at",
    ),
)
teams.register("governance.ApprovalSignature", "approval__release__version__model__team")
register(
    "approval/2",
    model="governance.Approval",
    fields=(
        *("release", "decision", "decision_digest", "person", "role", "choice", "reason", "decided_at"),
        *("opinion", "valid_until", "delegation", "sitting"),
    ),
)
register(
    "delegation/1",
    model="governance.Delegation",
    fields=(
        *("giver", "deputy", "role", "team", "model", "endpoint", "starts_at", "until", "reason", "made_at"),
        *("revoked_at", "revoked_by"),
    ),
)
register("recusal/1", model="governance.Recusal", fields=("release", "person", "role", "reason", "made_at"))
register(
    "sitting/1",
    model="governance.Sitting",
    fields=(
        *("release", "decision", "decision_digest", "role", "chair", "agenda", "quorum", "member_ids"),
        *("opened_at", "closed_at", "minutes_digest"),
    ),
)
register("vote/1", model="governance.Vote", fields=("sitting", "person", "choice", "reason", "conditions", "cast_at"))
register(
    "materiality/1",
    model="governance.MaterialityClass",
    fields=(
        *("release", "decision", "live_decision", "level", "computed", "reasons", "substantial_modification"),
        *("set_by", "reason", "made_at"),
    ),
)
teams.register("governance.Recusal", "release__version__model__team")
teams.register("governance.Sitting", "release__version__model__team")
teams.register("governance.Vote", "sitting__release__version__model__team")
teams.register_organisation("delegation")
