"""API: ask the gates."""

from __future__ import annotations

import json
import time
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.models import Endpoint, ModelVersion
from catalog.selectors import endpoint_named, version_named
from governance.api import serializers as s
from governance.gates.errors import FactsError
from governance.gates.facts import read_facts
from governance.gates.formats import as_junit, as_markdown, as_sarif
from governance.pages.supply import supply
from governance.services.decisions import decide, needs_servers, preview
from governance.services.facts import build_facts
from governance.services.gate_checks import check_gate, fits_here, start_check, start_facts_check
from governance.services.policies import in_force
from portal.access import Permission, require
from portal.accounts.models import User
from portal.api.problems import problem_of
from portal.api.views import GatehouseView
from portal.errors import DomainError, InvalidInput
from portal.jobs.models import Job

P = Permission
OUTPUTS = ("json", "junit", "sarif", "markdown")


def pending_body(job: Job) -> dict[str, Any]:
    """A fact is still being computed; where to look."""
    detail = "It is still being computed. Poll the job; when it is done, ask again or read its result."
    return {"state": job.state, "detail": detail, "job": f"/api/v1/jobs/{job.pk}"}


def pending(job: Job) -> Response:
    """202 with the job to poll."""
    body = pending_body(job)
    return Response(body, status=202, headers={"Location": body["job"]})


OUTPUT = OpenApiParameter("output", str, enum=OUTPUTS, description="How the verdict is written; json by default.")


class GateChecksView(GatehouseView):
    permissions = {"POST": P.GOVERNANCE_GATE_CHECK}

    @extend_schema(
        operation_id="gate_checks_create",
        parameters=[OUTPUT],
        request=s.GateCheckIn,
        responses={200: s.VerdictOut, 202: s.PendingOut},
    )
    def post(self, request: Request, model: str, version: str) -> HttpResponse:
        """The verdict on this version for an endpoint: within two seconds, or 202 with a job to poll meanwhile."""
        output = output_of(request)
        subject = version_named(self.actor, model, version)
        given = s.GateCheckIn(data=request.data)
        given.is_valid(raise_exception=True)
        endpoint = endpoint_named(self.actor, given.validated_data["endpoint"])
        found = ask(subject, endpoint, actor=self.actor, dry_run=given.validated_data["dryRun"], wait=wait())
        return pending(found) if isinstance(found, Job) else written(found, output, name=str(subject))


class GateChecksBatchView(GatehouseView):
    """Many subjects, or facts of subjects that are not registered here."""

    permissions = {"POST": P.GOVERNANCE_GATE_CHECK}

    @extend_schema(operation_id="gate_checks_batch", request=s.GateBatchIn, responses=s.GateBatchOut)
    def post(self, request: Request) -> Response:
        """A result for each check, in their order: a verdict, a job to poll, or the problem of this one alone.

        A check names model, version and endpoint, or sends a facts document, which is judged and not stored. All of
        them together take about two seconds at most; what would take longer is given as a job.
        """
        given = s.GateBatchIn(data=request.data)
        given.is_valid(raise_exception=True)
        limit = time.monotonic() + wait()
        data = given.validated_data
        results = [self._one(check, dry_run=data["dryRun"], limit=limit) for check in data["checks"]]
        return Response({"results": results})

    def _one(self, check: dict[str, Any], *, dry_run: bool, limit: float) -> dict[str, Any]:
        try:
            found = self._ask(check, dry_run=dry_run, limit=limit)
        except DomainError as error:
            return {"problem": problem_of(error)}
        return {"pending": pending_body(found)} if isinstance(found, Job) else {"result": found}

    def _ask(self, check: dict[str, Any], *, dry_run: bool, limit: float) -> dict[str, Any] | Job:
        if "facts" in check:
            return facts_verdict(check["facts"], actor=self.actor, limit=limit)
        subject = version_named(self.actor, check["model"], check["version"])
        endpoint = endpoint_named(self.actor, check["endpoint"])
        left = max(0.0, limit - time.monotonic())
        if not left and needs_servers():
            # Each further check would wait for the servers anew.
            require(self.actor, P.GOVERNANCE_GATE_CHECK, subject.model.team_id)
            if dry_run:
                return start_facts_check(build_facts(subject, endpoint, now=timezone.now()), actor=self.actor)
            return start_check(subject, endpoint, actor=self.actor)
        return ask(subject, endpoint, actor=self.actor, dry_run=dry_run, wait=left)


