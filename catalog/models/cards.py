"""Model cards: saved states, each with its sections."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from catalog.models.registry import ModelVersion


class CardRevision(models.Model):
    """One saved state of a model card. Revisions are only added; the newest is the card."""

    ledger_type = "card_revision"
    governed = True
    append_only = True

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="card_revisions")
    number = models.PositiveIntegerField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint("version", "number", name="card_revision_unique")]

    def __str__(self) -> str:
        return f"{self.version} card {self.number}"

    @property
    def content(self) -> dict[str, str]:
        """Section key to text, as the ledger binds it."""
        return {row.key: row.text for row in self.sections.all()}


class CardSection(models.Model):
    ledger_type = "card_section"
    append_only = True

    revision = models.ForeignKey(CardRevision, on_delete=models.PROTECT, related_name="sections")
    key = models.CharField(max_length=30)
    text = models.TextField(max_length=20000)
    measured = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint("revision", "key", name="card_section_unique")]

    def __str__(self) -> str:
        return self.key
