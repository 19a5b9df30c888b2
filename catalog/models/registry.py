"""A model with its training runs and versions, and the files that a version declares."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now

from catalog.choices import RiskTier
from catalog.models.common import NAME, READ, SHA256
from portal.access import scoped


class RegisteredModel(models.Model):
    """A model as the organisation knows it: what it is for, who owns it, how much depends on it."""

    ledger_type = "model"
    governed = True

    name = models.CharField(max_length=80, validators=[NAME])
    title = models.CharField(max_length=160)
    description = models.TextField(blank=True, max_length=4000)
    team = models.ForeignKey("accounts.Team", on_delete=models.PROTECT, related_name="models")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="owned_models")
    risk_tier = models.CharField(max_length=10, choices=RiskTier)
    intended_use = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    affects_legal_or_safety = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    is_demo = models.BooleanField(default=False)

    objects = scoped("team", READ)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="model_name_unique")]
        indexes = [models.Index(fields=["team"], name="model_team")]

    def __str__(self) -> str:
        return self.name


class TrainingRun(models.Model):
    """Who trained what, with which code, parameters and data. A trainer never approves the version."""

    ledger_type = "training_run"
    governed = True
    append_only = True

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="runs")
    job_id = models.CharField(max_length=120)
    code_revision = models.CharField(max_length=80)
    parameters = models.JSONField(default=dict, blank=True)
    provider = models.CharField(max_length=60, blank=True)
    region = models.CharField(max_length=40, blank=True)
    cost_amount = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    cost_currency = models.CharField(max_length=3, blank=True)
    trained_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="training_runs")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = scoped("model__team", READ)

    class Meta:
        constraints = [models.UniqueConstraint("model", "job_id", name="run_job_unique")]

    def __str__(self) -> str:
        return self.job_id


class ModelVersion(models.Model):
    """A version is immutable once registered; what is learned about it later is a fact, not a change."""

    ledger_type = "version"
    governed = True
    append_only = True

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="versions")
    version = models.CharField(max_length=40, validators=[NAME])
    notes = models.TextField(blank=True, max_length=4000)
    training_run = models.ForeignKey(
        TrainingRun, on_delete=models.PROTECT, null=True, blank=True, related_name="versions"
    )
    digest = models.CharField(max_length=64, help_text="SHA-256 over the declared artifacts, canonical JSON")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = scoped("model__team", READ)

    class Meta:
        constraints = [models.UniqueConstraint("model", Lower("version"), name="version_unique")]

    def __str__(self) -> str:
        return f"{self.model.name} {self.version}"

    @property
    def contents(self) -> dict[str, Any]:
        """Declared artifacts and datasets, as the ledger binds them: {"artifacts": [...], "datasets": [...]}."""
        return {
            "artifacts": [
                [row.name, row.sha256, row.size, row.format]
                for row in sorted(self.artifacts.all(), key=lambda row: row.name)
            ],
            "datasets": sorted([row.snapshot_id, row.role] for row in self.datasets.all()),
        }


class Artifact(models.Model):
    """A file that a version declares: its digest is fixed at registration, its bytes may follow later."""

    ledger_type = "artifact"
    append_only = True

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="artifacts")
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64, validators=[SHA256])
    size = models.BigIntegerField()
    format = models.CharField(max_length=40, blank=True)

    objects = scoped("version__model__team", READ)

    class Meta:
        constraints = [
            models.UniqueConstraint("version", "name", name="artifact_name_unique"),
            models.CheckConstraint(condition=models.Q(size__gte=0), name="artifact_size_positive"),
        ]

    def __str__(self) -> str:
        return self.name


class Blob(models.Model):
    """Bytes kept by content: stored once, under their SHA-256, in whatever storage is set."""

    ledger_type = "blob"
    append_only = True

    sha256 = models.CharField(max_length=64, primary_key=True, validators=[SHA256])
    size = models.BigIntegerField()
    stored_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.sha256[:12]

    @property
    def path(self) -> str:
        """Where the bytes lie in the storage."""
        return f"sha256/{self.sha256[:2]}/{self.sha256}"
