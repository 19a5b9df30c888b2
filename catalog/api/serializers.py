"""What the catalog's API gives."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from catalog.choices import DatasetRole, Environment, EvidenceKind, Exposure, RiskTier
from catalog.models import (
    Artifact,
    Dataset,
    DatasetSnapshot,
    Deployment,
    Endpoint,
    Evidence,
    Metric,
    ModelVersion,
    RegisteredModel,
)

ROOT = "/api/v1"


class ModelOut(serializers.ModelSerializer):
    team = serializers.CharField(source="team.slug")
    owner = serializers.CharField(source="owner.username")
    risk_tier = serializers.ChoiceField(choices=RiskTier.choices)
    url = serializers.SerializerMethodField()
    newest_version = serializers.CharField(allow_null=True, default=None)
    live_version = serializers.CharField(allow_null=True, default=None)
    live_endpoint = serializers.CharField(allow_null=True, default=None)

    class Meta:
        model = RegisteredModel
        fields = (
            "name",
            "title",
            "description",
            "team",
            "owner",
            "risk_tier",
            "intended_use",
            "affects_legal_or_safety",
            "created_at",
            "newest_version",
            "live_version",
            "live_endpoint",
            "url",
        )

    def get_url(self, row: RegisteredModel) -> str:
        return f"{ROOT}/models/{row.name}"


class ArtifactOut(serializers.ModelSerializer):
    uploaded = serializers.SerializerMethodField(help_text="Whether the bytes are in the store.")
    url = serializers.SerializerMethodField(help_text="PUT the bytes here.")

    class Meta:
        model = Artifact
        fields = ("name", "sha256", "size", "format", "uploaded", "url")

    def get_uploaded(self, row: Artifact) -> bool:
        return row.sha256 in self.context["uploaded"]

    def get_url(self, row: Artifact) -> str:
        version: ModelVersion = self.context["version"]
        return f"{ROOT}/models/{version.model.name}/versions/{version.version}/artifacts/{row.name}"


class RunOut(serializers.Serializer):
    job_id = serializers.CharField()
    code_revision = serializers.CharField()
    parameters = serializers.DictField()
    provider = serializers.CharField()
    region = serializers.CharField()
    trained_by = serializers.CharField(source="trained_by.username")
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class UseOut(serializers.Serializer):
    dataset = serializers.CharField(source="snapshot.dataset.name")
    snapshot = serializers.CharField(source="snapshot.label")
    role = serializers.ChoiceField(choices=DatasetRole.choices)
    sha256 = serializers.CharField(source="snapshot.sha256")


class VersionRow(serializers.Serializer):
    """A version as a list shows it."""

    model = serializers.CharField(source="model.name")
    version = serializers.CharField()
    digest = serializers.CharField(help_text="SHA-256 over the declared artifacts, canonical JSON.")
    created_by = serializers.CharField(source="created_by.username")
    created_at = serializers.DateTimeField()
    live_at = serializers.CharField(allow_null=True, default=None)
    url = serializers.SerializerMethodField()

    def get_url(self, row: ModelVersion) -> str:
        return f"{ROOT}/models/{row.model.name}/versions/{row.version}"


class VersionOut(VersionRow):
    notes = serializers.CharField()
    training_run = RunOut(allow_null=True)
    artifacts = ArtifactOut(many=True)
    datasets = UseOut(many=True)


class StoredOut(serializers.Serializer):
    """Bytes that were taken in."""

    name = serializers.CharField()
    sha256 = serializers.CharField()
    size = serializers.IntegerField()
    uploaded = serializers.BooleanField()


class MetricOut(serializers.ModelSerializer):
    class Meta:
        model = Metric
        fields = ("name", "split", "segment", "value", "lower", "upper", "n")


class EvidenceOut(serializers.ModelSerializer):
    id = serializers.CharField(source="public_id")
    kind = serializers.ChoiceField(choices=EvidenceKind.choices)
    model = serializers.CharField(source="version.model.name")
    version = serializers.CharField(source="version.version")
    recorded_by = serializers.CharField(source="recorded_by.username")
    metrics = MetricOut(many=True)
    bias = serializers.SerializerMethodField(help_text="One object a group; undefined rates are null.")
    url = serializers.SerializerMethodField()

    class Meta:
        model = Evidence
        fields = (
            "id",
            "kind",
            "title",
            "tool",
            "sha256",
            "model",
            "version",
            "recorded_by",
            "measured_at",
            "recorded_at",
            "metrics",
            "bias",
            "url",
        )

    def get_bias(self, row: Evidence) -> list[dict[str, Any]]:
        names = ("attribute", "group", "reference", "favourable", *row.bias_measures.model.NUMBERS)
        return [{name: getattr(measure, name) for name in names} for measure in row.bias_measures.all()]

    def get_url(self, row: Evidence) -> str:
        return f"{ROOT}/evidence/{row.public_id}"


class CardSectionOut(serializers.Serializer):
    key = serializers.CharField()
    title = serializers.CharField()
    measured = serializers.BooleanField(help_text="Filled from evidence; cannot be typed over.")
    text = serializers.CharField()


class CardOut(serializers.Serializer):
    """The card: saved texts beside what is measured now."""

    revision = serializers.IntegerField(help_text="0 while nothing is saved. Send it back as based_on.")
    digest = serializers.CharField(allow_null=True)
    complete = serializers.BooleanField()
    missing = serializers.ListField(child=serializers.CharField())
    stale = serializers.ListField(
        child=serializers.CharField(), help_text="Measured sections whose evidence moved on since the revision."
    )
    sections = CardSectionOut(many=True)


class DatasetOut(serializers.ModelSerializer):
    team = serializers.CharField(source="team.slug")
    newest_snapshot = serializers.CharField(source="newest_label", allow_null=True, default=None)

    class Meta:
        model = Dataset
        fields = ("name", "title", "description", "team", "newest_snapshot")


class ColumnOut(serializers.Serializer):
    name = serializers.CharField()
    type = serializers.CharField()


class SnapshotOut(serializers.ModelSerializer):
    dataset = serializers.CharField(source="dataset.name")
    created_by = serializers.CharField(source="created_by.username")
    schema = ColumnOut(many=True)

    class Meta:
        model = DatasetSnapshot
        fields = (
            "dataset",
            "label",
            "sha256",
            "rows",
            "schema",
            "residency",
            "retention_until",
            "licence",
            "source",
            "legal_basis",
            "purposes",
            "contains_personal_data",
            "created_by",
            "created_at",
        )


class LiveOut(serializers.Serializer):
    model = serializers.CharField(source="version.model.name")
    version = serializers.CharField(source="version.version")
    release = serializers.CharField(source="release_ref")
    since = serializers.DateTimeField(source="during.lower")
    until = serializers.DateTimeField(source="during.upper", allow_null=True)


class EndpointOut(serializers.ModelSerializer):
    team = serializers.CharField(source="team.slug")
    environment = serializers.ChoiceField(choices=Environment.choices)
    exposure = serializers.ChoiceField(choices=Exposure.choices)
    live = serializers.SerializerMethodField()

    class Meta:
        model = Endpoint
        fields = (
            "name",
            "title",
            "team",
            "environment",
            "regions",
            "exposure",
            "data_classes",
            "slo_p95_ms",
            "slo_availability",
            "contract_version",
            "live",
        )

    def get_live(self, row: Endpoint) -> dict[str, Any] | None:
        rows: list[Deployment] = getattr(row, "live_deployments", [])
        return dict(LiveOut(rows[0]).data) if rows else None


class EndpointDetail(EndpointOut):
    deployments = LiveOut(many=True, source="timeline")

    class Meta(EndpointOut.Meta):
        fields = (*EndpointOut.Meta.fields, "deployments")


class ModelPage(serializers.Serializer):
    results = ModelOut(many=True)
    next = serializers.IntegerField(allow_null=True, help_text="Give it as `after` for the next page.")


class VersionPage(ModelPage):
    results = VersionRow(many=True)


class EvidencePage(ModelPage):
    results = EvidenceOut(many=True)


class DatasetPage(ModelPage):
    results = DatasetOut(many=True)


class SnapshotPage(ModelPage):
    results = SnapshotOut(many=True)


class EndpointPage(ModelPage):
    results = EndpointOut(many=True)
