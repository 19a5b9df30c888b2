"""What governance's API takes and gives."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance.api.lifecycle_serializers import EmergencyOut, FallbackIO, fallback_of
from governance.choices import DECIDING_ROLES, ConditionState, DecisionChoice, Opinion, Overdue, ReleaseState, Verdict
from governance.models import Approval, Condition, Decision, Release


class GateCheckIn(serializers.Serializer):
    endpoint = serializers.CharField(max_length=80, help_text="Name of the endpoint the version is to answer at.")
    dryRun = serializers.BooleanField(default=False, help_text="Evaluate what is known now and store nothing.")


class GateSubject(serializers.Serializer):
    """Either a registered subject, or a facts document."""

    model = serializers.CharField(max_length=80, required=False)
    version = serializers.CharField(max_length=40, required=False)
    endpoint = serializers.CharField(max_length=80, required=False)
    facts = serializers.DictField(required=False, help_text="A facts document; it is judged and not stored.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = {"model", "version", "endpoint"} & set(attrs)
        if ("facts" in attrs) == bool(named) or len(named) not in (0, 3):
            raise serializers.ValidationError("Give model, version and endpoint; or facts alone.")
        return attrs


class GateBatchIn(serializers.Serializer):
    checks = serializers.ListField(child=GateSubject(), min_length=1, max_length=50)
    dryRun = serializers.BooleanField(default=False, help_text="Evaluate what is known now and store nothing.")


class FixOut(serializers.Serializer):
    fact = serializers.CharField(allow_blank=True)
    how = serializers.CharField()
    url = serializers.CharField(allow_blank=True)


class RuleOut(serializers.Serializer):
    policy = serializers.CharField()
    id = serializers.CharField()
    title = serializers.CharField()
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    message = serializers.CharField()
    role = serializers.CharField()
    enforcement = serializers.CharField()
    controls = serializers.ListField(child=serializers.CharField())
    facts = serializers.ListField(child=serializers.DictField())
    missing = serializers.ListField(child=serializers.CharField())


class ReasonOut(RuleOut):
    how_to_fix = FixOut(many=True)
    waivable_by = serializers.ListField(child=serializers.CharField(), help_text="Roles that can waive the rule.")


class VerdictOut(serializers.Serializer):
    id = serializers.CharField(allow_null=True, help_text="D-7; null for a dry run, which is not stored.")
    url = serializers.CharField(allow_null=True)
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    digest = serializers.CharField(help_text="SHA-256 of the verdict's canonical bytes.")
    facts_digest = serializers.CharField()
    dry_run = serializers.BooleanField()
    rules = ReasonOut(many=True)


class PendingOut(serializers.Serializer):
    state = serializers.CharField()
    detail = serializers.CharField()
    job = serializers.CharField(help_text="Poll this address; when it is done, ask again.")


class GateResultOut(serializers.Serializer):
    """Exactly one of the three."""

    result = VerdictOut(required=False)
    pending = PendingOut(required=False)
    problem = serializers.DictField(required=False)


class GateBatchOut(serializers.Serializer):
    results = GateResultOut(many=True)


class ReleaseIn(serializers.Serializer):
    model = serializers.CharField(max_length=80)
    version = serializers.CharField(max_length=40)
    endpoint = serializers.CharField(max_length=80)
    words = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")
    due_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    valid_until = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="Not live by then, it expires."
    )
    fallback = FallbackIO(
        required=False, allow_null=True, default=None, help_text="By default what is live there now, or suspension."
    )
    draft = serializers.BooleanField(required=False, default=False, help_text="Write it down; ask for it later.")


class WithdrawIn(serializers.Serializer):
    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")


class ConditionIn(serializers.Serializer):
    text = serializers.CharField(max_length=2000)
    owner = serializers.CharField(
        max_length=60, help_text="User name of who does it: somebody with a role in the model's team."
    )
    due_on = serializers.DateField()
    proof_wanted = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    on_overdue = serializers.ChoiceField(choices=Overdue.choices, required=False, default=Overdue.FLAG)


class DecisionIn(serializers.Serializer):
    choice = serializers.ChoiceField(choices=DecisionChoice.choices)
    role = serializers.ChoiceField(choices=[(str(role), str(role.label)) for role in DECIDING_ROLES])
    decision_digest = serializers.RegexField(
        r"^(sha256:)?[0-9a-f]{64}$",
        help_text="The digest of the decision that you saw: `decision.digest` of the release.",
    )
    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")
    opinion = serializers.ChoiceField(
        choices=Opinion.choices,
        required=False,
        allow_blank=True,
        default="",
        help_text="What validation says, where its seat is asked; left out, it follows from the choice.",
    )
    conditions = ConditionIn(many=True, required=False, default=list)

    def validate_decision_digest(self, value: str) -> str:
        return value.removeprefix("sha256:")


class ConditionOut(serializers.ModelSerializer):
    owner = serializers.CharField(source="owner.username")
    state = serializers.ChoiceField(choices=ConditionState.choices)

    class Meta:
        model = Condition
        fields = ("id", "text", "owner", "due_on", "state", "proof", "closed_at")


class ApprovalOut(serializers.ModelSerializer):
    person = serializers.CharField(source="person.username")
    decision = serializers.CharField(source="decision.public_id")
    conditions = ConditionOut(many=True, read_only=True)
    in_place_of = serializers.CharField(source="delegation.giver.username", allow_null=True, default=None)

    class Meta:
        model = Approval
        fields = (
            *("id", "role", "choice", "person", "decision", "decision_digest", "reason", "decided_at", "conditions"),
            *("opinion", "valid_until", "in_place_of", "sitting"),
        )


class DecisionShort(serializers.ModelSerializer):
    id = serializers.CharField(source="public_id")
    verdict = serializers.ChoiceField(choices=Verdict.choices)

    class Meta:
        model = Decision
        fields = ("id", "verdict", "digest", "facts_digest", "inputs_digest", "made_at")


class DecisionOut(DecisionShort):
    model = serializers.CharField(source="version.model.name")
    version = serializers.CharField(source="version.version")
    endpoint = serializers.CharField(source="endpoint.name")
    facts = serializers.DictField()
    result = serializers.DictField()

    class Meta:
        model = Decision
        fields = (*DecisionShort.Meta.fields, "model", "version", "endpoint", "facts", "result")


class ReleaseOut(serializers.ModelSerializer):
    id = serializers.CharField(source="public_id")
    url = serializers.SerializerMethodField()
    model = serializers.CharField(source="version.model.name")
    version = serializers.CharField(source="version.version")
    endpoint = serializers.CharField(source="endpoint.name")
    state = serializers.ChoiceField(choices=ReleaseState.choices)
    requested_by = serializers.CharField(source="requested_by.username")
    decision = DecisionShort(allow_null=True)
    fallback = serializers.SerializerMethodField()
    emergency = serializers.SerializerMethodField()

    class Meta:
        model = Release
        fields = (
            *("id", "url", "model", "version", "endpoint", "state", "words", "requested_by", "requested_at"),
            *("due_at", "live_at", "ended_at", "decision", "valid_until", "fallback", "held_from", "stop_reason"),
            *("stopped_at", "emergency"),
        )

    @extend_schema_field(FallbackIO)
    def get_fallback(self, release: Release) -> dict[str, Any]:
        return fallback_of(release)

    @extend_schema_field(EmergencyOut(allow_null=True))
    def get_emergency(self, release: Release) -> dict[str, Any] | None:
        row = getattr(release, "emergency", None)
        return EmergencyOut(row).data if row is not None else None

    def get_url(self, release: Release) -> str:
        return f"/api/v1/releases/{release.public_id}"


class SeatOut(serializers.Serializer):
    role = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    state = serializers.CharField(help_text="open, mine, filled, stale, waits or not_fit")
    number = serializers.IntegerField(help_text="Which of several seats of the role.")
    line = serializers.CharField(help_text="The line of defence that the seat stands in.")
    waits_for = serializers.ListField(child=serializers.CharField(), help_text="Roles that decide first.")
    quorum = serializers.IntegerField(help_text="Votes of yes that a committee's approval needs; 0 for one person.")
    opinion = serializers.BooleanField(help_text="Whether the seat says fit, fit with conditions or not fit.")
    why = serializers.CharField(help_text="What asks the seat, where no policy does.")
    expired = serializers.BooleanField(help_text="Whether the approval's time ran out.")
    holders = serializers.ListField(child=serializers.CharField())
    approval = ApprovalOut(allow_null=True)
    changed = serializers.SerializerMethodField()

    def get_changed(self, seat: Any) -> list[dict[str, Any]]:
        """Why an approval no longer counts: the facts that changed since."""
        return [{"path": row.path, "before": row.before, "after": row.after} for row in seat.changed]


class ReleaseDetail(ReleaseOut):
    """A release with who must approve, who did, and what the gates said."""

    seats = SeatOut(many=True)
    approvals = ApprovalOut(many=True)
    rules = RuleOut(many=True)

    class Meta:
        model = Release
        fields = (*ReleaseOut.Meta.fields, "seats", "approvals", "rules")


class PageOfReleases(serializers.Serializer):
    results = ReleaseOut(many=True)
    next = serializers.IntegerField(allow_null=True, help_text="Give it as `after` for the next page.")
