"""Jobs and beats of governance."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from catalog.models import Endpoint, ModelVersion
from governance.gates.facts import parse_facts
from governance.models import Decision, PolicyDraft, Rollout
from governance.services import (
    approvals,
    backtests,
    gate_checks,
    reassessment,
    rollout_calls,
    rollout_ends,
    rollout_state,
)
from governance.services.decisions import decide, make_decision
from governance.services.policies import in_force
from portal.errors import DomainError
from portal.jobs.models import Job
from portal.jobs.registry import JobFailed, Report, handler


@handler(reassessment.KIND, "Gates again on a release")
def reassess_job(job: Job, report: Report) -> dict[str, Any]:
    """Let the gates run again on one release."""
    report(10, "Running the gates")
    release = reassessment.reassess(int(job.payload["release"]))
    return {"release": release.public_id, "state": release.state}


@handler(gate_checks.CHECK_KIND, "Gate check")
def gate_check_job(job: Job, report: Report) -> dict[str, Any]:
    """Decide on a subject whose facts are too many for a web request."""
    report(10, "Running the gates")
    version = ModelVersion.objects.select_related("model__team").get(pk=job.payload["version"])
    endpoint = Endpoint.objects.get(pk=job.payload["endpoint"])
    made = make_decision(version, endpoint, actor=job.created_by)
    return {"decision": made.public_id, "verdict": made.verdict, "digest": made.digest}


@handler(gate_checks.FACTS_KIND, "Gate check of sent facts")
def facts_check_job(job: Job, report: Report) -> dict[str, Any]:
    """Judge a facts document that is too large for a web request."""
    report(10, "Running the gates")
    result = decide(parse_facts(job.payload["facts"]), in_force())
    return {"verdict": result.verdict, "digest": result.digest, "result": result.document()}


@handler(backtests.KIND, "Back-test of a policy draft")
def backtest_job(job: Job, report: Report) -> dict[str, Any]:
    """Try a draft on stored decisions."""
    given, draft = job.payload, PolicyDraft.objects.get(pk=job.payload["draft"])
    if draft.digest != given["digest"]:
        raise JobFailed("The draft was saved with another text meanwhile. Run the back-test of the new one.")
    try:
        made = backtests.run_backtest(
            draft, actor=job.created_by, params=given["params"], selection=given["selection"], report=report
        )
    except DomainError as error:
        raise JobFailed(error.diagnostics()) from error
    return {"backtest": made.pk, "total": made.total, "counts": made.counts}


@handler(backtests.SHADOW_KIND, "Shadow run of policy drafts")
def shadow_job(job: Job, report: Report) -> dict[str, Any]:
    """Let the drafts in shadow mode judge one decision."""
    report(10, "Running the drafts")
    found = backtests.run_shadow(Decision.objects.get(pk=job.payload["decision"]))
    return {"drafts": len(found), "differ": sum(one.before != one.after for one in found)}


@handler(rollout_state.CALL)
def rollout_call_job(job: Job, report: Report) -> dict[str, Any]:
    """Call the webhook of a rollout's deployer."""
    report(10, "Calling the deployer")
    rows = Rollout.objects.select_related("release__version__model", "release__endpoint", "release__decision")
    return rollout_calls.call_webhook(rows.get(pk=job.payload["rollout"]))


@shared_task(name="governance.tasks.sweep_due")
def sweep_due() -> None:
    reassessment.sweep()
    approvals.flag_expired()


@shared_task(name="governance.tasks.sweep_rollouts")
def sweep_rollouts() -> None:
    """By itself, so that nothing else that fails keeps a breach from being found."""
    rollout_ends.sweep()
