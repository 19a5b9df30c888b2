from django.urls import URLPattern, URLResolver, path

from governance.api import gates, policies, releases

VERSION = "models/<str:model>/versions/<str:version>"

urlpatterns: list[URLPattern | URLResolver] = [
    path(f"{VERSION}/gate-checks", gates.GateChecksView.as_view(), name="api-gate-checks"),
    path(f"{VERSION}/facts", gates.FactsView.as_view(), name="api-facts"),
    path("releases", releases.ReleasesView.as_view(), name="api-releases"),
    path("releases/<str:release>", releases.ReleaseView.as_view(), name="api-release"),
    path("releases/<str:release>/decisions", releases.ReleaseDecisionsView.as_view(), name="api-release-decisions"),
    path("releases/<str:release>/withdraw", releases.ReleaseWithdrawView.as_view(), name="api-release-withdraw"),
    path("decisions/<str:decision>", releases.DecisionView.as_view(), name="api-decision"),
    path("policies", policies.PoliciesView.as_view(), name="api-policies"),
    path("policies/<str:policy>", policies.PolicyView.as_view(), name="api-policy"),
]
