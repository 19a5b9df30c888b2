"""Decisions: facts × policies → verdict."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import models

from catalog.models import SHA256, Endpoint, ModelVersion
from governance.choices import Verdict
from governance.models.policies import PolicyVersion
from portal.access import Permission, scoped


class Decision(models.Model):
    """Facts × policies → verdict, as canonical bytes that anybody can compute again."""

    ledger_type = "decision"
    governed = True
    append_only = True

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="decisions")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="decisions")
    facts_text = models.TextField(help_text="Canonical JSON (RFC 8785) of the facts document")
    facts_digest = models.CharField(max_length=64, validators=[SHA256])
    inputs_digest = models.CharField(
        max_length=64, validators=[SHA256], help_text="The facts without the moment they were read at"
    )
    result_text = models.TextField(help_text="Canonical JSON of the verdict per rule")
    digest = models.CharField(max_length=64, validators=[SHA256], help_text="SHA-256 of result_text")
    verdict = models.CharField(max_length=16, choices=Verdict)
    policy_versions = models.ManyToManyField(PolicyVersion, through="DecisionPolicy", related_name="decisions")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField()

    objects = scoped("version__model__team", Permission.GOVERNANCE_RELEASE_READ)

    class Meta:
        indexes = [models.Index(fields=["version", "endpoint", "-id"], name="decision_subject")]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} {self.digest[:12]}"

    @property
    def public_id(self) -> str:
        return f"D-{self.pk}"

    @cached_property
    def facts(self) -> dict[str, Any]:
        return json.loads(self.facts_text)

    @cached_property
    def result(self) -> dict[str, Any]:
        return json.loads(self.result_text)

    @property
    def policies(self) -> list[int]:
        """Ids of the policy versions in their order, as the ledger binds them."""
        return [row.policy_version_id for row in sorted(self.bundle.all(), key=lambda row: row.position)]


class DecisionPolicy(models.Model):
    """Which policy versions a decision used, in order."""

    append_only = True

    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="bundle")
    policy_version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()

    class Meta:
        verbose_name_plural = "decision policies"
        constraints = [models.UniqueConstraint("decision", "position", name="decision_policy_position")]

    def __str__(self) -> str:
        return f"{self.decision_id}.{self.position}"
