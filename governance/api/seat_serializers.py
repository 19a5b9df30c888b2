"""What the API of seats takes and gives: delegations, recusals, sittings, materiality."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from governance.choices import DECIDING_ROLES, DecisionChoice, Materiality, VoteChoice
from governance.models import Delegation, MaterialityClass, Recusal, Sitting, Vote

ROLES = [(str(role), str(role.label)) for role in DECIDING_ROLES]
DIGEST = r"^(sha256:)?[0-9a-f]{64}$"


class DelegationIn(serializers.Serializer):
    """A role lent to a deputy: exactly one of team, model and endpoint says where."""

    deputy = serializers.CharField(max_length=60, help_text="User name of a person of the second line.")
    role = serializers.ChoiceField(choices=ROLES)
    team = serializers.CharField(max_length=60, required=False)
    model = serializers.CharField(max_length=80, required=False)
    endpoint = serializers.CharField(max_length=80, required=False)
    starts_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    until = serializers.DateTimeField()
    reason = serializers.CharField(max_length=2000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len({"team", "model", "endpoint"} & set(attrs)) != 1:
            raise serializers.ValidationError("Give one of team, model and endpoint.")
        return attrs


class DelegationOut(serializers.ModelSerializer):
    giver = serializers.CharField(source="giver.username")
    deputy = serializers.CharField(source="deputy.username")
    team = serializers.CharField(source="team.slug", allow_null=True, default=None)
    model = serializers.CharField(source="model.name", allow_null=True, default=None)
    endpoint = serializers.CharField(source="endpoint.name", allow_null=True, default=None)
    in_force = serializers.SerializerMethodField()

    class Meta:
        model = Delegation
        fields = (
            *("id", "giver", "deputy", "role", "team", "model", "endpoint", "starts_at", "until", "reason"),
            *("made_at", "revoked_at", "in_force"),
        )

    def get_in_force(self, row: Delegation) -> bool:
        return row.holds_at(timezone.now())


class PageOfDelegations(serializers.Serializer):
    results = DelegationOut(many=True)
    next = serializers.IntegerField(allow_null=True)


class RecusalIn(serializers.Serializer):
    role = serializers.ChoiceField(choices=ROLES)
    reason = serializers.CharField(max_length=2000)


class RecusalOut(serializers.ModelSerializer):
    person = serializers.CharField(source="person.username")

    class Meta:
        model = Recusal
        fields = ("id", "person", "role", "reason", "made_at")


class MaterialityIn(serializers.Serializer):
    level = serializers.ChoiceField(choices=Materiality.choices)
    reason = serializers.CharField(max_length=4000)
    substantial_modification = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="EU AI Act, articles 3(23) and 43(4)."
    )


class MaterialityOut(serializers.ModelSerializer):
    level = serializers.ChoiceField(choices=Materiality.choices)
    computed = serializers.ChoiceField(choices=Materiality.choices)
    set_by = serializers.CharField(source="set_by.username", allow_null=True, default=None)
    decision = serializers.CharField(source="decision.public_id")
    live_decision = serializers.CharField(source="live_decision.public_id")
    differences = serializers.SerializerMethodField()

    class Meta:
        model = MaterialityClass
        fields = (
            *("id", "level", "computed", "decision", "live_decision", "differences", "substantial_modification"),
            *("set_by", "reason", "made_at"),
        )

    def get_differences(self, row: MaterialityClass) -> list[dict[str, Any]]:
        names = ("path", "before", "after", "level", "why")
        return [dict(zip(names, one, strict=True)) for one in row.reasons]


class SittingIn(serializers.Serializer):
    role = serializers.ChoiceField(choices=ROLES)
    agenda = serializers.CharField(max_length=2000)
    members = serializers.ListField(
        child=serializers.CharField(max_length=60), max_length=30, help_text="User names; the chair is who asks."
    )
    decision_digest = serializers.RegexField(DIGEST)

    def validate_decision_digest(self, value: str) -> str:
        return value.removeprefix("sha256:")


class VoteIn(serializers.Serializer):
    choice = serializers.ChoiceField(choices=VoteChoice.choices)
    reason = serializers.CharField(max_length=4000)
    conditions = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")


class CloseIn(serializers.Serializer):
    choice = serializers.ChoiceField(choices=DecisionChoice.choices, required=False, default=DecisionChoice.APPROVE)
    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")
    minutes_digest = serializers.RegexField(DIGEST, help_text="SHA-256 of the minutes.")


class VoteOut(serializers.ModelSerializer):
    person = serializers.CharField(source="person.username")
    choice = serializers.ChoiceField(choices=VoteChoice.choices)

    class Meta:
        model = Vote
        fields = ("id", "person", "choice", "reason", "conditions", "cast_at")


class SittingOut(serializers.ModelSerializer):
    release = serializers.CharField(source="release.public_id")
    chair = serializers.CharField(source="chair.username")
    members = serializers.SerializerMethodField()
    votes = VoteOut(many=True)

    class Meta:
        model = Sitting
        fields = (
            *("id", "release", "role", "chair", "agenda", "quorum", "members", "decision_digest", "opened_at"),
            *("closed_at", "minutes_digest", "votes"),
        )

    def get_members(self, row: Sitting) -> list[str]:
        return sorted(user.username for user in row.members.all())
