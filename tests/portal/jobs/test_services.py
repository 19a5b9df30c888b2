import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import timedelta

import pytest
import redis
from celery import Celery, current_app
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.jobs import registry, services
from portal.jobs.choices import State
from portal.jobs.models import Job
from portal.jobs.registry import JobFailed
from tests import databases
from tests.factories import people

pytestmark = pytest.mark.django_db(transaction=True)
KIND = "test:work"


@pytest.fixture
def work():
    """Sets the function that does jobs of the kind used here."""

    def use(function):
        registry._handlers[KIND] = function

    use(lambda job, report: {"ran": True})
    yield use
    del registry._handlers[KIND]


@pytest.fixture
def dead_broker():
    """A broker that nobody answers at."""
    app = current_app._get_current_object()
    dead = Celery("dead", broker="redis://127.0.0.1:1/0", set_as_current=False)
    dead.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    dead.set_current()
    yield
    app.set_current()
    dead.close()


def queue(**options):
    return services.enqueue(KIND, payload={"n": 1}, actor=options.pop("actor", None), **options)


def expire(job):
    """Time goes on: what the worker held runs out, what waits is due."""
    past = timezone.now() - timedelta(seconds=60)
    Job.objects.filter(pk=job.pk).update(due_at=past)
    Job.objects.filter(pk=job.pk, lease_until__isnull=False).update(lease_until=past)


def broker_holds(job):
    # The path is all of redis+socket:///path?virtual_host=N that the client needs.
    path = settings.REDIS_URL.removeprefix("redis+socket://").split("?")[0]
    url = f"unix://{path}" if settings.REDIS_URL.startswith("redis+socket") else settings.REDIS_URL
    return sum(str(job.pk).encode() in message for message in redis.Redis.from_url(url).lrange("celery", 0, -1))


def test_job_is_sent_after_commit_only(work):
    with transaction.atomic():
        job = queue()
        assert broker_holds(job) == 0
    assert broker_holds(job) == 1


def test_job_of_a_rolled_back_act_does_not_exist(work):
    with transaction.atomic():
        job = queue()
        transaction.set_rollback(True)
    assert not Job.objects.filter(pk=job.pk).exists()
    assert broker_holds(job) == 0


def test_lost_broker_fails_no_request_and_the_sweeper_sends_later(work, dead_broker):
    started = time.monotonic()
    job = queue()
    assert time.monotonic() - started < 3
    assert Job.objects.get(pk=job.pk).state == State.QUEUED
    expire(job)
    assert services.sweep() == 0


def test_sweeper_sends_what_was_lost(work):
    job = Job.objects.create(kind=KIND, due_at=timezone.now() - timedelta(seconds=10))
    assert services.sweep() == 1
    assert broker_holds(job) == 1


def test_sweeper_leaves_what_is_running_waiting_or_over(work):
    now = timezone.now()
    Job.objects.create(kind=KIND, state=State.RUNNING, lease_until=now + timedelta(seconds=20))
    Job.objects.create(kind=KIND, due_at=now + timedelta(seconds=60))
    Job.objects.create(kind=KIND, state=State.DONE, due_at=now - timedelta(seconds=60))
    assert services.sweep() == 0


def test_run_reports_and_ends_as_done(work):
    seen = []

    def does(job, report):
        report(40, "Counting")
        seen.append(Job.objects.get(pk=job.pk))
        return {"answer": job.payload["n"]}

    work(does)
    job = queue()
    services.run(job.pk)
    job.refresh_from_db()
    assert (seen[0].progress, seen[0].step, seen[0].state) == (40, "Counting", State.RUNNING)
    assert (job.state, job.progress, job.result, job.lease_until) == (State.DONE, 100, {"answer": 1}, None)


def test_done_job_is_not_run_again(work):
    job = queue()
    assert services.run(job.pk) is not None
    assert services.run(job.pk) is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (JobFailed("Column y is missing. Add it."), "Column y is missing. Add it."),
        (InvalidInput("Only one class.", code="x", how="Upload both."), "Only one class. Upload both."),
    ],
)
def test_job_that_cannot_succeed_fails_at_once_with_the_reason(work, error, text):
    def fails(job, report):
        raise error

    work(fails)
    job = queue()
    services.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error, job.attempts) == (State.FAILED, text, 1)


def test_unknown_kind_fails_with_a_reason():
    job = services.enqueue("test:unheard-of", payload={}, actor=None)
    services.run(job.pk)
    job.refresh_from_db()
    assert (job.state, "does not know jobs of kind" in job.error) == (State.FAILED, True)


def test_unexpected_error_is_tried_again_with_growing_pauses_then_given_up(work):
    def fails(job, report):
        raise RuntimeError("secret of the handler")

    work(fails)
    job, pauses = queue(), []
    for _ in range(services.MAX_ATTEMPTS):
        expire(job)
        before = timezone.now()
        services.run(job.pk)
        job.refresh_from_db()
        pauses.append(round((job.due_at - before).total_seconds()))
    assert pauses[:-1] == [2, 4, 8, 16]
    assert job.state == State.DEAD
    assert "RuntimeError" in job.error
    assert "secret" not in job.error


