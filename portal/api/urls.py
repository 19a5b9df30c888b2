"""Addresses of the portal's API."""

from django.urls import URLPattern, URLResolver, include, path

from portal.api.docs import DocsPage, MeView, SchemaView

urlpatterns: list[URLPattern | URLResolver] = [
    path("schema", SchemaView.as_view(), name="schema"),
    path("docs", DocsPage.as_view(), name="api-docs"),
    path("me", MeView.as_view(), name="api-me"),
    path("", include("portal.api.ledger_urls")),
]
