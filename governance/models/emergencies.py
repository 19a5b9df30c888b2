"""The emergency right of a release, and what an endpoint says about releases to it."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from catalog.models import Endpoint
from governance.choices import EmergencyOutcome, EmergencyOverdue, EmergencyState, SecondRelease
from governance.models.releases import Release
from portal.access import Permission, scoped
from portal.accounts.choices import Role


class Emergency(models.Model):
    """One person's recorded right to let a release go live with open seats, and the review after the fact."""

    ledger_type = "emergency"
    governed = True

    release = models.OneToOneField(Release, on_delete=models.PROTECT, related_name="emergency")
    decision_digest = models.CharField(max_length=64)
    declared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20, choices=Role)
    reason = models.TextField(max_length=4000)
    declared_at = models.DateTimeField()
    review_due_at = models.DateTimeField()
    on_overdue = models.CharField(max_length=10, choices=EmergencyOverdue, default=EmergencyOverdue.ESCALATE)
    state = models.CharField(max_length=8, choices=EmergencyState, default=EmergencyState.WAITING)
    overdue_at = models.DateTimeField(null=True)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=EmergencyOutcome, blank=True, default="")
    review = models.TextField(max_length=4000, blank=True, default="")

    objects = scoped("release__version__model__team", Permission.GOVERNANCE_RELEASE_READ)

    class Meta:
        verbose_name_plural = "emergencies"
        constraints = [
            models.CheckConstraint(condition=~models.Q(reason=""), name="emergency_reason_given"),
            models.CheckConstraint(
                condition=models.Q(reviewed_by__isnull=False, reviewed_at__isnull=False, state="reviewed")
                & ~models.Q(outcome="")
                | models.Q(reviewed_by=None, reviewed_at=None, outcome="") & ~models.Q(state="reviewed"),
                name="emergency_reviewed_by",
            ),
            models.CheckConstraint(
                condition=models.Q(reviewed_by=None) | ~models.Q(reviewed_by=models.F("declared_by")),
                name="emergency_reviewed_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(review_due_at__gt=models.F("declared_at")), name="emergency_due_later"
            ),
        ]
        indexes = [models.Index(fields=["review_due_at"], condition=models.Q(state="waiting"), name="emergency_due")]

    def __str__(self) -> str:
        return f"emergency release of {self.release_id}"


def default_roles() -> list[str]:
    return [str(Role.RISK), str(Role.MODEL_OWNER)]


class ReleaseRules(models.Model):
    """What an endpoint says about releases to it. Where there is no row, the defaults below hold."""

    ledger_type = "release_rules"
    governed = True

    endpoint = models.OneToOneField(Endpoint, on_delete=models.PROTECT, related_name="release_rules")
    second_release = models.CharField(max_length=8, choices=SecondRelease, default=SecondRelease.TOGETHER)
    expire_when_due = models.BooleanField(
        default=False, help_text="A release that is not decided by its due time expires"
    )
    emergency_roles = ArrayField(models.CharField(max_length=20, choices=Role), default=default_roles, blank=True)
    emergency_hours = models.PositiveSmallIntegerField(default=72, help_text="Hours until the review after the fact")
    emergency_overdue = models.CharField(max_length=10, choices=EmergencyOverdue, default=EmergencyOverdue.ESCALATE)

    objects = scoped("endpoint__team", Permission.GOVERNANCE_RELEASE_READ)

    class Meta:
        verbose_name_plural = "release rules"
        constraints = [
            models.CheckConstraint(condition=models.Q(emergency_hours__gte=1), name="release_rules_hours"),
        ]

    def __str__(self) -> str:
        return f"releases to {self.endpoint_id}"