def wait() -> float:
    """Seconds that a caller is given before it is told to poll."""
    return float(settings.GATE_CHECK_WAIT_SECONDS)


def ask(subject: ModelVersion, endpoint: Endpoint, *, actor: User, dry_run: bool, wait: float) -> dict[str, Any] | Job:
    """The verdict on a subject as the API writes it, or the job that still computes a fact."""
    require(actor, P.GOVERNANCE_GATE_CHECK, subject.model.team_id)
    if dry_run:
        result = preview(subject, endpoint)
        return verdict_body(result.document(), result.digest, version=subject, endpoint=endpoint)
    found = check_gate(subject, endpoint, actor=actor, wait=wait)
    if isinstance(found, Job):
        return found
    return verdict_body(found.result, found.digest, found.public_id, version=subject, endpoint=endpoint)


def facts_verdict(document: Any, *, actor: User, limit: float) -> dict[str, Any] | Job:
    """The verdict on a facts document that the caller sends; a job where it would take the web process too long."""
    try:
        facts = read_facts(document)
    except FactsError as error:
        raise InvalidInput(str(error), code="facts-invalid", field="facts", how=error.how) from error
    if time.monotonic() >= limit or not fits_here(facts):
        return start_facts_check(facts, actor=actor)
    result = decide(facts, in_force())
    return verdict_body(result.document(), result.digest)


def verdict_body(
    document: dict[str, Any],
    digest: str,
    number: str | None = None,
    *,
    version: ModelVersion | None = None,
    endpoint: Endpoint | None = None,
) -> dict[str, Any]:
    """A decision as the API gives it, with reasons as data: what each rule read, misses, and how to mend it."""
    return {
        "id": number,
        "url": f"/api/v1/decisions/{number}" if number else None,
        "verdict": document["verdict"],
        "digest": digest,
        "facts_digest": document["facts_digest"],
        "dry_run": number is None,
        "rules": [rule | remedies(rule, version, endpoint) for rule in document["rules"]],
    }


def remedies(rule: dict[str, Any], version: ModelVersion | None, endpoint: Endpoint | None) -> dict[str, Any]:
    """How to mend what a rule says against it. waivable_by is empty: nothing can be waived in this version."""
    fixes = []
    for path in rule["missing"]:
        found = supply(path, version, endpoint.name if endpoint else "") if version else None
        fixes.append(
            {"fact": path, "how": found.how if found else "Send this fact.", "url": found.url if found else ""}
        )
    if rule["verdict"] == "ask":
        fixes.append({"fact": "", "how": f"The {rule['role']} reviewer decides on the release.", "url": ""})
    return {"how_to_fix": fixes, "waivable_by": []}


def output_of(request: Request) -> str:
    """The output asked for. Raises InvalidInput for one that is not known."""
    output = request.query_params.get("output", "json")
    if output not in OUTPUTS:
        how = f"One of: {', '.join(OUTPUTS)}."
        raise InvalidInput(f"{output!r:.40} is no output.", code="output-unknown", field="output", how=how)
    return output


def written(body: dict[str, Any], output: str, *, name: str) -> HttpResponse:
    """The verdict in the format asked for."""
    if output == "junit":
        return HttpResponse(as_junit(body, name), content_type="application/xml; charset=utf-8")
    if output == "sarif":
        return HttpResponse(json.dumps(as_sarif(body)), content_type="application/sarif+json")
    if output == "markdown":
        url = f"{settings.PUBLIC_URL}{body['url']}" if body["url"] else ""
        return HttpResponse(as_markdown(body, title=name, url=url), content_type="text/markdown; charset=utf-8")
    return Response(body)
