"""API: webhooks and their deliveries, for administrators."""

from __future__ import annotations

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import Permission
from portal.accounts.models import Team
from portal.api.views import GatehouseView
from portal.errors import InvalidInput
from portal.notices import registry, selectors, services
from portal.notices.models import Delivery, Webhook

P = Permission.PORTAL_NOTICE_MANAGE
SHOWN = 100


class WebhookSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="uuid")
    name = serializers.CharField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField(), help_text="Empty for all.")
    team = serializers.CharField(source="team.slug", allow_null=True, default=None, help_text="null: everybody's.")
    enabled = serializers.BooleanField()
    disabled_why = serializers.CharField()
    failing_since = serializers.DateTimeField(allow_null=True)
    waiting = serializers.IntegerField()
    dead = serializers.IntegerField()


class WebhookSecretSerializer(WebhookSerializer):
    secret = serializers.CharField(help_text="Shown in this answer alone: whsec_ and base64.")


class WebhookInSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=80)
    url = serializers.CharField(max_length=500)
    events = serializers.ListField(child=serializers.CharField(max_length=60), required=False, default=list)
    team = serializers.CharField(required=False, allow_null=True, default=None)


class WebhookChangeSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=80, required=False)
    url = serializers.CharField(max_length=500, required=False)
    events = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    enabled = serializers.BooleanField(required=False)


class TrySerializer(serializers.Serializer):
    at = serializers.CharField()
    status = serializers.IntegerField(help_text="0: no answer.")
    ms = serializers.IntegerField()
    said = serializers.CharField()


class DeliverySerializer(serializers.Serializer):
    id = serializers.UUIDField()
    message_id = serializers.CharField(source="notice.message_id")
    type = serializers.CharField(source="notice.type")
    title = serializers.CharField(source="notice.title")
    channel = serializers.CharField(help_text="webhook or mail")
    state = serializers.CharField(help_text="queued, sending, sent, dead or dropped")
    attempts = serializers.IntegerField()
    due_at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True)
    tries = TrySerializer(many=True)


class DeliveriesSerializer(serializers.Serializer):
    results = DeliverySerializer(many=True)


class WebhooksSerializer(serializers.Serializer):
    results = WebhookSerializer(many=True)
    events = serializers.ListField(child=serializers.CharField(), help_text="Every type of notice there is.")


class ReplayedSerializer(serializers.Serializer):
    replayed = serializers.IntegerField()


class WebhooksView(GatehouseView):
    permissions = {"GET": P, "POST": P}

    @extend_schema(operation_id="webhooks_list", responses=WebhooksSerializer)
    def get(self, request: Request) -> Response:
        """All webhooks."""
        found = {"results": selectors.webhooks_for(self.actor), "events": [kind.type for kind in registry.kinds()]}
        return Response(WebhooksSerializer(found).data)

    @extend_schema(
        operation_id="webhooks_create", request=WebhookInSerializer, responses={201: WebhookSecretSerializer}
    )
    def post(self, request: Request) -> Response:
        """Register an address. The answer holds the secret that signs, once."""
        given = WebhookInSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = dict(given.validated_data)
        slug = data.pop("team")
        team = Team.objects.filter(slug__iexact=slug).first() if slug else None
        if slug and team is None:
            raise InvalidInput("There is no such team.", code="no-team", field="team", how="Give its short name.")
        row, secret = services.create_webhook(actor=self.actor, team=team, **data)
        return _with_secret(selectors.webhook_with_id(self.actor, row.uuid), secret, status=201)


def _with_secret(row: Webhook, secret: str, *, status: int = 200) -> Response:
    body = WebhookSerializer(row).data | {"secret": secret}
    return Response(body, status=status, headers={"Cache-Control": "no-store"})


class WebhookView(GatehouseView):
    permissions = {"GET": P, "PATCH": P}

    @extend_schema(operation_id="webhooks_get", responses=WebhookSerializer)
    def get(self, request: Request, key: uuid.UUID) -> Response:
        """One webhook."""
        return Response(WebhookSerializer(selectors.webhook_with_id(self.actor, key)).data)

    @extend_schema(operation_id="webhooks_change", request=WebhookChangeSerializer, responses=WebhookSerializer)
    def patch(self, request: Request, key: uuid.UUID) -> Response:
        """Change its name, address or events; switch it off or on."""
        row = selectors.webhook_with_id(self.actor, key)
        given = WebhookChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = dict(given.validated_data)
        enabled = data.pop("enabled", None)
        if data:
            kept = {"name": row.name, "url": row.url, "events": row.events}
            services.change_webhook(row, actor=self.actor, **(kept | data))
        if enabled is True:
            services.switch_on(row, actor=self.actor)
        elif enabled is False:
            services.switch_off(row, actor=self.actor, why="Switched off over the API.")
        return Response(WebhookSerializer(selectors.webhook_with_id(self.actor, key)).data)


class WebhookRotateView(GatehouseView):
    permissions = {"POST": P}

    @extend_schema(operation_id="webhooks_rotate", request=None, responses=WebhookSecretSerializer)
    def post(self, request: Request, key: uuid.UUID) -> Response:
        """Begin a new secret; the one before signs beside it for a day."""
        row, secret = services.rotate_secret(selectors.webhook_with_id(self.actor, key), actor=self.actor)
        return _with_secret(selectors.webhook_with_id(self.actor, row.uuid), secret)


class WebhookTestView(GatehouseView):
    permissions = {"POST": P}

    @extend_schema(operation_id="webhooks_test", request=None, responses={202: DeliverySerializer})
    def post(self, request: Request, key: uuid.UUID) -> Response:
        """Queue a test to this webhook alone."""
        made = services.send_test(selectors.webhook_with_id(self.actor, key), actor=self.actor)
        return Response(_delivery(selectors.delivery_with_id(self.actor, made.pk)), status=202)


class WebhookReplayView(GatehouseView):
    permissions = {"POST": P}

    @extend_schema(operation_id="webhooks_replay", request=None, responses={202: ReplayedSerializer})
    def post(self, request: Request, key: uuid.UUID) -> Response:
        """Send again all that was given up for it."""
        n = services.replay_dead(selectors.webhook_with_id(self.actor, key), actor=self.actor)
        return Response({"replayed": n}, status=202)


class WebhookDeliveriesView(GatehouseView):
    permissions = {"GET": P}

    @extend_schema(operation_id="webhooks_deliveries", responses=DeliveriesSerializer)
    def get(self, request: Request, key: uuid.UUID) -> Response:
        """The last hundred deliveries to it, newest first; `?state=dead` for those given up."""
        rows = selectors.deliveries_for(self.actor).filter(webhook=selectors.webhook_with_id(self.actor, key))
        if state := request.query_params.get("state"):
            rows = rows.filter(state=state)
        return Response({"results": [_delivery(row) for row in rows[:SHOWN]]})


class DeliveryReplayView(GatehouseView):
    permissions = {"POST": P}

    @extend_schema(operation_id="deliveries_replay", request=None, responses={202: DeliverySerializer})
    def post(self, request: Request, key: uuid.UUID) -> Response:
        """Send one delivery again, as the same message."""
        row = services.replay(selectors.delivery_with_id(self.actor, key), actor=self.actor)
        return Response(_delivery(selectors.delivery_with_id(self.actor, row.pk)), status=202)


def _delivery(row: Delivery) -> dict[str, object]:
    return DeliverySerializer(row).data