def test_job_in_its_pause_is_not_claimed(work):
    job = queue()
    Job.objects.filter(pk=job.pk).update(due_at=timezone.now() + timedelta(seconds=30))
    assert services.claim(job.pk) is None


def test_running_job_is_not_claimed_until_its_lease_ends(work):
    job = queue()
    assert services.claim(job.pk) is not None
    assert services.claim(job.pk) is None
    expire(job)
    assert services.claim(job.pk).attempts == 2


def test_worker_that_lost_its_lease_writes_nothing_more(work):
    def slow(job, report):
        expire(job)
        services.claim(job.pk)
        report(50, "too late")
        return {"stale": True}

    work(slow)
    job = queue()
    services.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result, job.attempts, job.progress) == (State.RUNNING, None, 2, 0)


def test_job_whose_worker_dies_each_time_is_given_up(work):
    job = queue()
    for _ in range(services.MAX_ATTEMPTS):
        expire(job)
        assert services.claim(job.pk) is not None
    expire(job)
    assert services.claim(job.pk) is None
    job.refresh_from_db()
    assert (job.state, "stopped in the middle" in job.error) == (State.DEAD, True)


def test_heartbeat_keeps_the_lease_of_a_silent_handler(work, monkeypatch):
    monkeypatch.setattr(services, "HEARTBEAT_SECONDS", 0.05)
    leases = []

    def silent(job, report):
        leases.append(Job.objects.get(pk=job.pk).lease_until)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and Job.objects.get(pk=job.pk).lease_until == leases[0]:
            threading.Event().wait(0.02)
        leases.append(Job.objects.get(pk=job.pk).lease_until)
        return {}

    work(silent)
    services.run(queue().pk)
    assert leases[1] > leases[0]


def test_of_two_workers_one_does_the_job(work):
    ran, together = [], threading.Barrier(2)

    def does(job, report):
        ran.append(job.pk)
        return {}

    work(does)
    job = queue()

    def worker():
        together.wait()
        services.run(job.pk)
        connection.close()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ran == [job.pk]


def test_cancel_of_a_queued_job_ends_it(work):
    owner = people.person("developer")
    job = queue(actor=owner)
    services.cancel(job, actor=owner)
    assert services.run(job.pk) is None
    job.refresh_from_db()
    assert (job.state, job.error) == (State.CANCELLED, "Cancelled.")


def test_cancel_of_a_running_job_stops_it_at_its_next_report(work):
    owner, reached = people.person("developer"), []

    def does(job, report):
        services.cancel(job, actor=owner)
        report(10, "after the cancel")
        reached.append(True)
        return {}

    work(does)
    job = queue(actor=owner)
    services.run(job.pk)
    job.refresh_from_db()
    assert (job.state, reached, job.result) == (State.CANCELLED, [], None)


def test_cancel_of_a_job_that_is_over_is_refused(work):
    owner = people.person("developer")
    job = queue(actor=owner)
    services.run(job.pk)
    with pytest.raises(Conflict, match="over: done"):
        services.cancel(job, actor=owner)


def test_cancel_of_somebody_elses_job_is_refused(work):
    job = queue(actor=people.person("developer"))
    with pytest.raises(PermissionRefused, match="Somebody else"):
        services.cancel(job, actor=people.person("developer"))


def test_cancel_needs_the_permission_in_the_jobs_team(work):
    job = queue(team=people.team("lending"))
    for actor in (people.person("viewer"), people.person("developer", people.team("clinic"))):
        with pytest.raises(PermissionRefused):
            services.cancel(job, actor=actor)


def test_killed_worker_loses_no_job(work, tmp_path):
    """A worker is killed with -9 in the middle; when its lease ends another one does the job."""
    job = queue()
    program = textwrap.dedent(f"""
        import django, pathlib, time
        django.setup()
        from portal.jobs import registry, services
        @registry.handler({KIND!r})
        def never_ends(job, report):
            report(30, "half way")
            pathlib.Path({str(tmp_path / "started")!r}).touch()
            time.sleep(60)
        services.run({str(job.pk)!r})
    """)
    url = databases.url_for(connection.settings_dict["NAME"], role="app")
    environ = os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "portal.settings"}
    worker = subprocess.Popen([sys.executable, "-c", program], env=environ, cwd=databases.ROOT)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "started").exists() and worker.poll() is None and time.monotonic() < deadline:
            threading.Event().wait(0.05)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    job.refresh_from_db()
    assert (job.state, job.progress) == (State.RUNNING, 30)
    assert services.run(job.pk) is None
    expire(job)
    services.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result, job.attempts) == (State.DONE, {"ran": True}, 2)
