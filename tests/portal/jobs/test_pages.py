import uuid

import pytest
from django.urls import reverse

from portal.jobs import services
from portal.jobs.choices import State
from portal.jobs.models import Job
from tests.factories import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return people.team("lending")


@pytest.fixture
def owner(team):
    return people.person("developer", team)


@pytest.fixture
def job(team, owner):
    made = services.enqueue("test:page", payload={}, actor=owner, team=team)
    Job.objects.filter(pk=made.pk).update(state=State.RUNNING, progress=40, step="Counting groups")
    made.refresh_from_db()
    return made


def test_page_shows_how_far_the_job_is_and_polls(as_user, owner, job):
    text = as_user(owner).get(reverse("job", args=[job.pk])).content.decode()
    assert "Counting groups" in text
    assert 'value="40"' in text
    assert "hx-trigger" in text
    assert reverse("job-cancel", args=[job.pk]) in text


def test_htmx_gets_the_part_alone(as_user, owner, job):
    page = as_user(owner).get(reverse("job", args=[job.pk]), headers={"hx-request": "true"})
    assert b"<html" not in page.content
    assert b"Counting groups" in page.content
    assert "HX-Refresh" not in page.headers


def test_htmx_is_told_to_draw_the_page_anew_when_the_job_is_over(as_user, owner, job):
    services.cancel(job, actor=owner)
    page = as_user(owner).get(reverse("job", args=[job.pk]), headers={"hx-request": "true"})
    assert page.headers["HX-Refresh"] == "true"
    assert b"hx-trigger" not in page.content


def test_cancel_button_stops_the_job(as_user, owner, job):
    page = as_user(owner).post(reverse("job-cancel", args=[job.pk]), follow=True)
    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert "The job was cancelled." in page.content.decode()
    assert reverse("job-cancel", args=[job.pk]) not in page.content.decode()


def test_cancel_of_a_job_that_is_over_says_so(as_user, owner, job):
    services.cancel(job, actor=owner)
    page = as_user(owner).post(reverse("job-cancel", args=[job.pk]), follow=True)
    assert "The job is over: cancelled." in page.content.decode()


def test_cancel_by_get_is_refused(as_user, owner, job):
    assert as_user(owner).get(reverse("job-cancel", args=[job.pk])).status_code == 405


def test_viewer_sees_the_job_without_the_button_and_cannot_cancel(as_user, team, job):
    client = as_user(people.person("viewer", team))
    assert reverse("job-cancel", args=[job.pk]) not in client.get(reverse("job", args=[job.pk])).content.decode()
    assert client.post(reverse("job-cancel", args=[job.pk])).status_code == 403


def test_job_of_another_team_is_not_found(as_user, job):
    stranger = people.person("developer", people.team("clinic"))
    assert as_user(stranger).get(reverse("job", args=[job.pk])).status_code == 404
    assert as_user(stranger).post(reverse("job-cancel", args=[job.pk])).status_code == 404


def test_unknown_job_is_not_found(as_user, owner):
    assert as_user(owner).get(reverse("job", args=[uuid.uuid4()])).status_code == 404


def test_api_polls_and_cancels(client, owner, job):
    headers = {"authorization": f"Bearer {people.token(owner)}"}
    answer = client.get(f"/api/v1/jobs/{job.pk}", headers=headers)
    body = answer.json()
    assert (body["state"], body["progress"], body["step"]) == ("running", 40, "Counting groups")
    assert answer["Retry-After"] == "1"
    assert client.post(f"/api/v1/jobs/{job.pk}/cancel", headers=headers).json()["state"] == "cancelled"
    again = client.post(f"/api/v1/jobs/{job.pk}/cancel", headers=headers)
    assert (again.status_code, again.json()["type"]) == (409, "urn:gatehouse:problem:job-over")
    assert "Retry-After" not in client.get(f"/api/v1/jobs/{job.pk}", headers=headers)


def test_api_refuses_strangers(client, job):
    stranger = people.person("developer", people.team("clinic"))
    headers = {"authorization": f"Bearer {people.token(stranger)}"}
    assert client.get(f"/api/v1/jobs/{job.pk}", headers=headers).status_code == 404
    assert client.get(f"/api/v1/jobs/{job.pk}").status_code == 401
