"""Queue, run, retry and cancel jobs. The database row decides; a lost broker or worker loses nothing."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog
from celery import current_app
from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone

from portal.access import Permission, require
from portal.accounts.models import Team, User
from portal.errors import Conflict, DomainError, PermissionRefused
from portal.jobs.choices import State
from portal.jobs.models import Job
from portal.jobs.registry import JobCancelled, JobFailed, find
from portal.ledger.services import Subject, record

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=30)
HEARTBEAT_SECONDS = 8.0
MAX_ATTEMPTS = 5
TASK = "portal.jobs.tasks.run_job"


def enqueue(
    kind: str,
    *,
    payload: dict[str, Any],
    actor: User | None,
    subject: models.Model | None = None,
    team: Team | None = None,
) -> Job:
    """Write the job into the caller's transaction (transactional outbox) and try to wake a worker after commit."""
    job = Job.objects.create(
        kind=kind,
        payload=payload,
        created_by=actor,
        team=team,
        subject_type=getattr(subject, "ledger_type", ""),
        subject_id=str(subject.pk) if subject is not None else "",
    )
    transaction.on_commit(lambda: send(job.id))
    return job


def send(job_id: uuid.UUID) -> bool:
    """One short try to tell a worker. Redis may be down: the sweeper sends again, the request never fails."""
    try:
        with current_app.connection_for_write() as broker:
            # Without this the client tries for six seconds to reach a broker that refuses it at once.
            broker.transport_options = {**broker.transport_options, "max_retries": 0}
            current_app.send_task(TASK, args=[str(job_id)], retry=False, connection=broker)
    except Exception as error:  # the broker's client raises many types; none may reach the user
        log.warning("job_not_sent", job=str(job_id), error=type(error).__name__)
        return False
    return True


def claim(job_id: uuid.UUID | str) -> Job | None:
    """Take the job for this worker, or None when another has it or it is over."""
    now = timezone.now()
    with transaction.atomic():
        job = Job.objects.select_for_update(skip_locked=True).filter(pk=job_id).first()
        if job is None or job.is_final or job.due_at > now + timedelta(seconds=1):
            return None
        if job.state == State.RUNNING and job.lease_until and job.lease_until > now:
            return None
        job.attempts += 1
        if job.attempts > MAX_ATTEMPTS:
            _end(job, State.DEAD, error=job.error or "The worker stopped in the middle of it each time.")
            return None
        job.state, job.lease_until = State.RUNNING, now + LEASE
        job.save(update_fields=["state", "lease_until", "attempts"])
    return job


def _end(job: Job, state: State, *, error: str = "", result: dict[str, Any] | None = None) -> None:
    job.state, job.error, job.result = state, error, result
    job.finished_at, job.lease_until = timezone.now(), None
    if state == State.DONE:
        job.progress, job.step = 100, "Done"
    job.save(update_fields=["state", "error", "result", "finished_at", "lease_until", "progress", "step"])


def report_progress(job: Job, percent: int, step: str) -> None:
    """Store the progress and renew the lease. Raises JobCancelled when somebody cancelled meanwhile."""
    alive = Job.objects.filter(pk=job.pk, state=State.RUNNING, attempts=job.attempts).update(
        progress=max(0, min(99, percent)), step=step[:120], lease_until=timezone.now() + LEASE
    )
    if not alive:
        raise JobCancelled


@contextmanager
def _heartbeat(job: Job) -> Iterator[None]:
    """Keep the lease alive while the handler computes without reporting (one long query, one long render)."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            try:
                Job.objects.filter(pk=job.pk, state=State.RUNNING, attempts=job.attempts).update(
                    lease_until=timezone.now() + LEASE
                )
            except DatabaseError:  # the next beat tries again; a lease that runs out only repeats the job
                log.warning("job_heartbeat_failed", job=str(job.pk))
            finally:
                connection.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=5)


def run(job_id: uuid.UUID | str) -> Job | None:
    """Do one job to its end. Handlers are idempotent by job id, so a second run after a crash is harmless."""
    job = claim(job_id)
    if job is None:
        return None
    try:
        with _heartbeat(job):
            result = find(job.kind)(job, lambda percent, step: report_progress(job, percent, step))
    except JobCancelled:
        log.info("job_cancelled", job=str(job.pk))
    except (JobFailed, DomainError) as error:
        text = error.diagnostics() if isinstance(error, DomainError) else str(error)
        _finish(job, State.FAILED, error=text)
    except Exception as error:
        log.exception("job_error", job=str(job.pk), kind=job.kind)
        _retry(job, error)
    else:
        _finish(job, State.DONE, result=result)
    return job


def _finish(job: Job, state: State, *, error: str = "", result: dict[str, Any] | None = None) -> None:
    with transaction.atomic():
        current = Job.objects.select_for_update().get(pk=job.pk)
        if current.state == State.RUNNING and current.attempts == job.attempts:
            _end(current, state, error=error, result=result)


def _retry(job: Job, error: Exception) -> None:
    """Back off 2, 4, 8 … seconds; after the last attempt the job is dead, with the reason kept."""
    connection.close_if_unusable_or_obsolete()
    with transaction.atomic():
        current = Job.objects.select_for_update().get(pk=job.pk)
        if current.state != State.RUNNING or current.attempts != job.attempts:
            return
        reason = f"Unexpected error: {type(error).__name__}. The log of the worker has the details."
        if current.attempts >= MAX_ATTEMPTS:
            _end(current, State.DEAD, error=reason)
            return
        current.state, current.error, current.lease_until = State.QUEUED, reason, None
        current.due_at = timezone.now() + timedelta(seconds=2**current.attempts)
        current.save(update_fields=["state", "error", "lease_until", "due_at"])


def sweep(limit: int = 100) -> int:
    """Send every job that is due and that nobody works on: lost messages, dead workers, back-off ended."""
    now = timezone.now()
    lost = models.Q(state=State.QUEUED, due_at__lte=now - timedelta(seconds=3)) | models.Q(
        state=State.RUNNING, lease_until__lt=now
    )
    ids = list(Job.objects.filter(lost).order_by("due_at").values_list("pk", flat=True)[:limit])
    sent = 0
    for job_id in ids:
        if not send(job_id):
            break  # the broker is away: the next sweep tries again, this one does not wait for each job
        sent += 1
    return sent


@transaction.atomic
def cancel(job: Job, *, actor: User) -> Job:
    """Stop a job that is queued or running; what it has written stays consistent, nothing is half-done.

    Only who started it may: a test or a pack of somebody else's is not for others to stop.
    """
    require(actor, Permission.PORTAL_JOB_CANCEL, job.team)
    if job.created_by_id != actor.pk:
        raise PermissionRefused(
            "Somebody else started this job.", code="not-your-job", how="Ask who started it, or wait for its end."
        )
    job = Job.objects.select_for_update().get(pk=job.pk)
    if job.is_final:
        raise Conflict(f"The job is over: {job.get_state_display().lower()}.", code="job-over", how="Start a new one.")
    _end(job, State.CANCELLED, error="Cancelled.")
    record(
        actor=actor,
        event="portal:job:cancelled",
        subject=Subject("portal.job", str(job.pk), job.team_id),
        body={"kind": job.kind},
    )
    return job
