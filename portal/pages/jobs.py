"""One job: how far it is, how it ended, and the button that stops it."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from portal.access import Permission, can
from portal.errors import DomainError
from portal.jobs import selectors, services
from portal.pages.base import Page, ReadPage


class JobPage(ReadPage):
    """The whole page, or, for htmx, the part that changes; it polls itself while the job is open."""

    permission = Permission.PORTAL_JOB_READ
    template_name = "portal/job.html"

    def get_template_names(self) -> list[str]:
        return ["components/job.html"] if getattr(self.request, "htmx", False) else [self.template_name]

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        response = super().render_to_response(context, **kwargs)
        if context["job"].is_final and getattr(self.request, "htmx", False):
            # The page around the job was drawn while it ran; now it has something else to say.
            response["HX-Refresh"] = "true"
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        job = selectors.job_with_id(self.actor, kwargs["job_id"])
        may_cancel = not job.is_final and can(self.actor, Permission.PORTAL_JOB_CANCEL, job.team_id)
        return super().get_context_data(job=job, may_cancel=may_cancel, **kwargs)


class JobCancel(Page):
    """Stop a job."""

    permission = Permission.PORTAL_JOB_CANCEL

    def post(self, request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
        job = selectors.job_with_id(self.actor, job_id)
        try:
            services.cancel(job, actor=self.actor)
            messages.success(request, "The job was cancelled.")
        except DomainError as error:
            messages.error(request, error.diagnostics())
        return redirect("job", job_id=job.pk)
