"""Who people are to the bank: roles, and the line of defence that each stands in."""

from django.db import models


class Kind(models.TextChoices):
    PERSON = "person", "Person"
    SERVICE = "service", "Service identity"


class Role(models.TextChoices):
    VIEWER = "viewer", "Viewer"
    DEVELOPER = "developer", "Developer"
    MODEL_OWNER = "model_owner", "Model owner"
    VALIDATOR = "validator", "Validator"
    RISK = "risk", "Risk reviewer"
    FAIRNESS = "fairness", "Fairness reviewer"
    LEGAL = "legal", "Legal reviewer"
    COMPLIANCE = "compliance", "Compliance reviewer"
    AUDITOR = "auditor", "Auditor"
    ADMIN = "admin", "Administrator"


class PasskeyState(models.TextChoices):
    WAITING = "waiting", "Waits for approval"
    ACTIVE = "active", "In use"
    REFUSED = "refused", "Refused"
    REVOKED = "revoked", "Revoked"
    LOST = "lost", "Reported lost"


FIRST_LINE = frozenset({Role.DEVELOPER, Role.MODEL_OWNER})
SECOND_LINE = frozenset({Role.VALIDATOR, Role.RISK, Role.FAIRNESS, Role.LEGAL, Role.COMPLIANCE})
# A service identity builds and asks; who decides, audits or manages is a person.
SERVICE_ROLES = FIRST_LINE | {Role.VIEWER}
