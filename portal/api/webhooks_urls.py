"""Addresses of the webhooks' API."""

from django.urls import URLPattern, URLResolver, path

from portal.api import webhooks as api

HOOK = "webhooks/<uuid:key>"

urlpatterns: list[URLPattern | URLResolver] = [
    path("webhooks", api.WebhooksView.as_view(), name="api-webhooks"),
    path(HOOK, api.WebhookView.as_view(), name="api-webhook"),
    path(f"{HOOK}/rotate", api.WebhookRotateView.as_view(), name="api-webhook-rotate"),
    path(f"{HOOK}/test", api.WebhookTestView.as_view(), name="api-webhook-test"),
    path(f"{HOOK}/replay", api.WebhookReplayView.as_view(), name="api-webhook-replay"),
    path(f"{HOOK}/deliveries", api.WebhookDeliveriesView.as_view(), name="api-webhook-deliveries"),
    path("deliveries/<uuid:key>/replay", api.DeliveryReplayView.as_view(), name="api-delivery-replay"),
]
