"""Reading webhooks and deliveries: for who manages them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Q, QuerySet

from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import NotFound
from portal.notices.choices import OPEN, State
from portal.notices.models import Delivery, Webhook


def webhooks_for(actor: User) -> QuerySet[Webhook]:
    """All webhooks, with how many deliveries wait and how many are dead."""
    require(actor, Permission.PORTAL_NOTICE_MANAGE)
    return (
        Webhook.objects.select_related("team", "created_by")
        .annotate(
            waiting=Count("deliveries", filter=Q(deliveries__state__in=OPEN)),
            dead=Count("deliveries", filter=Q(deliveries__state=State.DEAD)),
        )
        .order_by("name", "pk")
    )


def webhook_with_id(actor: User, key: UUID | str) -> Webhook:
    """Raises NotFound."""
    row = webhooks_for(actor).filter(uuid=key).first()
    if row is None:
        raise NotFound("There is no such webhook.", code="no-webhook", how="See the list of webhooks.")
    return row


def deliveries_for(actor: User) -> QuerySet[Delivery]:
    """All deliveries, by mail too, newest first."""
    require(actor, Permission.PORTAL_NOTICE_MANAGE)
    return Delivery.objects.select_related("notice", "webhook", "person").order_by("-queued_at", "-pk")


def delivery_with_id(actor: User, key: UUID | str) -> Delivery:
    """Raises NotFound."""
    row = deliveries_for(actor).filter(pk=key).first()
    if row is None:
        raise NotFound("There is no such delivery.", code="no-delivery", how="See the list of deliveries.")
    return row
