"""Policies and their versions, drafts, decisions, releases, approvals, conditions."""

from governance.models.decisions import Decision, DecisionPolicy
from governance.models.emergencies import Emergency, ReleaseRules
from governance.models.policies import (
    Backtest,
    Policy,
    PolicyApproval,
    PolicyDraft,
    PolicyVersion,
    ShadowResult,
)
from governance.models.releases import Approval, Condition, Finding, Release
from governance.models.rollouts import (
    Arm,
    IncidentDraft,
    Rollout,
    RolloutState,
    RolloutStep,
    ShareApproval,
    Signal,
    SignalBatch,
    SignalForm,
    SignalKind,
)
from governance.models.seats import Delegation, MaterialityClass, Recusal, Sitting, Vote
from governance.models.signatures import ApprovalSignature, PendingStatement

__all__ = [
    "Approval",
    "ApprovalSignature",
    "Arm",
    "Backtest",
    "Condition",
    "Decision",
    "DecisionPolicy",
    "Delegation",
    "Emergency",
    "Finding",
    "IncidentDraft",
    "MaterialityClass",
    "PendingStatement",
    "Policy",
    "PolicyApproval",
    "PolicyDraft",
    "PolicyVersion",
    "Recusal",
    "Release",
    "ReleaseRules",
    "Rollout",
    "RolloutState",
    "RolloutStep",
    "ShadowResult",
    "ShareApproval",
    "Signal",
    "SignalBatch",
    "SignalForm",
    "SignalKind",
    "Sitting",
    "Vote",
]
