"""Log-in, log-out, a lost session, and what an anonymous visitor may reach."""

from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from portal.accounts import services
from tests.factories import people

pytestmark = pytest.mark.django_db


def log_in(client, username, password=people.PASSWORD, **more):
    return client.post(reverse("account_login"), {"login": username, "password": password, **more})


def test_log_in_leads_home(client):
    people.person("fairness", username="ayla")
    response = log_in(client, "ayla")
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.get("/").status_code == 200


def test_user_name_is_not_case_sensitive(client):
    people.person("fairness", username="ayla")
    assert log_in(client, "AYLA").status_code == 302


def test_page_sends_to_log_in_and_back(client):
    people.person("admin", username="root-admin")
    response = client.get(reverse("people") + "?q=x")
    assert response["Location"] == "/accounts/login/?next=/people/%3Fq%3Dx"
    assert b'value="/people/?q=x"' in client.get(response["Location"]).content
    assert log_in(client, "root-admin", next="/people/?q=x")["Location"] == "/people/?q=x"


def test_log_in_never_leads_to_another_host(client):
    people.person("admin", username="root-admin")
    assert log_in(client, "root-admin", next="https://example.org/")["Location"] == "/"


def test_wrong_password_is_said_and_nothing_more(client):
    people.person("fairness", username="ayla")
    wrong, unknown = log_in(client, "ayla", "wrong password 123"), log_in(client, "nobody-here", "wrong password 123")
    assert wrong.status_code == unknown.status_code == 200
    for response in (wrong, unknown):
        assert b"are not correct" in response.content
        assert b'role="alert"' in response.content


def test_closed_account_cannot_log_in_and_loses_its_session(client, as_user):
    user = people.person("fairness", username="ayla")
    session = as_user(user)
    services.set_active(user, active=False, actor=None)
    assert session.get("/").status_code == 302
    log_in(client, "ayla")
    assert client.get("/").status_code == 302


def test_log_out_is_a_form(as_user):
    client = as_user(people.person("fairness"))
    assert client.get(reverse("account_logout")).status_code == 200
    assert client.get("/").status_code == 200
    assert client.post(reverse("account_logout")).status_code == 302
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("name", ["account_signup", "account_email", "account_reset_password"])
def test_nothing_else_of_accounts_has_an_address(name):
    with pytest.raises(NoReverseMatch):
        reverse(name)


def test_form_without_session_keeps_the_text(client):
    people.person("admin")
    sent = {"name": "Nadia Weiß", "password": "secret words here", "csrfmiddlewaretoken": "x"}
    # As a browser sends a form without files; one with files is not even read (test_body_limits).
    form = {"data": urlencode(sent), "content_type": "application/x-www-form-urlencoded"}
    response = client.post(reverse("person-new"), **form, HTTP_REFERER="http://testserver/people/new/?a=1")
    page = response.content.decode()
    assert response.status_code == 403
    assert "Nadia Weiß" in page
    assert "secret words here" not in page
    assert "/accounts/login/?next=%2Fpeople%2Fnew%2F%3Fa%3D1" in page


def test_form_without_csrf_token_keeps_the_text():
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.person("admin"))
    response = client.post(reverse("team-new"), {"name": "Lending <b>"}, HTTP_REFERER="https://elsewhere.example/x")
    page = response.content.decode()
    assert response.status_code == 403
    assert "Lending &lt;b&gt;" in page
    assert 'href="/"' in page
