"""May this version go live there? The answer now, or the job that still computes a fact."""

from __future__ import annotations

import time

from django.db import transaction

from catalog.models import Endpoint, ModelVersion
from governance.gates.bounds import fits_web
from governance.gates.facts import Facts, canonical_bytes
from governance.models import Decision
from governance.services.decisions import ForWorker, make_decision
from governance.services.policies import in_force, split
from governance.services.releases import fact_job
from portal.access import Permission, require
from portal.accounts.models import User
from portal.jobs.models import Job
from portal.jobs.services import enqueue

LOOK_EVERY = 0.1
CHECK_KIND = "governance:gate-check"
FACTS_KIND = "governance:facts-check"


def check_gate(version: ModelVersion, endpoint: Endpoint, *, actor: User, wait: float = 0.0) -> Decision | Job:
    """The decision as things stand, or the job that still computes a fact.

    wait: seconds that the caller gives an open job to end, looked at several times a second.
    """
    require(actor, Permission.GOVERNANCE_GATE_CHECK, version.model.team_id)
    limit = time.monotonic() + wait
    job = fact_job(version)
    while job is not None and time.monotonic() < limit:
        time.sleep(LOOK_EVERY)
        job = fact_job(version)
    if job is not None:
        return job
    try:
        return make_decision(version, endpoint, actor=actor, in_web=True)
    except ForWorker:
        return start_check(version, endpoint, actor=actor)


@transaction.atomic
def start_check(version: ModelVersion, endpoint: Endpoint, *, actor: User) -> Job:
    """Queue the decision on a subject whose facts are too many for a web request; the job's result names it."""
    require(actor, Permission.GOVERNANCE_GATE_CHECK, version.model.team_id)
    payload = {"version": version.pk, "endpoint": endpoint.pk}
    waiting = Job.objects.filter(kind=CHECK_KIND, payload=payload, created_by=actor, finished_at=None).first()
    return waiting or enqueue(CHECK_KIND, payload=payload, actor=actor, subject=version, team=version.model.team)


def fits_here(facts: Facts) -> bool:
    """Whether the policies in force can be evaluated over the document within a web request."""
    policies, _ = split(in_force())
    return fits_web(policies, facts)


@transaction.atomic
def start_facts_check(facts: Facts, *, actor: User) -> Job:
    """Queue the judgement of a facts document; the job's result is the verdict."""
    require(actor, Permission.GOVERNANCE_GATE_CHECK)
    return enqueue(FACTS_KIND, payload={"facts": canonical_bytes(facts).decode()}, actor=actor)
