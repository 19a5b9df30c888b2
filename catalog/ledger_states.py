"""What the ledger binds of the catalog. Frozen once released: add a new number, never edit one."""

from portal.ledger import teams
from portal.ledger.states import register

register(
    "model/1",
    model="catalog.RegisteredModel",
    fields=(
        "name",
        "title",
        "description",
        "team",
        "owner",
        "risk_tier",
        "intended_use",
        "affects_legal_or_safety",
        "is_demo",
    ),
)
register("dataset/1", model="catalog.Dataset", fields=("name", "title", "description", "team", "is_demo"))
register(
    "snapshot/1",
    model="catalog.DatasetSnapshot",
    fields=(
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
    ),
)
register(
    "training_run/1",
    model="catalog.TrainingRun",
    fields=(
        "model",
        "job_id",
        "code_revision",
        "parameters",
        "provider",
        "region",
        "cost_amount",
        "cost_currency",
        "trained_by",
        "started_at",
        "finished_at",
    ),
)
register(
    "version/1",
    model="catalog.ModelVersion",
    fields=("model", "version", "notes", "training_run", "digest", "created_by", "contents"),
)
register(
    "evidence/1",
    model="catalog.Evidence",
    fields=("version", "kind", "title", "tool", "sha256", "blob", "recorded_by", "measured_at", "measures"),
)
register("card_revision/1", model="catalog.CardRevision", fields=("version", "number", "author", "digest", "content"))
register(
    "endpoint/1",
    model="catalog.Endpoint",
    fields=(
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
        "is_demo",
    ),
)
register("deployment/1", model="catalog.Deployment", fields=("endpoint", "version", "release_ref", "during"))
teams.register("catalog.CardRevision", "version__model__team")
register(
    "attestation/1",
    model="catalog.Attestation",
    fields=(
        "model",
        "version",
        "endpoint",
        "team",
        "section",
        "key",
        "value",
        "source",
        "sha256",
        "recorded_by",
        "attested_at",
        "valid_until",
    ),
)
