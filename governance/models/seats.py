"""What stands beside an approval: delegations, recusals, sittings of committees with their votes, materiality."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models

from catalog.models import SHA256, Endpoint, RegisteredModel
from governance.choices import DECIDING_ROLES, Materiality, VoteChoice
from governance.models.decisions import Decision
from governance.models.releases import Release
from portal.access import Permission, scoped
from portal.accounts.models import Team

ROLES = [(str(role), role.label) for role in DECIDING_ROLES]


class Delegation(models.Model):
    """A person lets another fill the seats of one of their roles: from a moment until another, in one scope."""

    ledger_type = "delegation"
    governed = True

    giver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_given")
    deputy = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_held")
    role = models.CharField(max_length=20, choices=ROLES)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="+")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, null=True, related_name="+")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, null=True, related_name="+")
    starts_at = models.DateTimeField()
    until = models.DateTimeField()
    reason = models.TextField(max_length=2000)
    made_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(giver=models.F("deputy")), name="delegation_to_another"),
            models.CheckConstraint(condition=models.Q(until__gt=models.F("starts_at")), name="delegation_dated"),
            models.CheckConstraint(condition=~models.Q(reason=""), name="delegation_reason_given"),
            models.CheckConstraint(
                condition=models.Q(team__isnull=False, model=None, endpoint=None)
                | models.Q(team=None, model__isnull=False, endpoint=None)
                | models.Q(team=None, model=None, endpoint__isnull=False),
                name="delegation_one_scope",
            ),
            models.CheckConstraint(
                condition=models.Q(revoked_at=None, revoked_by=None)
                | models.Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="delegation_revoked_by",
            ),
        ]
        indexes = [models.Index(fields=["deputy"], condition=models.Q(revoked_at=None), name="delegation_deputy")]

    def __str__(self) -> str:
        return f"{self.deputy} for {self.giver} as {self.get_role_display()}"

    @property
    def scope(self) -> str:
        return str(self.team or self.model or self.endpoint)

    def holds_at(self, moment: datetime) -> bool:
        return self.revoked_at is None and self.starts_at <= moment < self.until

    def covers(self, release: Release) -> bool:
        """Whether the release lies in its scope."""
        version = release.version
        here = (version.model.team_id, version.model_id, release.endpoint_id)
        wanted = (self.team_id, self.model_id, self.endpoint_id)
        return any(one is not None and one == other for one, other in zip(wanted, here, strict=True))


class Recusal(models.Model):
    """A person stands back from one release, with the reason; what they decided on it counts no more."""

    ledger_type = "recusal"
    governed = True
    append_only = True

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="recusals")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20, choices=ROLES)
    reason = models.TextField(max_length=2000)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("release", "person", name="recusal_once_per_person"),
            models.CheckConstraint(condition=~models.Q(reason=""), name="recusal_reason_given"),
        ]

    def __str__(self) -> str:
        return f"{self.person} stood back as {self.get_role_display()}"


class Sitting(models.Model):
    """A committee looks at one decision of a release: agenda, members, quorum, votes, the digest of its minutes."""

    ledger_type = "sitting"
    governed = True

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="sittings")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="+")
    decision_digest = models.CharField(max_length=64, validators=[SHA256])
    role = models.CharField(max_length=20, choices=ROLES)
    chair = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    agenda = models.TextField(max_length=2000)
    quorum = models.PositiveSmallIntegerField()
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    minutes_digest = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint("release", "role", condition=models.Q(closed_at=None), name="sitting_one_open"),
            models.CheckConstraint(
                condition=models.Q(closed_at=None, minutes_digest="")
                | (models.Q(closed_at__isnull=False) & ~models.Q(minutes_digest="")),
                name="sitting_minutes",
            ),
            models.CheckConstraint(condition=models.Q(quorum__gte=2), name="sitting_quorum"),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()}: committee on {self.release}"

    @property
    def member_ids(self) -> list[int]:
        """Ids of the members in order, as the ledger binds them."""
        return sorted(self.members.values_list("pk", flat=True))


class Vote(models.Model):
    """One member's vote, with the reason; conditions and dissent stand in it."""

    ledger_type = "vote"
    governed = True
    append_only = True

    sitting = models.ForeignKey(Sitting, on_delete=models.PROTECT, related_name="votes")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    choice = models.CharField(max_length=8, choices=VoteChoice)
    reason = models.TextField(max_length=4000)
    conditions = models.TextField(max_length=4000, blank=True, default="")
    cast_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("sitting", "person", name="vote_once_per_person"),
            models.CheckConstraint(condition=~models.Q(reason=""), name="vote_reason_given"),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.get_choice_display()}"


class MaterialityClass(models.Model):
    """How much a release differs from what is live: computed, or set by a person with a reason."""

    ledger_type = "materiality"
    governed = True
    append_only = True

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="materialities")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="+")
    live_decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="+")
    level = models.CharField(max_length=12, choices=Materiality)
    computed = models.CharField(max_length=12, choices=Materiality)
    reasons = models.JSONField(default=list, help_text="[path, before, after, level, why] of each difference")
    substantial_modification = models.BooleanField(
        null=True, help_text="The answer to EU AI Act, article 3(23), of the person who set the class"
    )
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.TextField(max_length=4000, blank=True, default="")
    made_at = models.DateTimeField()

    objects = scoped("release__version__model__team", Permission.GOVERNANCE_RELEASE_READ)

    class Meta:
        verbose_name_plural = "materiality classes"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(set_by=None, level=models.F("computed"))
                | (models.Q(set_by__isnull=False) & ~models.Q(reason="")),
                name="materiality_set_with_reason",
            )
        ]
        indexes = [models.Index(fields=["release", "-id"], name="materiality_release")]

    def __str__(self) -> str:
        return f"{self.get_level_display()} ({self.release})"
