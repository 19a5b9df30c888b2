from django.urls import URLPattern, URLResolver, path, re_path

from governance.pages import (
    applied,
    attest,
    conditions,
    decide,
    decisions,
    drafts,
    explorer,
    facts,
    library,
    policies,
    releases,
    trace,
)

RELEASE = r"^releases/R-(?P<number>\d{1,18})/"
DRAFT = r"^policy-drafts/PD-(?P<number>[1-9]\d{0,17})/"
VERSION = "models/<str:name>/versions/<str:version>"
DECISION = r"^decisions/D-(?P<number>\d{1,18})/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("releases/", releases.ReleasesPage.as_view(), name="releases"),
    path("releases/new/", releases.ReleaseNewPage.as_view(), name="release-new"),
    re_path(RELEASE + "$", releases.ReleasePage.as_view(), name="release"),
    re_path(RELEASE + "decide/$", decide.ReleaseDecidePage.as_view(), name="release-decide"),
    re_path(RELEASE + "withdraw/$", releases.ReleaseWithdrawPage.as_view(), name="release-withdraw"),
    re_path(DECISION + "$", decisions.DecisionPage.as_view(), name="decision"),
    re_path(DECISION + r"replay/$", trace.ReplayPage.as_view(), name="decision-replay"),
    re_path(
        DECISION + r"why/(?P<policy>[a-z0-9-]{1,80})/(?P<rule>[a-z0-9-]{1,80})/$",
        trace.TracePage.as_view(),
        name="decision-why",
    ),
    re_path(DECISION + r"facts\.json$", decisions.DecisionFacts.as_view(), name="decision-facts"),
    re_path(DECISION + r"result\.json$", decisions.DecisionResult.as_view(), name="decision-result"),
    path(f"{VERSION}/facts/", facts.FactsPage.as_view(), name="version-facts"),
    path(f"{VERSION}/facts.json", facts.FactsFile.as_view(), name="version-facts-json"),
    path(f"{VERSION}/facts/attest/", attest.VersionAttestPage.as_view(), name="version-attest"),
    path("endpoints/<str:name>/attest/", attest.EndpointAttestPage.as_view(), name="endpoint-attest"),
    path("conditions/<int:pk>/close/", conditions.ConditionClosePage.as_view(), name="condition-close"),
    path("policy-drafts/", drafts.DraftsPage.as_view(), name="policy-drafts"),
    path("policy-drafts/new/", drafts.DraftNewPage.as_view(), name="policy-draft-new"),
    path("policy-drafts/check/", drafts.DraftCheckPage.as_view(), name="policy-draft-check"),
    path("policy-drafts/facts-schema.json", explorer.FactsSchema.as_view(), name="policy-facts-schema"),
    path("policy-drafts/facts/", explorer.FactsExplorer.as_view(), name="policy-facts-explorer"),
    re_path(DRAFT + "$", drafts.DraftPage.as_view(), name="policy-draft"),
    re_path(DRAFT + "decide/$", drafts.DraftDecidePage.as_view(), name="policy-draft-decide"),
    re_path(DRAFT + "preview/$", drafts.DraftPreviewPage.as_view(), name="policy-draft-preview"),
    re_path(DRAFT + "mutants/$", drafts.DraftMutantsPage.as_view(), name="policy-draft-mutants"),
    path("policy-library/", library.LibraryPage.as_view(), name="policy-library"),
    path("policy-library/<str:name>/", library.LibraryEntryPage.as_view(), name="policy-library-entry"),
    path("policies-applied/", applied.AppliedPage.as_view(), name="policies-applied"),
    path("policies/", policies.PoliciesPage.as_view(), name="policies"),
    path("policies/<str:name>/", policies.PolicyPage.as_view(), name="policy"),
    path("policies/<str:name>/policy.yaml", policies.PolicySource.as_view(), name="policy-source"),
]
