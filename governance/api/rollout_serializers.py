"""Bodies of the API of rollouts and signals."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.models import Arm, SignalBatch
from governance.services.rollout_plans import MAX_METRICS, MAX_STEPS, MEASURES, STEPS
from governance.services.signals import MAX_COUNT, MAX_ROWS

COUNT = {"min_value": 0, "max_value": MAX_COUNT}


class CountsIn(serializers.Serializer):
    n = serializers.IntegerField(**COUNT)
    bad = serializers.IntegerField(**COUNT)


class BinsIn(serializers.Serializer):
    edges = serializers.ListField(child=serializers.FloatField(), min_length=1, max_length=64)
    counts = serializers.ListField(child=serializers.IntegerField(**COUNT), min_length=2, max_length=65)


class SignalIn(serializers.Serializer):
    name = serializers.RegexField(r"^[a-z][a-z0-9_.-]{0,59}$")
    arm = serializers.ChoiceField(Arm.choices)
    version = serializers.CharField(max_length=40)
    window_start = serializers.DateTimeField()
    counts = CountsIn(required=False)
    bins = BinsIn(required=False)
    value = serializers.FloatField(required=False)
    n = serializers.IntegerField(required=False, **COUNT)


class SignalBatchIn(serializers.Serializer):
    producer = serializers.CharField(max_length=80)
    batch_id = serializers.CharField(max_length=80)
    model = serializers.CharField(max_length=80)
    signals = SignalIn(many=True, min_length=1, max_length=MAX_ROWS)


class SignalBatchOut(serializers.ModelSerializer):
    class Meta:
        model = SignalBatch
        fields = ("producer", "batch_id", "digest", "rows", "received_at")


class RolloutMetricIn(serializers.Serializer):
    name = serializers.CharField(max_length=60)
    measure = serializers.ChoiceField(MEASURES, default="rate")
    edge = serializers.FloatField(required=False, allow_null=True, default=None)
    tolerance = serializers.FloatField(default=1.25)
    effect = serializers.FloatField(default=2.0)
    limit = serializers.FloatField(required=False, allow_null=True, default=None)


class RolloutPlanStepIn(serializers.Serializer):
    share = serializers.IntegerField(min_value=0, max_value=100)
    least_minutes = serializers.IntegerField(min_value=0)
    least_requests = serializers.IntegerField(min_value=1)


def default_steps() -> list[dict[str, int]]:
    return [dict(one) for one in STEPS]


class RolloutIn(serializers.Serializer):
    metrics = RolloutMetricIn(many=True, min_length=1, max_length=MAX_METRICS)
    steps = RolloutPlanStepIn(many=True, min_length=1, max_length=MAX_STEPS, default=default_steps)
    alpha = serializers.FloatField(default=0.01)
    silence_minutes = serializers.IntegerField(default=10, min_value=1)
    burn_in_minutes = serializers.IntegerField(default=60, min_value=0)
    burn_in_requests = serializers.IntegerField(default=1000, min_value=1)
    approval_share = serializers.IntegerField(default=100, min_value=1, max_value=100)
    limits = serializers.DictField(default=dict)
    webhook_url = serializers.CharField(default="", allow_blank=True, max_length=300)


class RolloutStepIn(serializers.Serializer):
    act = serializers.ChoiceField(["ask", "reached"], default="ask")
    share = serializers.IntegerField(min_value=0, max_value=100)
    digest = serializers.CharField(max_length=71)
    at = serializers.DateTimeField(required=False)


class ShareApprovalIn(serializers.Serializer):
    role = serializers.CharField(max_length=20)
    share = serializers.IntegerField(min_value=1, max_value=100)
    reason = serializers.CharField(max_length=4000)


class RolloutReasonOut(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()


class RolloutReadingOut(serializers.Serializer):
    metric = serializers.CharField()
    state = serializers.ChoiceField(["pass", "breach", "not_enough_evidence"])
    ratio = serializers.FloatField(allow_null=True)
    lower = serializers.FloatField(allow_null=True)
    upper = serializers.FloatField(allow_null=True)
    tolerance = serializers.FloatField()
    to_pass = serializers.IntegerField(allow_null=True)
    to_find = serializers.IntegerField(allow_null=True)
    effect = serializers.FloatField()
    against = serializers.ChoiceField(["baseline", "limit"])


class ToldOut(serializers.Serializer):
    answer = serializers.ChoiceField(["yes", "wait", "roll_back"])
    release = serializers.CharField()
    state = serializers.CharField()
    release_state = serializers.CharField()
    asked_share = serializers.IntegerField(allow_null=True)
    share = serializers.IntegerField()
    step = serializers.IntegerField()
    approved_share = serializers.IntegerField()
    plan = serializers.CharField()
    reasons = RolloutReasonOut(many=True)
    metrics = RolloutReadingOut(many=True)


class RolloutOut(ToldOut):
    steps: Any = serializers.ListField(child=serializers.DictField())
    limits = serializers.DictField()


class EnvelopeSignatureOut(serializers.Serializer):
    keyid = serializers.CharField()
    sig = serializers.CharField()


class EnvelopeOut(serializers.Serializer):
    payloadType = serializers.CharField()
    payload = serializers.CharField()
    signatures = EnvelopeSignatureOut(many=True)


class DesiredStateKeyOut(serializers.Serializer):
    keyid = serializers.CharField()
    public_key = serializers.CharField()


class AdmissionIO(serializers.Serializer):
    apiVersion = serializers.CharField()
    kind = serializers.CharField()
    request = serializers.DictField(required=False)
    response = serializers.DictField(required=False)
