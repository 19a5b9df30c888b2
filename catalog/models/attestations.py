"""What people and tools state about a model, a version or an endpoint, where nothing here computes it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from catalog.models.common import READ, SHA256
from catalog.models.places import Endpoint
from catalog.models.registry import ModelVersion, RegisteredModel
from portal.access import scoped


class Attestation(models.Model):
    """One section of the facts, or one row of a list of them. The newest of a section and key is what counts."""

    ledger_type = "attestation"
    governed = True
    append_only = True

    model = models.ForeignKey(
        RegisteredModel, on_delete=models.PROTECT, null=True, blank=True, related_name="attestations"
    )
    version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="attestations"
    )
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, null=True, blank=True, related_name="attestations")
    team = models.ForeignKey("accounts.Team", on_delete=models.PROTECT, related_name="+")
    section = models.CharField(max_length=30)
    key = models.CharField(max_length=300, blank=True, help_text="Names the row, where the section is a list")
    value = models.JSONField()
    source = models.CharField(max_length=300, blank=True, help_text="Where to look it up: a document, a ticket, a tool")
    sha256 = models.CharField(max_length=64, validators=[SHA256], help_text="Of section and value, canonical JSON")
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    attested_at = models.DateTimeField()
    valid_until = models.DateField(null=True, blank=True)
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = scoped("team", READ)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(
                    models.Q(model__isnull=False, version=None, endpoint=None)
                    | models.Q(model=None, version__isnull=False, endpoint=None)
                    | models.Q(model=None, version=None, endpoint__isnull=False)
                ),
                name="attestation_about_one",
            ),
        ]
        indexes = [
            models.Index(fields=[about, "section", "key", "-id"], name=f"attestation_{about}")
            for about in ("model", "version", "endpoint")
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return f"AT-{self.pk}"

    @property
    def about(self) -> RegisteredModel | ModelVersion | Endpoint:
        """What it speaks of."""
        found = self.version or self.endpoint or self.model
        assert found is not None
        return found
