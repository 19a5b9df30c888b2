"""Policies and policy sets, their versions, drafts, approvals and back-tests."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower, Now

from catalog.models import NAME, SHA256
from governance.choices import DECIDING_ROLES, OPEN_DRAFTS, DraftChoice, DraftState, PolicyKind, Verdict
from portal.accounts.choices import Role


class Policy(models.Model):
    """A named policy or policy set; what it says is in its versions. Both share one space of names."""

    ledger_type = "policy"
    governed = True

    name = models.CharField(max_length=80, validators=[NAME])
    kind = models.CharField(max_length=6, choices=PolicyKind, default=PolicyKind.POLICY)
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


class PolicyDraft(models.Model):
    """A text on its way to become a version: saved, tested, back-tested, approved by its owners, then active."""

    ledger_type = "policy_draft"
    governed = True

    policy_name = models.CharField(max_length=80, validators=[NAME])
    kind = models.CharField(max_length=6, choices=PolicyKind)
    base = models.ForeignKey(
        PolicyVersion,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="The version in force when the draft was begun; another one since then refuses the draft",
    )
    source = models.TextField(max_length=100_000)
    digest = models.CharField(max_length=64, validators=[SHA256], help_text="SHA-256 of the source as UTF-8")
    reason = models.TextField(max_length=4000, blank=True, help_text="Why it is changed")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="policy_drafts")
    state = models.CharField(max_length=10, choices=DraftState, default=DraftState.EDITING)
    shadow = models.BooleanField(default=False, help_text="Whether it runs beside what is in force")
    origin = models.JSONField(default=dict, blank=True, help_text="remote, commit and path of a text that came by Git")
    version = models.OneToOneField(PolicyVersion, on_delete=models.PROTECT, null=True, related_name="draft")
    saved_at = models.DateTimeField()
    is_demo = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="active", version__isnull=False)
                | (~models.Q(state="active") & models.Q(version=None)),
                name="policy_draft_active",
            )
        ]
        indexes = [models.Index(fields=["state", "-id"], name="policy_draft_state")]

    def __str__(self) -> str:
        return f"{self.public_id}, {self.policy_name}"

    @property
    def public_id(self) -> str:
        return f"PD-{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_DRAFTS


class PolicyApproval(models.Model):
    """What an owner of a policy decided on a draft, bound to the digest of the text that they read."""

    ledger_type = "policy_approval"
    governed = True
    append_only = True

    draft = models.ForeignKey(PolicyDraft, on_delete=models.PROTECT, related_name="approvals")
    digest = models.CharField(max_length=64, validators=[SHA256])
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20, choices=[(role, role.label) for role in DECIDING_ROLES])
    choice = models.CharField(max_length=12, choices=DraftChoice)
    reason = models.TextField(max_length=4000, blank=True)
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("draft", "digest", "person", name="policy_approval_once"),
            models.CheckConstraint(
                condition=models.Q(choice="approve") | ~models.Q(reason=""), name="policy_approval_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_choice_display()} by {self.person} as {self.get_role_display()}"


class Backtest(models.Model):
    """What a draft would have said on stored decisions: how many verdicts change, and whose."""

    ledger_type = "policy_backtest"
    governed = True
    append_only = True

    draft = models.ForeignKey(PolicyDraft, on_delete=models.PROTECT, related_name="backtests")
    digest = models.CharField(max_length=64, validators=[SHA256], help_text="Digest of the text that was tried")
    params = models.JSONField(default=dict, help_text="Parameters given instead of the text's own")
    selection = models.JSONField(default=dict, help_text="model, endpoint, since: which decisions were tried")
    last_decision = models.BigIntegerField(help_text="Number of the newest decision that was tried; 0 for none")
    total = models.PositiveIntegerField()
    counts = models.JSONField(help_text='{"pass>fail": 3, ...}: verdict in force > verdict of the draft')
    flips = models.JSONField(help_text="The first changed ones: decision, release, version, from, to, rules")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["draft", "-id"], name="policy_backtest_draft")]

    def __str__(self) -> str:
        return f"{self.total} decisions on {self.draft}"


class ShadowResult(models.Model):
    """What a draft in shadow mode said beside one decision. Computed again from its parts whenever doubted."""

    draft = models.ForeignKey(PolicyDraft, on_delete=models.CASCADE, related_name="shadow_results")
    digest = models.CharField(max_length=64, validators=[SHA256])
    decision = models.ForeignKey("governance.Decision", on_delete=models.PROTECT, related_name="+")
    before = models.CharField(max_length=16, choices=Verdict)
    after = models.CharField(max_length=16, choices=Verdict)
    rules = models.JSONField(default=list, help_text="[{id, before, after, message}] of rules that differ")
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint("draft", "digest", "decision", name="shadow_result_once")]

    def __str__(self) -> str:
        return f"{self.before} > {self.after}"
