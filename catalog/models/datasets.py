"""Datasets, their fixed states, and which version was made from which."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now

from catalog.choices import DatasetRole
from catalog.models.common import NAME, READ, SHA256
from catalog.models.registry import ModelVersion
from portal.access import scoped


class Dataset(models.Model):
    ledger_type = "dataset"
    governed = True

    name = models.CharField(max_length=80, validators=[NAME])
    title = models.CharField(max_length=160)
    description = models.TextField(blank=True, max_length=4000)
    team = models.ForeignKey("accounts.Team", on_delete=models.PROTECT, related_name="datasets")
    is_demo = models.BooleanField(default=False)

    objects = scoped("team", READ)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="dataset_name_unique")]

    def __str__(self) -> str:
        return self.name


class DatasetSnapshot(models.Model):
    """One state of a dataset, fixed by its digest. Never changed: other data is another snapshot."""

    ledger_type = "snapshot"
    governed = True
    append_only = True

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="snapshots")
    label = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64, validators=[SHA256])
    rows = models.BigIntegerField()
    schema = models.JSONField(help_text="Columns in order: [{name, type}]")
    residency = models.CharField(max_length=40, help_text="Region where the data is kept, such as eu-central-1")
    retention_until = models.DateField(null=True, blank=True)
    licence = models.CharField(max_length=120)
    source = models.CharField(max_length=300, blank=True)
    legal_basis = models.CharField(max_length=120, blank=True)
    purposes = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    contains_personal_data = models.BooleanField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = scoped("dataset__team", READ)

    class Meta:
        constraints = [
            models.UniqueConstraint("dataset", Lower("label"), name="snapshot_label_unique"),
            models.CheckConstraint(condition=models.Q(rows__gte=0), name="snapshot_rows_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset.name} {self.label}"


class VersionDataset(models.Model):
    """Which snapshot a version was trained, validated or tested on."""

    ledger_type = "version_dataset"
    append_only = True

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="datasets")
    snapshot = models.ForeignKey(DatasetSnapshot, on_delete=models.PROTECT, related_name="uses")
    role = models.CharField(max_length=12, choices=DatasetRole)

    class Meta:
        constraints = [models.UniqueConstraint("version", "snapshot", "role", name="version_dataset_unique")]

    def __str__(self) -> str:
        return f"{self.version} {self.role} {self.snapshot}"
