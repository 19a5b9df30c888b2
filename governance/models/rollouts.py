"""Rollouts: the plan of a release's way to all traffic, the signals it is watched by, and what a breach opens."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from catalog.models import SHA256, Endpoint, ModelVersion
from governance.models.releases import Release
from portal.access import Permission, scoped

READ = Permission.GOVERNANCE_RELEASE_READ


class RolloutState(models.TextChoices):
    PLANNED = "planned", "Planned"
    RUNNING = "running", "Running"
    BURN_IN = "burn_in", "Burn-in"
    DONE = "done", "Done"
    ROLLED_BACK = "rolled_back", "Rolled back"
    ENDED = "ended", "Ended with its release"


class Arm(models.TextChoices):
    CANARY = "canary", "Canary"
    BASELINE = "baseline", "Baseline"


class SignalForm(models.TextChoices):
    COUNTS = "counts", "Requests and bad ones"
    BINS = "bins", "Requests by bin"
    VALUE = "value", "A mean"


class Rollout(models.Model):
    """The plan of a release: its steps, what is compared and how strictly, and how far its approvals reach."""

    ledger_type = "rollout"
    governed = True

    release = models.OneToOneField(Release, on_delete=models.PROTECT, related_name="rollout")
    state = models.CharField(max_length=12, choices=RolloutState, default=RolloutState.PLANNED)
    metrics = models.JSONField(default=list)
    alpha = models.FloatField(default=0.01, help_text="Chance of a false rollback, over all steps and metrics")
    silence_minutes = models.PositiveIntegerField(default=10, help_text="Silence of the canary that is a breach")
    burn_in_minutes = models.PositiveIntegerField(default=60)
    burn_in_requests = models.PositiveIntegerField(default=1000)
    approval_share = models.PositiveSmallIntegerField(
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Percent of real traffic up to which the release's approvals reach",
    )
    limits = models.JSONField(default=dict, blank=True)
    webhook_url = models.CharField(max_length=300, blank=True)
    digest = models.CharField(max_length=64, validators=[SHA256])
    position = models.PositiveSmallIntegerField(default=0, help_text="Number of the step that is allowed; 0: none yet")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    reasons = models.JSONField(default=list, blank=True)

    objects = scoped("release__version__model__team", READ)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(alpha__gt=0, alpha__lte=0.1), name="rollout_alpha"),
            models.CheckConstraint(
                condition=models.Q(approval_share__gte=1, approval_share__lte=100), name="rollout_approval_share"
            ),
        ]

    def __str__(self) -> str:
        return f"rollout of R-{self.release_id}"

    @property
    def is_over(self) -> bool:
        return self.state in (RolloutState.DONE, RolloutState.ROLLED_BACK, RolloutState.ENDED)


class RolloutStep(models.Model):
    """A share of traffic, and what must be there before the next: 0 is shadow traffic, without effect on people."""

    ledger_type = "rollout_step"
    governed = True

    rollout = models.ForeignKey(Rollout, on_delete=models.PROTECT, related_name="steps")
    number = models.PositiveSmallIntegerField()
    share = models.PositiveSmallIntegerField(help_text="Percent of real traffic; 0: shadow")
    least_minutes = models.PositiveIntegerField()
    least_requests = models.PositiveIntegerField()
    allowed_at = models.DateTimeField(null=True, blank=True)
    reached_at = models.DateTimeField(null=True, blank=True, help_text="When the deployer's report came in")

    objects = scoped("rollout__release__version__model__team", READ)

    class Meta:
        constraints = [
            models.UniqueConstraint("rollout", "number", name="rollout_step_once"),
            models.UniqueConstraint("rollout", "share", name="rollout_share_once"),
            models.CheckConstraint(condition=models.Q(share__lte=100), name="rollout_step_share"),
            models.CheckConstraint(
                condition=models.Q(reached_at=None) | models.Q(allowed_at__isnull=False), name="rollout_step_allowed"
            ),
        ]

    def __str__(self) -> str:
        return "shadow" if self.share == 0 else f"{self.share} %"


class ShareApproval(models.Model):
    """A person's leave to give a release more real traffic than its approvals reach, bound to plan and decision."""

    ledger_type = "share_approval"
    governed = True
    append_only = True

    rollout = models.ForeignKey(Rollout, on_delete=models.PROTECT, related_name="share_approvals")
    share = models.PositiveSmallIntegerField()
    plan_digest = models.CharField(max_length=64, validators=[SHA256])
    decision_digest = models.CharField(max_length=64, validators=[SHA256])
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20)
    reason = models.TextField(max_length=4000)
    decided_at = models.DateTimeField()

    objects = scoped("rollout__release__version__model__team", READ)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(share__gte=1, share__lte=100), name="share_approval_share"),
            models.CheckConstraint(condition=~models.Q(reason=""), name="share_approval_reason"),
        ]

    def __str__(self) -> str:
        return f"up to {self.share} %"


