"""Policies and their versions, drafts, decisions, releases, approvals, conditions."""

from governance.models.decisions import Decision, DecisionPolicy
from governance.models.policies import (
    Backtest,
    Policy,
    PolicyApproval,
    PolicyDraft,
    PolicyVersion,
    ShadowResult,
)
from governance.models.releases import Approval, Condition, Release

__all__ = [
    "Approval",
    "Backtest",
    "Condition",
    "Decision",
    "DecisionPolicy",
    "Policy",
    "PolicyApproval",
    "PolicyDraft",
    "PolicyVersion",
    "Release",
    "ShadowResult",
]
