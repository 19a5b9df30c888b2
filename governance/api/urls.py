from django.urls import URLPattern, URLResolver, path

from governance.api import drafts, facts, gates, policies, releases

DRAFT = "policy-drafts/<str:draft>"
VERSION = "models/<str:model>/versions/<str:version>"

urlpatterns: list[URLPattern | URLResolver] = [
    path(f"{VERSION}/gate-checks", gates.GateChecksView.as_view(), name="api-gate-checks"),
    path(f"{VERSION}/facts", facts.FactsView.as_view(), name="api-facts"),
    path("facts-schema", facts.FactsSchemaView.as_view(), name="api-facts-schema"),
    path("gate-checks", gates.GateChecksBatchView.as_view(), name="api-gate-checks-batch"),
    path("releases", releases.ReleasesView.as_view(), name="api-releases"),
    path("releases/<str:release>", releases.ReleaseView.as_view(), name="api-release"),
    path("releases/<str:release>/decisions", releases.ReleaseDecisionsView.as_view(), name="api-release-decisions"),
    path("releases/<str:release>/withdraw", releases.ReleaseWithdrawView.as_view(), name="api-release-withdraw"),
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
]
