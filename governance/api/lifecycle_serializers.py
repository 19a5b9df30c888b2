"""What the API of a release's life takes and gives."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.choices import (
    ConditionState,
    EmergencyOutcome,
    EmergencyOverdue,
    EmergencyState,
    FallbackKind,
    Overdue,
    SecondRelease,
    Severity,
)
from governance.models import Condition, Emergency, Finding, Release, ReleaseRules


class ReleaseReasonIn(serializers.Serializer):
    reason = serializers.CharField(max_length=4000)


class ProofIn(serializers.Serializer):
    proof = serializers.CharField(max_length=2000, help_text="What shows that it is done.")


class EmergencyIn(serializers.Serializer):
    role = serializers.CharField(max_length=20, help_text="One of the roles that the endpoint's rules allow.")
    reason = serializers.CharField(max_length=4000, help_text="Why it cannot wait for the open seats.")


class EmergencyReviewIn(serializers.Serializer):
    outcome = serializers.ChoiceField(choices=EmergencyOutcome.choices)
    review = serializers.CharField(max_length=4000)


class FallbackIO(serializers.Serializer):
    """Where a release goes back to."""

    kind = serializers.CharField(max_length=8, help_text=f"One of: {', '.join(FallbackKind.values)}.")
    version = serializers.CharField(
        max_length=40, required=False, allow_null=True, default=None, help_text="Of the same model."
    )
    text = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")


class PromiseIn(serializers.Serializer):
    text = serializers.CharField(max_length=2000)
    owner = serializers.CharField(
        max_length=60, help_text="User name of who does it: somebody with a role in the model's team."
    )
    due_on = serializers.DateField()
    proof_wanted = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    on_overdue = serializers.ChoiceField(choices=Overdue.choices, required=False, default=Overdue.FLAG)


class FindingIn(PromiseIn):
    severity = serializers.ChoiceField(choices=Severity.choices)
    cause = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    release = serializers.CharField(
        max_length=20, required=False, allow_blank=True, default="", help_text="The release at which it was seen."
    )


_PROMISE = ("due_on", "proof_wanted", "on_overdue", "overdue_at", "state", "proof", "closed_at")


class ConditionFull(serializers.ModelSerializer):
    owner = serializers.CharField(source="owner.username")
    set_by = serializers.CharField(source="setter.username")
    state = serializers.ChoiceField(choices=ConditionState.choices)
    on_overdue = serializers.ChoiceField(choices=Overdue.choices)

    class Meta:
        model = Condition
        fields = ("id", "text", "owner", "set_by", *_PROMISE)


class FindingOut(serializers.ModelSerializer):
    id = serializers.CharField(source="public_id")
    owner = serializers.CharField(source="owner.username")
    raised_by = serializers.CharField(source="raised_by.username")
    release = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=ConditionState.choices)
    on_overdue = serializers.ChoiceField(choices=Overdue.choices)
    severity = serializers.ChoiceField(choices=Severity.choices)

    class Meta:
        model = Finding
        fields = ("id", "severity", "text", "cause", "owner", "raised_by", "raised_at", "release", *_PROMISE)

    def get_release(self, row: Finding) -> str | None:
        return row.release.public_id if row.release else None


class EmergencyOut(serializers.ModelSerializer):
    role = serializers.CharField()
    declared_by = serializers.CharField(source="declared_by.username")
    state = serializers.CharField(help_text=f"One of: {', '.join(EmergencyState.values)}.")
    on_overdue = serializers.CharField(help_text=f"One of: {', '.join(EmergencyOverdue.values)}.")

    class Meta:
        model = Emergency
        fields = (
            *("role", "declared_by", "declared_at", "reason", "decision_digest", "review_due_at", "on_overdue"),
            *("state", "reviewed_at", "outcome", "review"),
        )


class ReleaseRulesIO(serializers.ModelSerializer):
    second_release = serializers.ChoiceField(choices=SecondRelease.choices)
    emergency_overdue = serializers.ChoiceField(choices=EmergencyOverdue.choices)
    emergency_roles = serializers.ListField(child=serializers.CharField(max_length=20), allow_empty=True)

    class Meta:
        model = ReleaseRules
        fields = ("second_release", "expire_when_due", "emergency_roles", "emergency_hours", "emergency_overdue")


def fallback_of(release: Release) -> dict[str, Any]:
    """The fallback as the API gives it."""
    named = release.fallback_version
    return {
        "kind": str(release.fallback),
        "version": named.version if named else None,
        "text": release.fallback_text,
    }
