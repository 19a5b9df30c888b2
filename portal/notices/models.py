"""Notices, whom they go to, and what became of each delivery."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from portal.notices.choices import OPEN, Channel, State


class Cursor(models.Model):
    """How far the ledger was read: the outbox is the ledger itself, so an act and its notice cannot part."""

    position = models.BigIntegerField(default=-1, help_text="Number of the last entry that was turned into notices")

    def __str__(self) -> str:
        return f"read to {self.position}"


class Notice(models.Model):
    """One thing that happened, in the words and the bytes that everybody is told it in. Its text never changes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    type = models.CharField(max_length=60)
    entry_idx = models.BigIntegerField(null=True, help_text="The ledger entry it tells of; empty for a test")
    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, null=True, related_name="+")
    title = models.CharField(max_length=200)
    text = models.CharField(max_length=500, blank=True)
    path = models.CharField(max_length=300, blank=True, help_text="The page that it leads to")
    body = models.TextField(help_text="JSON as it is sent to webhooks, byte for byte, each time")
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint("entry_idx", "type", name="notice_once_per_entry"),
        ]
        indexes = [models.Index(fields=["made_at"], name="notice_made")]

    def __str__(self) -> str:
        return f"{self.type} {self.message_id}"

    @property
    def message_id(self) -> str:
        """The webhook-id: the same for every attempt and every replay, so that a receiver can tell a duplicate."""
        return f"msg_{self.id.hex}"


class Webhook(models.Model):
    """An address outside that is told of notices. Its secret is derived from a key of the installation, not stored."""

    ledger_type = "webhook"
    governed = True

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=80)
    url = models.CharField(max_length=500)
    events = ArrayField(models.CharField(max_length=60), default=list, blank=True, help_text="Empty for all")
    team = models.ForeignKey(
        "accounts.Team",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose notices it gets; empty for everybody's",
    )
    enabled = models.BooleanField(default=True)
    disabled_why = models.CharField(max_length=200, blank=True)
    secret_number = models.PositiveIntegerField(default=1)
    old_secret_until = models.DateTimeField(null=True, help_text="Until when the secret before it signs as well")
    failing_since = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One notice to one receiver: the row decides what is sent, whatever worker dies."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=8, choices=Channel)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, null=True, related_name="deliveries")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Since it was queued or replayed")
    queued_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True, help_text="What the receiver answered last")
    tries = models.JSONField(default=list, help_text="The last twenty: at, status, ms, said")

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint("notice", "webhook", name="delivery_once_per_webhook"),
            models.UniqueConstraint("notice", "person", name="delivery_once_per_person"),
            models.CheckConstraint(
                condition=models.Q(channel="webhook", webhook__isnull=False, person=None)
                | models.Q(channel="mail", webhook=None, person__isnull=False),
                name="delivery_one_receiver",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(state__in=[str(state) for state in OPEN]), name="delivery_due"
            ),
            models.Index(fields=["webhook", "-queued_at"], name="delivery_webhook"),
            models.Index(fields=["state", "-queued_at"], name="delivery_state"),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} to {self.receiver}"

    @property
    def look(self) -> str:
        """The key of the status tag that draws its state."""
        return {"sending": "running", "sent": "done", "dropped": "cancelled"}.get(self.state, self.state)

    @property
    def last(self) -> dict[str, Any] | None:
        """The newest attempt."""
        return self.tries[-1] if self.tries else None

    @property
    def receiver(self) -> str:
        return str(self.webhook or self.person)


class Preference(models.Model):
    """What a person wants to be told by e-mail. Without a row: everything that concerns them."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_preference")
    mail = models.BooleanField(default=True)
    muted = ArrayField(models.CharField(max_length=60), default=list, blank=True)

    def __str__(self) -> str:
        return f"notices of {self.user}"
