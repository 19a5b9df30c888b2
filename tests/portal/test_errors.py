"""What went wrong is a designed page for people and problem details for machines."""

import pytest
from django.test import Client
from django.urls import reverse

from portal.pages import errors, home
from tests.factories import people

pytestmark = pytest.mark.django_db


def test_unknown_page_keeps_the_menu(as_user):
    response = as_user(people.person("fairness")).get("/nowhere/")
    assert response.status_code == 404
    assert b"Not found" in response.content
    assert b'aria-label="Main"' in response.content


def test_unknown_page_for_nobody(client):
    response = client.get("/nowhere/")
    assert response.status_code == 404
    assert b'aria-label="Main"' not in response.content


def test_refused_page_names_the_roles(as_user):
    response = as_user(people.person("viewer")).get(reverse("people"))
    assert response.status_code == 403
    assert b"Ask an administrator for one of: Administrator." in response.content


def test_person_without_role_learns_why(as_user):
    response = as_user(people.person(None)).get("/")
    assert response.status_code == 403
    assert b"Ask an administrator for one of" in response.content


@pytest.mark.parametrize(("path", "status"), [("/api/v1/nowhere", 404), ("/api/v1/me", 401)])
def test_api_answers_problem_details(client, path, status):
    response = client.get(path)
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == status


def test_address_of_an_act_is_no_page(as_user):
    response = as_user(people.person("developer")).get(reverse("token-revoke", kwargs={"pk": 1}))
    assert response.status_code == 405
    assert "POST" in response["Allow"]


def test_failure_is_a_page_without_trace(as_user, monkeypatch):
    def broken(request):
        raise ValueError("secret detail")

    monkeypatch.setattr(home.home, "panels", broken)
    client = as_user(people.person("fairness"))
    client.raise_request_exception = False
    response = client.get("/")
    assert response.status_code == 500
    assert b"The portal failed" in response.content
    assert b"secret detail" not in response.content


def test_failure_page_needs_no_database(rf, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = errors.server_error(rf.get("/"))
    assert response.status_code == 500
    assert errors.server_error(rf.get("/api/v1/x"))["Content-Type"] == "application/problem+json"


def test_foreign_host_is_refused(client):
    assert client.get("/healthz", HTTP_HOST="evil.example").status_code in (200, 400)
    assert Client().get("/accounts/login/", HTTP_HOST="evil.example").status_code == 400


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://testserver/people/?q=1", "/people/?q=1"),
        ("https://evil.example/people/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_way_back_stays_here(rf, referer, back):
    assert errors.way_back(rf.get("/", HTTP_REFERER=referer)) == back
