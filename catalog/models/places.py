"""Where models answer: endpoints, and what answered at them when."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Func, Value
from django.db.models.functions import Lower

from catalog.choices import Environment, Exposure
from catalog.models.common import NAME, READ
from catalog.models.registry import ModelVersion
from portal.access import scoped


class Endpoint(models.Model):
    """Where a model answers: the target of a release."""

    ledger_type = "endpoint"
    governed = True

    name = models.CharField(max_length=80, validators=[NAME])
    title = models.CharField(max_length=160, blank=True)
    team = models.ForeignKey("accounts.Team", on_delete=models.PROTECT, related_name="endpoints")
    environment = models.CharField(max_length=12, choices=Environment)
    regions = ArrayField(models.CharField(max_length=40), default=list)
    exposure = models.CharField(max_length=12, choices=Exposure, default=Exposure.INTERNAL)
    data_classes = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    slo_p95_ms = models.PositiveIntegerField(null=True, blank=True)
    slo_availability = models.FloatField(null=True, blank=True)
    contract_version = models.CharField(max_length=40, blank=True)
    is_demo = models.BooleanField(default=False)

    objects = scoped("team", READ)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="endpoint_name_unique")]

    def __str__(self) -> str:
        return self.name


class Deployment(models.Model):
    """A version answering at an endpoint during an interval. Two of one endpoint cannot overlap."""

    ledger_type = "deployment"
    governed = True

    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="deployments")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="deployments")
    release_ref = models.CharField(max_length=40, help_text="The release that opened it, such as R-2026-7")
    during = DateTimeRangeField()

    objects = scoped("endpoint__team", READ)

    class Meta:
        constraints = [
            # int8range(x, x, '[]') stands for equality: the embedded server has no btree_gist.
            ExclusionConstraint(
                name="deployment_no_overlap",
                expressions=[
                    (
                        Func("endpoint_id", "endpoint_id", Value("[]"), function="int8range"),
                        RangeOperators.OVERLAPS,
                    ),
                    ("during", RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(condition=models.Q(during__startswith__isnull=False), name="deployment_has_start"),
        ]
        indexes = [models.Index(fields=["version"], name="deployment_version")]

    def __str__(self) -> str:
        return f"{self.version_id} at {self.endpoint_id}"

    @property
    def is_live(self) -> bool:
        return bool(self.during.upper is None)
