"""Addresses of the catalog's pages."""

from django.urls import URLPattern, URLResolver, path

from catalog.pages import attestations, cards, datasets, endpoints, evidence, models, versions

VERSION = "models/<str:name>/versions/<str:version>"
urlpatterns: list[URLPattern | URLResolver] = [
    path("models/", models.ModelsPage.as_view(), name="models"),
    path("models.csv", models.ModelsExport.as_view(form="csv"), name="models-csv"),
    path("models.json", models.ModelsExport.as_view(form="json"), name="models-json"),
    path("models/new/", models.ModelNewPage.as_view(), name="model-new"),
    path("models/<str:name>/", models.ModelPage.as_view(), name="model"),
    path("models/<str:name>/versions/new/", versions.VersionNewPage.as_view(), name="version-new"),
    path(f"{VERSION}/", versions.VersionPage.as_view(), name="version"),
    path(f"{VERSION}/upload/", versions.UploadPage.as_view(), name="version-upload"),
    path(f"{VERSION}/card/", cards.CardPage.as_view(), name="version-card"),
    path("datasets/", datasets.DatasetsPage.as_view(), name="datasets"),
    path("datasets/new/", datasets.DatasetNewPage.as_view(), name="dataset-new"),
    path("datasets/<str:name>/", datasets.DatasetPage.as_view(), name="dataset"),
    path("datasets/<str:name>/snapshots/new/", datasets.SnapshotNewPage.as_view(), name="snapshot-new"),
    path("endpoints/", endpoints.EndpointsPage.as_view(), name="endpoints"),
    path("endpoints/new/", endpoints.EndpointNewPage.as_view(), name="endpoint-new"),
    path("endpoints/<str:name>/", endpoints.EndpointPage.as_view(), name="endpoint"),
    path("attestations/AT-<int:number>/", attestations.AttestationPage.as_view(), name="attestation"),
    path("evidence/EV-<int:number>/", evidence.EvidencePage.as_view(), name="evidence"),
]
