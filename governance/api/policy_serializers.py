"""What the API of policies takes and gives."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.choices import DraftChoice
from governance.models import Backtest, Policy, PolicyApproval, PolicyDraft, PolicyVersion, ShadowResult
from governance.services import backtests, drafts
from governance.services.drafts import MAX_SOURCE


class PolicyVersionOut(serializers.ModelSerializer):
    name = serializers.CharField(source="policy.name")
    kind = serializers.CharField(source="policy.kind")
    author = serializers.CharField(source="author.username", allow_null=True, default=None)

    class Meta:
        model = PolicyVersion
        fields = ("name", "kind", "number", "digest", "enforcement", "author", "published_at", "retired_at")


class PoliciesOut(serializers.Serializer):
    results = PolicyVersionOut(many=True)


class PolicyOut(serializers.ModelSerializer):
    versions = serializers.SerializerMethodField()
    source = serializers.SerializerMethodField()  # type: ignore[assignment]

    class Meta:
        model = Policy
        fields = ("name", "kind", "owner_role", "source", "versions")

    def get_versions(self, policy: Policy) -> list[dict[str, Any]]:
        return PolicyVersionOut(policy.versions.order_by("-number"), many=True).data  # type: ignore[return-value]

    def get_source(self, policy: Policy) -> str:
        """The text in force; empty when there is none."""
        active = policy.versions.filter(retired_at=None).first()
        return active.source if active else ""


class SourceIn(serializers.Serializer):
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=MAX_SOURCE, trim_whitespace=False, help_text="The policy or policy set as YAML text."
    )


class GitIn(serializers.Serializer):
    remote = serializers.CharField(max_length=500, required=False)
    commit = serializers.RegexField(r"^[0-9a-f]{7,64}$", required=False)
    path = serializers.CharField(max_length=500, required=False)


class DraftIn(SourceIn):
    reason = serializers.CharField(max_length=4000, required=False, default="", allow_blank=True)
    git = GitIn(required=False, help_text="Where the text came from.")


class DraftChange(SourceIn):
    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    digest = serializers.CharField(max_length=64, help_text="Digest of the text that you changed.")


class ReasonIn(serializers.Serializer):
    reason = serializers.CharField(max_length=4000, required=False)


class DraftDecisionIn(serializers.Serializer):
    role = serializers.CharField(max_length=20)
    choice = serializers.ChoiceField(choices=DraftChoice.choices)
    digest = serializers.CharField(max_length=64, help_text="Digest of the text that you read.")
    reason = serializers.CharField(max_length=4000, required=False, default="", allow_blank=True)


class ShadowIn(serializers.Serializer):
    on = serializers.BooleanField()


class SelectionIn(serializers.Serializer):
    model = serializers.CharField(max_length=80, required=False)
    endpoint = serializers.CharField(max_length=80, required=False)
    since = serializers.DateField(required=False)


class BacktestIn(serializers.Serializer):
    params = serializers.DictField(required=False, help_text="Parameters instead of those of the text.")
    selection = SelectionIn(required=False)


class PolicyApprovalOut(serializers.ModelSerializer):
    person = serializers.CharField(source="person.username")

    class Meta:
        model = PolicyApproval
        fields = ("person", "role", "choice", "reason", "digest", "decided_at")


class DraftShort(serializers.ModelSerializer):
    id = serializers.CharField(source="public_id")
    url = serializers.SerializerMethodField()
    author = serializers.CharField(source="author.username")
    base = serializers.IntegerField(source="base.number", allow_null=True, default=None)
    version = serializers.IntegerField(source="version.number", allow_null=True, default=None)

    class Meta:
        model = PolicyDraft
        fields = (
            "id",
            "url",
            "policy_name",
            "kind",
            "state",
            "shadow",
            "digest",
            "base",
            "version",
            "author",
            "reason",
            "origin",
            "saved_at",
        )

    def get_url(self, draft: PolicyDraft) -> str:
        return f"/api/v1/policy-drafts/{draft.public_id}"


class DraftOut(DraftShort):
    approvals = PolicyApprovalOut(many=True)
    missing_owners = serializers.SerializerMethodField()

    class Meta(DraftShort.Meta):
        fields = (*DraftShort.Meta.fields, "source", "approvals", "missing_owners")

    def get_missing_owners(self, draft: PolicyDraft) -> list[str]:
        """Roles whose approval is still needed; of a text that cannot be read, none is known."""
        return drafts.owners_missing_now(draft)


class PageOfDrafts(serializers.Serializer):
    results = DraftShort(many=True)
    next = serializers.IntegerField(allow_null=True)


class BacktestOut(serializers.ModelSerializer):
    draft = serializers.CharField(source="draft.public_id")
    flips = serializers.SerializerMethodField()

    class Meta:
        model = Backtest
        fields = ("id", "draft", "digest", "params", "selection", "total", "counts", "flips", "made_at")

    def get_flips(self, row: Backtest) -> list[dict[str, Any]]:
        """Those on decisions that the reader may see; `counts` are of all."""
        return backtests.seen_flips(row, actor=self.context["actor"])


class PageOfBacktests(serializers.Serializer):
    results = BacktestOut(many=True)
    next = serializers.IntegerField(allow_null=True)


class ShadowOut(serializers.ModelSerializer):
    decision = serializers.SerializerMethodField()

    class Meta:
        model = ShadowResult
        fields = ("decision", "digest", "before", "after", "rules", "made_at")

    def get_decision(self, row: ShadowResult) -> str:
        return f"D-{row.decision_id}"


class PageOfShadow(serializers.Serializer):
    results = ShadowOut(many=True)
    next = serializers.IntegerField(allow_null=True)


class ProblemPlace(serializers.Serializer):
    line = serializers.IntegerField()
    column = serializers.IntegerField()
    message = serializers.CharField()
    how = serializers.CharField(allow_blank=True)
    caret = serializers.CharField(allow_blank=True)


class CaseOut(serializers.Serializer):
    name = serializers.CharField()
    passed = serializers.BooleanField()
    said = serializers.CharField()
    line = serializers.IntegerField()


class CheckOut(serializers.Serializer):
    ok = serializers.BooleanField()
    problems = ProblemPlace(many=True)
    tests = CaseOut(many=True)
    not_covered = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())
