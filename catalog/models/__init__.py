"""Models, versions, data, runs, evidence and attestations, cards, endpoints, deployments."""

from catalog.models.attestations import Attestation
from catalog.models.cards import CardRevision, CardSection
from catalog.models.common import NAME, READ, SHA256
from catalog.models.datasets import Dataset, DatasetSnapshot, VersionDataset
from catalog.models.evidence import BiasMeasure, Evidence, Metric
from catalog.models.places import Deployment, Endpoint
from catalog.models.registry import Artifact, Blob, ModelVersion, RegisteredModel, TrainingRun

__all__ = [
    "NAME",
    "READ",
    "SHA256",
    "Artifact",
    "Attestation",
    "BiasMeasure",
    "Blob",
    "CardRevision",
    "CardSection",
    "Dataset",
    "DatasetSnapshot",
    "Deployment",
    "Endpoint",
    "Evidence",
    "Metric",
    "ModelVersion",
    "RegisteredModel",
    "TrainingRun",
    "VersionDataset",
]
