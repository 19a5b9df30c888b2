"""Addresses of the catalog's pages."""

from django.urls import URLPattern, URLResolver, path, re_path

from catalog.pages import models, places, versions

_VERSION = "models/<str:name>/versions/<str:version>/"
urlpatterns: list[URLPattern | URLResolver] = [
    path("models/", models.ModelsPage.as_view(), name="models"),
    path("models/new/", models.ModelNewPage.as_view(), name="model-new"),
    path("models/<str:name>/", models.ModelPage.as_view(), name="model"),
    path("models/<str:name>/versions/new/", versions.VersionNewPage.as_view(), name="version-new"),
    path(_VERSION, versions.VersionPage.as_view(), name="version"),
    path(f"{_VERSION}card/", versions.CardPage.as_view(), name="version-card"),
    path(f"{_VERSION}artifacts/<str:artifact>/", versions.ArtifactUpload.as_view(), name="artifact-upload"),
    path("datasets/", places.DatasetsPage.as_view(), name="datasets"),
    path("datasets/new/", places.DatasetNewPage.as_view(), name="dataset-new"),
    path("datasets/<str:name>/", places.DatasetPage.as_view(), name="dataset"),
    path("endpoints/", places.EndpointsPage.as_view(), name="endpoints"),
    path("endpoints/new/", places.EndpointNewPage.as_view(), name="endpoint-new"),
    path("endpoints/<str:name>/", places.EndpointPage.as_view(), name="endpoint"),
    re_path(r"^evidence/EV-(?P<number>\d+)/$", versions.EvidencePage.as_view(), name="evidence"),
]
