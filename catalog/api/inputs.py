"""What the catalog's API takes in."""

from __future__ import annotations

from rest_framework import serializers

from catalog.api.fields import CountField, DigestField, NameField, PlainObjectField, Strict
from catalog.choices import DatasetRole, Environment, Exposure, RiskTier


def text(max_length: int, **kwargs: object) -> serializers.CharField:
    """An optional text."""
    return serializers.CharField(max_length=max_length, required=False, allow_blank=True, default="", **kwargs)  # type: ignore[arg-type]


def words(max_length: int) -> serializers.ListField:
    """An optional list of short texts."""
    return serializers.ListField(
        child=serializers.CharField(max_length=max_length), max_length=100, required=False, default=list
    )


TEAM = "Slug of the team. May be left out by who may do this in one team only."


class ModelIn(Strict):
    name = NameField()
    title = serializers.CharField(max_length=160)
    description = text(4000)
    team = text(60, help_text=TEAM)
    owner = text(60, help_text="Username; by default who registers it.")
    risk_tier = serializers.ChoiceField(choices=RiskTier.choices)
    intended_use = words(60)
    affects_legal_or_safety = serializers.BooleanField(default=False)


class ArtifactIn(Strict):
    name = serializers.CharField(max_length=200)
    sha256 = DigestField()
    size = CountField(help_text="Bytes.")
    format = text(40)


class RunIn(Strict):
    job_id = serializers.CharField(max_length=120)
    code_revision = serializers.CharField(max_length=80)
    parameters = PlainObjectField(required=False, default=dict)
    trained_by = text(
        60,
        help_text="Username of a developer or model owner of the team; by default who registers the version. "
        "A trainer cannot approve it.",
    )
    provider = text(60)
    region = text(40)
    started_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    finished_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class UseIn(Strict):
    dataset = serializers.CharField(max_length=80)
    snapshot = serializers.CharField(max_length=80)
    role = serializers.ChoiceField(choices=DatasetRole.choices)


class VersionIn(Strict):
    version = NameField(max_length=40)
    notes = text(4000)
    artifacts = ArtifactIn(many=True, max_length=1000)
    training_run = RunIn(required=False, allow_null=True, default=None)
    datasets = UseIn(many=True, required=False, default=list, max_length=200)


class MetricIn(serializers.Serializer):
    """One number. The service reads it strictly; this is its description."""

    name = serializers.CharField(max_length=60)
    value = serializers.FloatField()
    split = text(40)
    segment = text(80)
    lower = serializers.FloatField(required=False, allow_null=True)
    upper = serializers.FloatField(required=False, allow_null=True)
    n = CountField(required=False, allow_null=True)


class MetricsIn(Strict):
    metrics = serializers.ListField(child=serializers.DictField(), allow_empty=True, max_length=500)
    title = serializers.CharField(max_length=200, required=False, default="Evaluation")
    tool = text(80)
    measured_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class MetricsDoc(MetricsIn):
    """As MetricsIn, with the items described, for the schema."""

    metrics = MetricIn(many=True)


class CardIn(Strict):
    sections = serializers.DictField(child=serializers.CharField(max_length=20000, allow_blank=True))
    based_on = CountField(required=False, allow_null=True, default=None, help_text="Revision you saw; 0 for none.")


class DatasetIn(Strict):
    name = NameField()
    title = serializers.CharField(max_length=160)
    description = text(4000)
    team = text(60, help_text=TEAM)


class ColumnIn(Strict):
    name = serializers.CharField(max_length=200)
    type = serializers.CharField(max_length=80)


class SnapshotIn(Strict):
    label = serializers.CharField(max_length=80)
    sha256 = DigestField()
    rows = CountField()
    schema = ColumnIn(many=True, max_length=5000)
    residency = serializers.CharField(max_length=40)
    retention_until = serializers.DateField(required=False, allow_null=True, default=None)
    licence = serializers.CharField(max_length=120)
    source = text(300)
    legal_basis = text(120)
    purposes = words(60)
    contains_personal_data = serializers.BooleanField()


class EndpointIn(Strict):
    name = NameField()
    title = text(160)
    team = text(60, help_text=TEAM)
    environment = serializers.ChoiceField(choices=Environment.choices)
    regions = serializers.ListField(child=serializers.CharField(max_length=40), max_length=50)
    exposure = serializers.ChoiceField(choices=Exposure.choices, default=Exposure.INTERNAL)
    data_classes = words(40)
    slo_p95_ms = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=2**31 - 1
    )
    slo_availability = serializers.FloatField(required=False, allow_null=True, default=None, min_value=0, max_value=1)
    contract_version = text(40)
