from django.urls import URLPattern, URLResolver, path

from governance.api import drafts, facts, gates, history, lifecycle, policies, releases, rollouts, seats, signatures

DRAFT = "policy-drafts/<str:draft>"
VERSION = "models/<str:model>/versions/<str:version>"

RELEASE = "releases/<str:release>"

urlpatterns: list[URLPattern | URLResolver] = [
    path(f"{VERSION}/gate-checks", gates.GateChecksView.as_view(), name="api-gate-checks"),
    path(f"{VERSION}/facts", facts.FactsView.as_view(), name="api-facts"),
    path("facts-schema", facts.FactsSchemaView.as_view(), name="api-facts-schema"),
    path("gate-checks", gates.GateChecksBatchView.as_view(), name="api-gate-checks-batch"),
    path("models/<str:model>/history", history.ModelHistoryView.as_view(), name="api-model-history"),
    path("endpoints/<str:endpoint>/history", history.EndpointHistoryView.as_view(), name="api-endpoint-history"),
    path("endpoints/<str:endpoint>/live", history.EndpointLiveView.as_view(), name="api-endpoint-live"),
    path("releases", releases.ReleasesView.as_view(), name="api-releases"),
    path("releases/<str:release>", releases.ReleaseView.as_view(), name="api-release"),
    path("releases/<str:release>/decisions", releases.ReleaseDecisionsView.as_view(), name="api-release-decisions"),
    path(
        "releases/<str:release>/signatures", signatures.ReleaseSignaturesView.as_view(), name="api-release-signatures"
    ),
    path("releases/<str:release>/withdraw", releases.ReleaseWithdrawView.as_view(), name="api-release-withdraw"),
    path(f"{RELEASE}/submit", lifecycle.ReleaseSubmitView.as_view(), name="api-release-submit"),
    path(f"{RELEASE}/hold", lifecycle.ReleaseHoldView.as_view(), name="api-release-hold"),
    path(f"{RELEASE}/suspend", lifecycle.ReleaseSuspendView.as_view(), name="api-release-suspend"),
    path(f"{RELEASE}/resume", lifecycle.ReleaseResumeView.as_view(), name="api-release-resume"),
    path(f"{RELEASE}/roll-back", lifecycle.ReleaseRollBackView.as_view(), name="api-release-roll-back"),
    path(f"{RELEASE}/emergency", lifecycle.ReleaseEmergencyView.as_view(), name="api-release-emergency"),
    path(f"{RELEASE}/emergency/review", lifecycle.EmergencyReviewView.as_view(), name="api-emergency-review"),
    path(f"{RELEASE}/conditions", lifecycle.ReleaseConditionsView.as_view(), name="api-release-conditions"),
    path("conditions/<int:condition>/close", lifecycle.ConditionCloseView.as_view(), name="api-condition-close"),
    path(f"{VERSION}/findings", lifecycle.FindingsView.as_view(), name="api-findings"),
    path("findings/<str:finding>/close", lifecycle.FindingCloseView.as_view(), name="api-finding-close"),
    path("endpoints/<str:endpoint>/release-rules", lifecycle.ReleaseRulesView.as_view(), name="api-release-rules"),
    path("decisions/<str:decision>", releases.DecisionView.as_view(), name="api-decision"),
    path("policies", policies.PoliciesView.as_view(), name="api-policies"),
    path("policies/bundle", policies.PolicyBundleView.as_view(), name="api-policy-bundle"),
    path("policies/<str:policy>", policies.PolicyView.as_view(), name="api-policy"),
    path("policy-checks", policies.PolicyCheckView.as_view(), name="api-policy-checks"),
    path("policy-drafts", drafts.PolicyDraftsView.as_view(), name="api-policy-drafts"),
    path(DRAFT, drafts.PolicyDraftView.as_view(), name="api-policy-draft"),
    path(f"{DRAFT}/propose", drafts.DraftProposeView.as_view(), name="api-policy-draft-propose"),
    path(f"{DRAFT}/take-back", drafts.DraftTakeBackView.as_view(), name="api-policy-draft-take-back"),
    path(f"{DRAFT}/abandon", drafts.DraftAbandonView.as_view(), name="api-policy-draft-abandon"),
    path(f"{DRAFT}/rebase", drafts.DraftRebaseView.as_view(), name="api-policy-draft-rebase"),
    path(f"{DRAFT}/decisions", drafts.DraftDecisionsView.as_view(), name="api-policy-draft-decisions"),
    path(f"{DRAFT}/backtests", drafts.DraftBacktestsView.as_view(), name="api-policy-draft-backtests"),
    path(f"{DRAFT}/shadow", drafts.DraftShadowView.as_view(), name="api-policy-draft-shadow"),
    path("admission", rollouts.AdmissionView.as_view(), name="api-admission"),
    path("desired-state-key", rollouts.DesiredStateKeyView.as_view(), name="api-desired-state-key"),
    path("endpoints/<str:name>/desired-state", rollouts.DesiredStateView.as_view(), name="api-desired-state"),
    path("endpoints/<str:name>/signals", rollouts.SignalsView.as_view(), name="api-signals"),
    path("releases/<str:release>/rollout", rollouts.RolloutView.as_view(), name="api-rollout"),
    path("releases/<str:release>/rollout/steps", rollouts.RolloutStepsView.as_view(), name="api-rollout-steps"),
    path(
        "releases/<str:release>/rollout/share-approvals",
        rollouts.ShareApprovalsView.as_view(),
        name="api-rollout-share-approvals",
    ),
    path("delegations", seats.DelegationsView.as_view(), name="api-delegations"),
    path("delegations/<int:delegation_id>/revoke", seats.DelegationRevokeView.as_view(), name="api-delegation-revoke"),
    path("releases/<str:release>/recusals", seats.RecusalsView.as_view(), name="api-release-recusals"),
    path("releases/<str:release>/materiality", seats.MaterialityView.as_view(), name="api-release-materiality"),
    path("releases/<str:release>/sittings", seats.SittingsView.as_view(), name="api-release-sittings"),
    path("sittings/<int:sitting>", seats.SittingView.as_view(), name="api-sitting"),
    path("sittings/<int:sitting>/votes", seats.VotesView.as_view(), name="api-sitting-votes"),
    path("sittings/<int:sitting>/close", seats.SittingCloseView.as_view(), name="api-sitting-close"),
]
