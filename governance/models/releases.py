"""Releases, approvals, conditions."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from catalog.models import SHA256, Endpoint, ModelVersion
from governance.choices import DECIDING_ROLES, OPEN_STATES, ConditionState, DecisionChoice, ReleaseState
from governance.models.decisions import Decision
from portal.access import Permission, scoped


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

    objects = scoped("version__model__team", Permission.GOVERNANCE_RELEASE_READ)

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
