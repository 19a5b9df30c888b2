"""May this version go live there? The answer now, or the job that still computes a fact."""

from __future__ import annotations

from catalog.models import Endpoint, ModelVersion
from governance.models import Decision
from governance.services.decisions import make_decision
from governance.services.releases import fact_job
from portal.access import Permission, require
from portal.accounts.models import User
from portal.jobs.models import Job


def check_gate(version: ModelVersion, endpoint: Endpoint, *, actor: User) -> Decision | Job:
    """The decision as things stand, or the open job to wait for."""
    require(actor, Permission.GOVERNANCE_GATE_CHECK, version.model.team_id)
    return fact_job(version) or make_decision(version, endpoint, actor=actor)