class SignalKind(models.Model):
    """A signal of an endpoint, as its first batch had it. The edges of its bins never change afterwards."""

    ledger_type = "signal_kind"
    append_only = True

    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="signal_kinds")
    name = models.CharField(max_length=60)
    form = models.CharField(max_length=8, choices=SignalForm)
    edges = ArrayField(models.FloatField(), default=list, blank=True)

    objects = scoped("endpoint__team", READ)

    class Meta:
        constraints = [models.UniqueConstraint("endpoint", "name", name="signal_kind_unique")]

    def __str__(self) -> str:
        return self.name


class SignalBatch(models.Model):
    """A delivery of signals. The same id with the same digest is the same delivery; with another it is refused."""

    ledger_type = "signal_batch"
    governed = True
    append_only = True

    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="signal_batches")
    producer = models.CharField(max_length=80)
    batch_id = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, validators=[SHA256])
    rows = models.PositiveIntegerField()
    received_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    received_at = models.DateTimeField()

    objects = scoped("endpoint__team", READ)

    class Meta:
        verbose_name_plural = "signal batches"
        constraints = [models.UniqueConstraint("endpoint", "producer", "batch_id", name="signal_batch_once")]

    def __str__(self) -> str:
        return f"{self.producer}/{self.batch_id}"


class Signal(models.Model):
    """Counts of one signal, arm, version and window. Rows of several producers are added up when they are read."""

    ledger_type = "signal"
    append_only = True

    batch = models.ForeignKey(SignalBatch, on_delete=models.PROTECT, related_name="signals")
    kind = models.ForeignKey(SignalKind, on_delete=models.PROTECT, related_name="signals")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    arm = models.CharField(max_length=8, choices=Arm)
    window_start = models.DateTimeField()
    n = models.BigIntegerField()
    bad = models.BigIntegerField(null=True)
    value = models.FloatField(null=True)
    bins = ArrayField(models.BigIntegerField(), null=True)

    objects = scoped("kind__endpoint__team", READ)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(n__gte=0), name="signal_n"),
            models.CheckConstraint(
                condition=models.Q(bad=None) | models.Q(bad__gte=0, bad__lte=models.F("n")), name="signal_bad"
            ),
        ]
        indexes = [models.Index(fields=["kind", "version", "arm", "window_start"], name="signal_window")]

    def __str__(self) -> str:
        return f"{self.kind_id} {self.arm} {self.window_start:%H:%M}"


class IncidentDraft(models.Model):
    """What a breach opened for people to look at: the numbers at that moment, not a judgement."""

    ledger_type = "incident_draft"
    governed = True

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="incident_drafts")
    cause = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    summary = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.TextField(max_length=4000, blank=True)

    objects = scoped("release__version__model__team", READ)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(closed_by=None, closed_at=None)
                | (models.Q(closed_by__isnull=False, closed_at__isnull=False) & ~models.Q(outcome="")),
                name="incident_draft_closed",
            )
        ]
        indexes = [models.Index(fields=["release"], name="incident_draft_release")]

    def __str__(self) -> str:
        return self.title

    @property
    def public_id(self) -> str:
        return f"ID-{self.pk}"

    @property
    def readings(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.summary.get("metrics", [])
        return found
