"""Addresses of the portal's API."""

from django.urls import URLPattern, URLResolver, include, path

from portal.api import docs, me, passkeys

urlpatterns: list[URLPattern | URLResolver] = [
    path("me", me.MeView.as_view(), name="api-me"),
    path("passkeys", passkeys.PasskeysView.as_view(), name="api-passkeys"),
    path("schema", docs.SchemaView.as_view(), name="api-schema"),
    path("docs", docs.DocsPage.as_view(), name="api-docs"),
    path("", include("portal.api.ledger_urls")),
    path("", include("portal.api.webhooks_urls")),
]
