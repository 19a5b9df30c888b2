from django.urls import URLPattern, URLResolver, path, re_path

from governance.pages import conditions, decide, decisions, policies, releases

RELEASE = r"^releases/R-(?P<number>\d{1,18})/"
DECISION = r"^decisions/D-(?P<number>\d{1,18})/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("releases/", releases.ReleasesPage.as_view(), name="releases"),
    path("releases/new/", releases.ReleaseNewPage.as_view(), name="release-new"),
    re_path(RELEASE + "$", releases.ReleasePage.as_view(), name="release"),
    re_path(RELEASE + "decide/$", decide.ReleaseDecidePage.as_view(), name="release-decide"),
    re_path(RELEASE + "withdraw/$", releases.ReleaseWithdrawPage.as_view(), name="release-withdraw"),
    re_path(DECISION + "$", decisions.DecisionPage.as_view(), name="decision"),
    re_path(DECISION + r"facts\.json$", decisions.DecisionFacts.as_view(), name="decision-facts"),
    re_path(DECISION + r"result\.json$", decisions.DecisionResult.as_view(), name="decision-result"),
    path("conditions/<int:pk>/close/", conditions.ConditionClosePage.as_view(), name="condition-close"),
    path("policies/", policies.PoliciesPage.as_view(), name="policies"),
    path("policies/<str:name>/", policies.PolicyPage.as_view(), name="policy"),
    path("policies/<str:name>/policy.yaml", policies.PolicySource.as_view(), name="policy-source"),
]
