"""Releases, approvals, conditions, findings."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from catalog.models import SHA256, Endpoint, ModelVersion
from governance.choices import (
    ASKED_STATES,
    DECIDING_ROLES,
    OPEN_STATES,
    ConditionState,
    DecisionChoice,
    FallbackKind,
    Opinion,
    Overdue,
    ReleaseState,
    Severity,
)
from governance.models.decisions import Decision
from portal.access import Permission, scoped
from portal.accounts.models import User


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
    valid_until = models.DateTimeField(
        null=True, blank=True, help_text="Past this, what is asked for or approved and not yet live expires"
    )
    fallback = models.CharField(max_length=8, choices=FallbackKind, default=FallbackKind.SUSPEND)
    fallback_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, related_name="+")
    fallback_text = models.TextField(max_length=4000, blank=True, help_text="The manual process, step by step")
    # While it is held or suspended: where it was, and so where it goes on.
    held_from = models.CharField(max_length=14, choices=ReleaseState, blank=True, default="")
    stop_reason = models.TextField(max_length=4000, blank=True, default="")
    stopped_at = models.DateTimeField(null=True, blank=True)
    is_demo = models.BooleanField(default=False)

    objects = scoped("version__model__team", Permission.GOVERNANCE_RELEASE_READ)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "version",
                "endpoint",
                condition=models.Q(state__in=[str(state) for state in ASKED_STATES]),
                name="release_one_open",
            ),
            models.UniqueConstraint("endpoint", condition=models.Q(state="live"), name="release_one_live"),
            models.UniqueConstraint(
                "endpoint", condition=models.Q(state__in=["rolling_out", "burn_in"]), name="release_one_under_way"
            ),
            models.CheckConstraint(
                condition=models.Q(decision__isnull=False)
                | models.Q(state__in=["draft", "checking", "withdrawn", "expired"]),
                name="release_has_decision",
            ),
            models.CheckConstraint(
                condition=models.Q(fallback="version", fallback_version__isnull=False)
                | (models.Q(fallback="manual", fallback_version=None) & ~models.Q(fallback_text=""))
                | models.Q(fallback="suspend", fallback_version=None),
                name="release_fallback_named",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["held", "suspended"])
                | (~models.Q(held_from="") & ~models.Q(stop_reason="") & models.Q(stopped_at__isnull=False)),
                name="release_stop_explained",
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
    opinion = models.CharField(
        max_length=10,
        choices=Opinion,
        blank=True,
        default="",
        db_default="",
        help_text="What validation says, where it is asked",
    )
    valid_until = models.DateTimeField(null=True, blank=True, help_text="Past this, the seat is open again")
    delegation = models.ForeignKey(
        "governance.Delegation", on_delete=models.PROTECT, null=True, blank=True, related_name="approvals"
    )
    sitting = models.OneToOneField(
        "governance.Sitting", on_delete=models.PROTECT, null=True, blank=True, related_name="approval"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(choice="approve") | ~models.Q(reason=""), name="approval_reason_given"
            ),
            models.CheckConstraint(
                condition=~models.Q(opinion="not_fit") | ~models.Q(choice__in=["approve", "conditions"]),
                name="approval_not_fit_approves_nothing",
            ),
        ]
        indexes = [models.Index(fields=["release", "-id"], name="approval_release")]

    def __str__(self) -> str:
        return f"{self.get_choice_display()} by {self.person} as {self.get_role_display()}"

    @property
    def counts(self) -> bool:
        """Whether it lets the release go on, as far as the choice itself is concerned."""
        return self.choice in (DecisionChoice.APPROVE, DecisionChoice.CONDITIONS)


class Promise(models.Model):
    """Something that a person must do by a day, with proof, and what follows when it is not done."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="%(class)ss")
    due_on = models.DateField()
    proof_wanted = models.TextField(max_length=2000, blank=True, default="")
    on_overdue = models.CharField(max_length=10, choices=Overdue, default=Overdue.FLAG)
    overdue_at = models.DateTimeField(null=True, blank=True, help_text="When it was found not done in time")
    state = models.CharField(max_length=8, choices=ConditionState, default=ConditionState.OPEN)
    proof = models.TextField(blank=True, max_length=2000)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_overdue(self) -> bool:
        return self.state == ConditionState.OPEN and self.overdue_at is not None


class Condition(Promise):
    """What must still be done after an approval, or while a release is live: by whom, until when."""

    ledger_type = "condition"
    governed = True

    approval = models.ForeignKey(Approval, on_delete=models.PROTECT, null=True, related_name="conditions")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="conditions")
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    text = models.TextField(max_length=2000)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="open", closed_by=None, closed_at=None)
                | models.Q(state="closed", closed_by__isnull=False, closed_at__isnull=False),
                name="condition_closed_by",
            ),
            models.CheckConstraint(condition=~models.Q(text=""), name="condition_text_given"),
            models.CheckConstraint(
                condition=models.Q(approval__isnull=False) | models.Q(set_by__isnull=False), name="condition_set_by"
            ),
        ]
        indexes = [models.Index(fields=["owner"], condition=models.Q(state="open"), name="condition_open")]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def setter(self) -> User:
        """Who set it: who approved with it, or who opened it beside an approval."""
        return self.set_by or self.approval.person  # type: ignore[union-attr]


class Finding(Promise):
    """What the second line or an auditor found wrong with a version: how bad, why, who mends it until when."""

    ledger_type = "finding"
    governed = True

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="findings")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, null=True, related_name="findings")
    severity = models.CharField(max_length=8, choices=Severity)
    text = models.TextField(max_length=2000)
    cause = models.TextField(max_length=2000, blank=True, default="")
    raised_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    raised_at = models.DateTimeField()

    objects = scoped("version__model__team", Permission.GOVERNANCE_RELEASE_READ)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="open", closed_by=None, closed_at=None)
                | (models.Q(state="closed", closed_by__isnull=False, closed_at__isnull=False) & ~models.Q(proof="")),
                name="finding_closed_by",
            ),
            models.CheckConstraint(condition=~models.Q(text=""), name="finding_text_given"),
        ]
        indexes = [
            models.Index(fields=["version"], name="finding_version"),
            models.Index(fields=["owner"], condition=models.Q(state="open"), name="finding_open"),
        ]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def public_id(self) -> str:
        return f"F-{self.pk}"
