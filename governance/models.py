"""Policies and their versions, decisions, releases, approvals, conditions."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower, Now

from catalog.models import NAME, SHA256, Endpoint, ModelVersion
from governance.choices import DECIDING_ROLES, OPEN_STATES, ConditionState, DecisionChoice, ReleaseState, Verdict
from portal.access import Permission, scoped
from portal.accounts.choices import Role

READ = Permission.GOVERNANCE_RELEASE_READ


class Policy(models.Model):
    """A named policy; what it says is in its versions."""

    ledger_type = "policy"
    governed = True

    name = models.CharField(max_length=80, validators=[NAME])
    owner_role = models.CharField(max_length=20, choices=Role)
    is_demo = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="policy_name_unique")]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """One published text of a policy. The text never changes; at most one version of a policy is active."""

    ledger_type = "policy_version"
    governed = True

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    source = models.TextField(max_length=100_000)
    digest = models.CharField(max_length=64, validators=[SHA256])
    enforcement = models.CharField(max_length=10)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    published_at = models.DateTimeField(db_default=Now(), editable=False)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("policy", "number", name="policy_version_unique"),
            models.UniqueConstraint("policy", condition=models.Q(retired_at=None), name="policy_one_active"),
        ]

    def __str__(self) -> str:
        return f"{self.policy.name} {self.number}"


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

    objects = scoped("version__model__team", READ)

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
        constraints = [models.UniqueConstraint("decision", "position", name="decision_policy_position")]

    def __str__(self) -> str:
        return f"{self.decision_id}.{self.position}"


class Release(models.Model):
    """A request to let a version answer at an endpoint, and its life until something follows it."""

    ledger_type = "release"
    governed = True

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="releases")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="releases")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    words = models.TextField(max_length=4000, blank=True, help_text="What the requester says about it")
    state = models.CharField(max_length=14, choices=ReleaseState, default=ReleaseState.CHECKING)
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, null=True, related_name="+")
    requested_at = models.DateTimeField(db_default=Now(), editable=False)
    due_at = models.DateTimeField(null=True, blank=True)
    live_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    is_demo = models.BooleanField(default=False)

    objects = scoped("version__model__team", READ)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "version",
                "endpoint",
                condition=models.Q(state__in=[str(state) for state in OPEN_STATES]),
                name="release_one_open",
            ),
            models.UniqueConstraint("endpoint", condition=models.Q(state="live"), name="release_one_live"),
            models.CheckConstraint(
                condition=models.Q(decision__isnull=False) | models.Q(state__in=["checking", "withdrawn"]),
                name="release_has_decision",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["live", "superseded"]) | models.Q(live_at__isnull=False),
                name="release_live_at",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-id"], name="release_state"),
            models.Index(fields=["version"], name="release_version"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return f"R-{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


class Approval(models.Model):
    """What a person decided in a role, bound to the digest of the decision that they saw."""

    ledger_type = "approval"
    governed = True
    append_only = True

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="approvals")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="approvals")
    decision_digest = models.CharField(max_length=64, validators=[SHA256])
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="approvals")
    role = models.CharField(max_length=20, choices=[(role, role.label) for role in DECIDING_ROLES])
    choice = models.CharField(max_length=12, choices=DecisionChoice)
    reason = models.TextField(max_length=4000, blank=True)
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("release", "decision", "person", name="approval_once_per_person"),
            models.CheckConstraint(
                condition=models.Q(choice="approve") | ~models.Q(reason=""), name="approval_reason_given"
            ),
        ]
        indexes = [models.Index(fields=["release", "-id"], name="approval_release")]

    def __str__(self) -> str:
        return f"{self.get_choice_display()} by {self.person} as {self.get_role_display()}"

    @property
    def counts(self) -> bool:
        """Whether it lets the release go on, as far as the choice itself is concerned."""
        return self.choice in (DecisionChoice.APPROVE, DecisionChoice.CONDITIONS)


class Condition(models.Model):
    """What must still be done after an approval: by whom, until when."""

    ledger_type = "condition"
    governed = True

    approval = models.ForeignKey(Approval, on_delete=models.PROTECT, related_name="conditions")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="conditions")
    text = models.TextField(max_length=2000)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="conditions")
    due_on = models.DateField()
    state = models.CharField(max_length=8, choices=ConditionState, default=ConditionState.OPEN)
    proof = models.TextField(blank=True, max_length=2000)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="open", closed_by=None, closed_at=None)
                | models.Q(state="closed", closed_by__isnull=False, closed_at__isnull=False),
                name="condition_closed_by",
            ),
            models.CheckConstraint(condition=~models.Q(text=""), name="condition_text_given"),
        ]
        indexes = [models.Index(fields=["owner"], condition=models.Q(state="open"), name="condition_open")]

    def __str__(self) -> str:
        return self.text[:60]
