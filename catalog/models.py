"""Models, versions, artifacts, datasets, runs, facts with their evidence, cards, endpoints, deployments."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Func, Value
from django.db.models.functions import Lower, Now

from catalog.choices import DatasetRole, Environment, EvidenceKind, Exposure, RiskTier
from portal.access import Permission, scoped

READ = Permission.CATALOG_MODEL_READ
SHA256 = RegexValidator(r"^[0-9a-f]{64}$", "A SHA-256 digest is 64 lower-case hexadecimal digits.")
NAME = RegexValidator(r"^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$", "Use lower-case letters, digits, dots, dashes.")


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
