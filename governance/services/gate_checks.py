"""May this version go live there? The answer now, or the job that still computes a fact."""

from __future__ import annotations

import time

from catalog.models import Endpoint, ModelVersion
from governance.models import Decision
from governance.services.decisions import make_decision
from governance.services.releases import fact_job
from portal.access import Permission, require
from portal.accounts.models import User
from portal.jobs.models import Job

LOOK_EVERY = 0.1


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
    return job or make_decision(version, endpoint, actor=actor)
