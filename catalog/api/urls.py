"""Addresses of the catalog below /api/v1/."""

from django.urls import URLPattern, URLResolver, path

from catalog.api import attestations, facts, models, places

VERSION = "models/<str:model>/versions/<str:version>"
urlpatterns: list[URLPattern | URLResolver] = [
    path("models", models.ModelsView.as_view(), name="api-models"),
    path("models/<str:model>", models.ModelView.as_view(), name="api-model"),
    path("models/<str:model>/versions", models.VersionsView.as_view(), name="api-versions"),
    path(VERSION, models.VersionView.as_view(), name="api-version"),
    path(f"{VERSION}/artifacts/<path:name>", facts.ArtifactView.as_view(), name="api-artifact"),
    path(f"{VERSION}/metrics", facts.MetricsView.as_view(), name="api-metrics"),
    path(f"{VERSION}/evidence", facts.VersionEvidenceView.as_view(), name="api-version-evidence"),
    path(f"{VERSION}/card", facts.CardView.as_view(), name="api-card"),
    path(
        "models/<str:model>/attestations", attestations.ModelAttestationsView.as_view(), name="api-model-attestations"
    ),
    path(f"{VERSION}/attestations", attestations.VersionAttestationsView.as_view(), name="api-version-attestations"),
    path("datasets", places.DatasetsView.as_view(), name="api-datasets"),
    path("datasets/<str:dataset>", places.DatasetView.as_view(), name="api-dataset"),
    path("datasets/<str:dataset>/snapshots", places.SnapshotsView.as_view(), name="api-snapshots"),
    path("endpoints", places.EndpointsView.as_view(), name="api-endpoints"),
    path("endpoints/<str:endpoint>", places.EndpointView.as_view(), name="api-endpoint"),
    path(
        "endpoints/<str:endpoint>/attestations",
        attestations.EndpointAttestationsView.as_view(),
        name="api-endpoint-attestations",
    ),
    path("attestations/<str:attestation>", attestations.AttestationView.as_view(), name="api-attestation"),
    path("evidence/<str:evidence>", facts.EvidenceView.as_view(), name="api-evidence"),
]
