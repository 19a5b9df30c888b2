"""Jobs over the API: poll one, stop one."""

from __future__ import annotations

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import Permission
from portal.api.views import GatehouseView
from portal.jobs import selectors, services
from portal.jobs.choices import State


class JobSerializer(serializers.Serializer):
    """How far a job is and how it ended."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=State.choices)
    progress = serializers.IntegerField(help_text="Percent.")
    step = serializers.CharField()
    subject_type = serializers.CharField()
    subject_id = serializers.CharField()
    result = serializers.JSONField(allow_null=True)
    error = serializers.CharField(help_text="Why it failed, and what to do.")
    attempts = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class JobView(GatehouseView):
    permissions = {"GET": Permission.PORTAL_JOB_READ}

    @extend_schema(responses=JobSerializer)
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        """One job. Poll it once a second or slower while it is queued or running."""
        job = selectors.job_with_id(self.actor, job_id)
        return Response(JobSerializer(job).data, headers={} if job.is_final else {"Retry-After": "1"})


class JobCancelView(GatehouseView):
    permissions = {"POST": Permission.PORTAL_JOB_CANCEL}

    @extend_schema(request=None, responses=JobSerializer)
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        """Stop a job that is queued or running."""
        job = services.cancel(selectors.job_with_id(self.actor, job_id), actor=self.actor)
        return Response(JobSerializer(job).data)
