"""Shapes of the catalog's API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from catalog.choices import DatasetRole, Environment, Exposure, RiskTier
from catalog.models import Dataset, DatasetSnapshot, Endpoint, Evidence, ModelVersion, RegisteredModel


class Strict(serializers.Serializer):
    """Refuses fields it does not know: a misspelt one would be lost in silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            message = f"There is no such field. Known: {', '.join(self.fields)}."
            raise serializers.ValidationError({name: message for name in unknown[:20]})
        return super().to_internal_value(data)


class ArtifactIn(Strict):
    name = serializers.CharField(max_length=200)
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")
    size = serializers.IntegerField(min_value=0)
    format = serializers.CharField(max_length=40, required=False, allow_blank=True)


class TrainingIn(Strict):
    job_id = serializers.CharField(max_length=120)
    code_revision = serializers.CharField(max_length=80)
    parameters = serializers.DictField(required=False)
    provider = serializers.CharField(max_length=60, required=False)
    region = serializers.CharField(max_length=40, required=False)


class UseIn(Strict):
    dataset = serializers.CharField(max_length=80)
    snapshot = serializers.CharField(max_length=80)
    role = serializers.ChoiceField(choices=DatasetRole.choices)


class VersionIn(Strict):
    version = serializers.CharField(max_length=40)
    artifacts = ArtifactIn(many=True)
    training = TrainingIn(required=False)
    datasets = UseIn(many=True, required=False)
    notes = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class ModelIn(Strict):
    name = serializers.CharField(max_length=80)
    title = serializers.CharField(max_length=160)
    team = serializers.CharField(max_length=60, help_text="Slug of the team")
    risk_tier = serializers.ChoiceField(choices=RiskTier.choices)
    description = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    intended_use = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    affects_legal_or_safety = serializers.BooleanField(required=False)


class MetricsIn(Strict):
    metrics = serializers.ListField(child=serializers.DictField(), max_length=500)
    title = serializers.CharField(max_length=200, required=False)
    tool = serializers.CharField(max_length=80, required=False)
    measured_at = serializers.DateTimeField(required=False)


class CardIn(Strict):
    sections = serializers.DictField(child=serializers.CharField(max_length=20_000, allow_blank=True))
    based_on = serializers.IntegerField(required=False, help_text="Revision that you saw; 0 for none")


class DatasetIn(Strict):
    name = serializers.CharField(max_length=80)
    title = serializers.CharField(max_length=160)
    team = serializers.CharField(max_length=60)
    description = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class SnapshotIn(Strict):
    label = serializers.CharField(max_length=80)
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")
    rows = serializers.IntegerField(min_value=0)
    schema = serializers.ListField(child=serializers.DictField())
    residency = serializers.CharField(max_length=40)
    retention_until = serializers.DateField(required=False, allow_null=True)
    licence = serializers.CharField(max_length=120)
    source = serializers.CharField(max_length=300, required=False, allow_blank=True)
    legal_basis = serializers.CharField(max_length=120, required=False, allow_blank=True)
    purposes = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    contains_personal_data = serializers.BooleanField()


class EndpointIn(Strict):
    name = serializers.CharField(max_length=80)
    team = serializers.CharField(max_length=60)
    environment = serializers.ChoiceField(choices=Environment.choices)
    regions = serializers.ListField(child=serializers.CharField(max_length=40))
    title = serializers.CharField(max_length=160, required=False)
    exposure = serializers.ChoiceField(choices=Exposure.choices, required=False)
    data_classes = serializers.ListField(child=serializers.CharField(max_length=40), required=False)
    slo_p95_ms = serializers.IntegerField(required=False)
    slo_availability = serializers.FloatField(required=False)
    contract_version = serializers.CharField(max_length=40, required=False)


def model_out(row: RegisteredModel) -> dict[str, Any]:
    return {
        "name": row.name,
        "title": row.title,
        "description": row.description,
        "team": row.team.slug,
        "owner": row.owner.username,
        "risk_tier": row.risk_tier,
        "intended_use": row.intended_use,
        "affects_legal_or_safety": row.affects_legal_or_safety,
        "created_at": row.created_at,
    }


def version_out(row: ModelVersion, stored: set[str]) -> dict[str, Any]:
    files = sorted(row.artifacts.all(), key=lambda file: file.name)
    return {
        "model": row.model.name,
        "version": row.version,
        "digest": row.digest,
        "notes": row.notes,
        "created_by": row.created_by.username,
        "created_at": row.created_at,
        "training_run": row.training_run.job_id if row.training_run else None,
        "artifacts": [
            {"name": file.name, "sha256": file.sha256, "size": file.size, "stored": file.sha256 in stored}
            for file in files
        ],
    }


def evidence_out(row: Evidence) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "kind": row.kind,
        "title": row.title,
        "tool": row.tool,
        "sha256": row.sha256,
        "measured_at": row.measured_at,
        "recorded_at": row.recorded_at,
        "recorded_by": row.recorded_by.username,
    }


def dataset_out(row: Dataset) -> dict[str, Any]:
    return {"name": row.name, "title": row.title, "description": row.description, "team": row.team.slug}


def snapshot_out(row: DatasetSnapshot) -> dict[str, Any]:
    names = "label sha256 rows schema residency retention_until licence source purposes contains_personal_data".split()
    return {name: getattr(row, name) for name in names}


def endpoint_out(row: Endpoint) -> dict[str, Any]:
    live = getattr(row, "live_deployments", [])
    return {
        "name": row.name,
        "title": row.title,
        "team": row.team.slug,
        "environment": row.environment,
        "regions": row.regions,
        "exposure": row.exposure,
        "live": str(live[0].version) if live else None,
    }
