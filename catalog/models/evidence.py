"""What was measured about a version: evidence with its metrics and its bias measures."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from catalog.choices import EvidenceKind
from catalog.models.common import READ, SHA256
from catalog.models.registry import Blob, ModelVersion
from portal.access import scoped


class Evidence(models.Model):
    """A thing that was measured or attested about a version, with its bytes' digest and its maker."""

    ledger_type = "evidence"
    governed = True
    append_only = True

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="evidence")
    kind = models.CharField(max_length=20, choices=EvidenceKind)
    title = models.CharField(max_length=200)
    tool = models.CharField(max_length=80, blank=True, help_text="What measured it, with its version")
    sha256 = models.CharField(max_length=64, validators=[SHA256])
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    measured_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = scoped("version__model__team", READ)

    class Meta:
        verbose_name_plural = "pieces of evidence"
        indexes = [models.Index(fields=["version", "-id"], name="evidence_version")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return f"EV-{self.pk}"

    @property
    def measures(self) -> dict[str, Any]:
        """All numbers of this evidence, as the ledger binds them: {"metrics": [...], "bias": [...]}."""
        return {
            "metrics": sorted(
                [row.name, row.split, row.segment, row.value, row.lower, row.upper, row.n] for row in self.metrics.all()
            ),
            "bias": sorted(
                [row.attribute, row.group, row.reference, row.favourable]
                + [getattr(row, name) for name in BiasMeasure.NUMBERS]
                for row in self.bias_measures.all()
            ),
        }


class Metric(models.Model):
    """One measured number with its interval. The newest per (split, segment, name) is what counts."""

    ledger_type = "metric"
    append_only = True

    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="metrics")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="metrics")
    name = models.CharField(max_length=60)
    split = models.CharField(max_length=30, default="test")
    segment = models.CharField(max_length=120, default="all")
    value = models.FloatField()
    lower = models.FloatField(null=True, blank=True)
    upper = models.FloatField(null=True, blank=True)
    n = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("evidence", "name", "split", "segment", name="metric_unique"),
            models.CheckConstraint(
                condition=models.Q(value__gt=float("-inf"), value__lt=float("inf")), name="metric_finite"
            ),
            models.CheckConstraint(
                condition=models.Q(lower=None) | models.Q(upper=None) | models.Q(lower__lte=models.F("upper")),
                name="metric_interval",
            ),
        ]
        indexes = [models.Index(fields=["version", "split", "segment", "name", "-id"], name="metric_current")]

    def __str__(self) -> str:
        return f"{self.name} {self.value}"


class BiasMeasure(models.Model):
    """What a bias test found for one group of one attribute. Undefined rates are null, never zero."""

    ledger_type = "bias_measure"
    append_only = True
    NUMBERS = [
        "n",
        "selected",
        "rate",
        "rate_lower",
        "rate_upper",
        "tpr",
        "fpr",
        "ratio",
        "ratio_lower",
        "ratio_upper",
        "gap_tpr",
        "gap_fpr",
    ]

    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="bias_measures")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="bias_measures")
    attribute = models.CharField(max_length=60)
    group = models.CharField(max_length=120)
    reference = models.CharField(max_length=120)
    favourable = models.SmallIntegerField()
    n = models.BigIntegerField()
    selected = models.BigIntegerField()
    rate = models.FloatField(null=True)
    rate_lower = models.FloatField(null=True)
    rate_upper = models.FloatField(null=True)
    tpr = models.FloatField(null=True)
    fpr = models.FloatField(null=True)
    ratio = models.FloatField(null=True)
    ratio_lower = models.FloatField(null=True)
    ratio_upper = models.FloatField(null=True)
    gap_tpr = models.FloatField(null=True)
    gap_fpr = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("evidence", "attribute", "group", name="bias_group_unique"),
            models.CheckConstraint(
                condition=models.Q(n__gte=0, selected__gte=0, selected__lte=models.F("n")), name="bias_counts"
            ),
        ]
        indexes = [models.Index(fields=["version", "attribute", "group", "-id"], name="bias_current")]

    def __str__(self) -> str:
        return f"{self.attribute}={self.group}"
