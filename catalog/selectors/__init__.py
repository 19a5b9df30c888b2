"""Reads of the catalog, shared by pages, API and the facts builder. Lists begin with what the actor may see."""

from catalog.selectors.attestations import attestation_numbered, attestations_about, current_attestations
from catalog.selectors.cards import CardState, card_state, measured_card_sections
from catalog.selectors.common import missing, plain
from catalog.selectors.datasets import dataset_named, datasets_for, snapshot_named, snapshots_for, snapshots_of, uses_of
from catalog.selectors.evidence import (
    HEADLINES,
    current_bias,
    current_metrics,
    evidence_numbered,
    evidence_of,
    headline_metrics,
    lowest_ratios,
)
from catalog.selectors.places import (
    deployed_at,
    deployment_before,
    deployments_of,
    endpoint_named,
    endpoints_for,
    live_deployment,
    live_deployments_of,
    live_deployments_of_model,
)
from catalog.selectors.registry import (
    artifact_named,
    artifacts_of,
    live_first,
    model_named,
    models_for,
    search_models,
    trainers_of,
    uploaded_digests,
    version_named,
    versions_of,
)

__all__ = [
    "HEADLINES",
    "CardState",
    "artifact_named",
    "artifacts_of",
    "attestation_numbered",
    "attestations_about",
    "card_state",
    "current_attestations",
    "current_bias",
    "current_metrics",
    "dataset_named",
    "datasets_for",
    "deployed_at",
    "deployment_before",
    "deployments_of",
    "endpoint_named",
    "endpoints_for",
    "evidence_numbered",
    "evidence_of",
    "headline_metrics",
    "live_deployment",
    "live_deployments_of",
    "live_deployments_of_model",
    "live_first",
    "lowest_ratios",
    "measured_card_sections",
    "missing",
    "model_named",
    "models_for",
    "plain",
    "search_models",
    "snapshot_named",
    "snapshots_for",
    "snapshots_of",
    "trainers_of",
    "uploaded_digests",
    "uses_of",
    "version_named",
    "versions_of",
]
