"""A gate check waits a little for a fact that is being computed, and says where to look when it takes longer."""

from __future__ import annotations

import pytest

from governance.models import Decision
from governance.services import gate_checks
from portal.jobs.choices import State
from portal.jobs.models import Job
from portal.jobs.services import enqueue
from tests.factories import catalog, governance

pytestmark = pytest.mark.django_db


def test_job_that_ends_in_time_gives_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    who = governance.cast()
    version = governance.ready_version(who)
    endpoint = catalog.endpoint(owner=who.owner, team=who.team)
    job = enqueue("test:fact", payload={}, actor=who.developer, subject=version)

    def time_passes(_seconds: float) -> None:
        Job.objects.filter(pk=job.pk).update(state=State.DONE)

    monkeypatch.setattr(gate_checks.time, "sleep", time_passes)
    found = gate_checks.check_gate(version, endpoint, actor=who.developer, wait=2.0)
    assert isinstance(found, Decision)


def test_job_that_takes_longer_is_named() -> None:
    who = governance.cast()
    version = governance.ready_version(who)
    endpoint = catalog.endpoint(owner=who.owner, team=who.team)
    job = enqueue("test:fact", payload={}, actor=who.developer, subject=version)
    assert gate_checks.check_gate(version, endpoint, actor=who.developer, wait=0.15) == job


def test_what_is_too_long_for_the_web_goes_to_a_worker(monkeypatch, run_jobs) -> None:
    who = governance.cast()
    governance.published()
    version, endpoint = governance.ready_version(who), catalog.endpoint(owner=who.owner, team=who.team)
    monkeypatch.setattr("governance.gates.bounds.WEB_STEPS", 10)
    job = gate_checks.check_gate(version, endpoint, actor=who.developer)
    assert isinstance(job, Job)
    assert gate_checks.check_gate(version, endpoint, actor=who.developer) == job
    run_jobs()
    job.refresh_from_db()
    decision = Decision.objects.get()
    assert job.result == {"decision": decision.public_id, "verdict": "pass", "digest": decision.digest}
