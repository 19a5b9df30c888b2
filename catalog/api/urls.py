"""Addresses of the catalog's API."""

from django.urls import URLPattern, URLResolver, path, re_path

from catalog.api import views

_VERSION = "models/<str:model>/versions/<str:version>"
urlpatterns: list[URLPattern | URLResolver] = [
    path("models", views.ModelsView.as_view(), name="api-models"),
    path("models/<str:model>", views.ModelView.as_view(), name="api-model"),
    path("models/<str:model>/versions", views.VersionsView.as_view(), name="api-versions"),
    path(_VERSION, views.VersionView.as_view(), name="api-version"),
    path(f"{_VERSION}/artifacts/<path:name>", views.ArtifactView.as_view(), name="api-artifact"),
    path(f"{_VERSION}/metrics", views.MetricsView.as_view(), name="api-metrics"),
    path(f"{_VERSION}/evidence", views.EvidenceListView.as_view(), name="api-version-evidence"),
    path(f"{_VERSION}/card", views.CardView.as_view(), name="api-card"),
    re_path(r"^evidence/(?:EV-)?(?P<number>\d{1,15})$", views.EvidenceView.as_view(), name="api-evidence"),
    path("datasets", views.DatasetsView.as_view(), name="api-datasets"),
    path("datasets/<str:dataset>/snapshots", views.SnapshotsView.as_view(), name="api-snapshots"),
    path("endpoints", views.EndpointsView.as_view(), name="api-endpoints"),
    path("endpoints/<str:endpoint>", views.EndpointView.as_view(), name="api-endpoint"),
]
