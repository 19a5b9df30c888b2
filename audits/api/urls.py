from django.urls import URLPattern, URLResolver, path

from audits.api import views

urlpatterns: list[URLPattern | URLResolver] = [
    path(
        "models/<str:model>/versions/<str:version>/predictions",
        views.PredictionsView.as_view(),
        name="api-predictions",
    ),
    path("test-runs/<str:run>", views.TestRunView.as_view(), name="api-test-run"),
    path("releases/<str:release>/evidence-packs", views.ReleasePacksView.as_view(), name="api-release-packs"),
    path("evidence-packs/<str:pack>", views.PackView.as_view(), name="api-pack"),
    path("evidence-packs/<str:pack>/report.pdf", views.PackReportView.as_view(), name="api-pack-report"),
]
