"""Addresses of notices."""

from django.urls import URLPattern, URLResolver, path

from portal.pages import notices, webhooks

urlpatterns: list[URLPattern | URLResolver] = [
    path("account/notices/", notices.PreferencesPage.as_view(), name="notice-preferences"),
    path("webhooks/", webhooks.WebhooksPage.as_view(), name="webhooks"),
    path("webhooks/new/", webhooks.WebhookNewPage.as_view(), name="webhook-new"),
    path("webhooks/deliveries/", notices.DeliveriesPage.as_view(), name="deliveries"),
    path("webhooks/deliveries/<uuid:key>/", notices.DeliveryPage.as_view(), name="delivery"),
    path("webhooks/deliveries/<uuid:key>/replay/", notices.DeliveryReplay.as_view(), name="delivery-replay"),
    path("webhooks/<uuid:key>/", webhooks.WebhookPage.as_view(), name="webhook"),
    path("webhooks/<uuid:key>/act/", webhooks.WebhookActPage.as_view(), name="webhook-act"),
]
