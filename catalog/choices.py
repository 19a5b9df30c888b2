"""Enumerations of the catalog."""

from django.db import models


class RiskTier(models.TextChoices):
    HIGH = "high", "High"
    LIMITED = "limited", "Limited"
    MINIMAL = "minimal", "Minimal"


class Environment(models.TextChoices):
    STAGING = "staging", "Staging"
    PRODUCTION = "production", "Production"


class DatasetRole(models.TextChoices):
    TRAIN = "train", "Training"
    VALIDATION = "validation", "Validation"
    TEST = "test", "Test"


class EvidenceKind(models.TextChoices):
    METRICS = "metrics", "Evaluation"
    BIAS = "bias", "Bias report"
    PREDICTIONS = "predictions", "Predictions"
    CARD = "card", "Model card"
    ATTESTATION = "attestation", "Attestation"


class Exposure(models.TextChoices):
    INTERNAL = "internal", "Internal"
    CUSTOMERS = "customers", "Customers"


# The sections a model card needs before it counts as complete (after Mitchell et al. 2019, "Model Cards for
# Model Reporting"); those marked measured are filled from evidence and cannot be typed over.
CARD_SECTIONS: dict[str, tuple[str, bool]] = {
    "intended_use": ("Intended use", False),
    "out_of_scope": ("Out of scope", False),
    "users_affected": ("People affected", False),
    "training_data": ("Training data", True),
    "evaluation": ("Evaluation", True),
    "fairness": ("Fairness", True),
    "limitations": ("Limitations", False),
    "human_oversight": ("Human oversight", False),
}
