"""The content security policy is on every answer, and no page needs more than it allows."""

import re

import pytest
from django.urls import reverse

from tests.factories import people

pytestmark = pytest.mark.django_db
PAGES = {
    "home": "admin",
    "people": "admin",
    "person-new": "admin",
    "team-new": "admin",
    "styleguide": "admin",
    "tokens": "developer",
    "audit-log": "admin",
    "api-docs": "developer",
    "account_logout": "viewer",
}


def directives(response):
    rows = [part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";") if part.strip()]
    return {row[0]: row[1] if len(row) > 1 else "" for row in rows}


@pytest.mark.parametrize("name", PAGES)
def test_page_is_strict(as_user, name):
    response = as_user(people.person(PAGES[name])).get(reverse(name))
    assert response.status_code == 200
    found = directives(response)
    assert found["default-src"] == "'none'"
    assert {found[key] for key in ("script-src", "style-src", "img-src", "connect-src", "form-action")} == {"'self'"}
    assert found["frame-ancestors"] == "'none'"
    page = response.content.decode()
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*src=)|\son[a-z]+=", page)
    assert not re.search(r"""<(?:script|link|img)[^>]*(?:src|href)=["'](?:https?:)?//""", page)
    assert (response["X-Frame-Options"], response["X-Content-Type-Options"]) == ("DENY", "nosniff")


@pytest.mark.parametrize("name", PAGES)
def test_page_has_one_heading_one_primary_button_and_unique_ids(as_user, name):
    page = as_user(people.person(PAGES[name])).get(reverse(name)).content.decode()
    assert len(re.findall(r"<h1\b", page)) == 1
    assert len(re.findall(r'class="btn pri\b', page)) <= 1
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert re.search(r"<title>[^<·]+ · ", page)


def test_log_in_page_is_strict_and_not_kept(client):
    response = client.get(reverse("account_login"))
    assert directives(response)["script-src"] == "'self'"
    assert "no-store" in response["Cache-Control"]


def test_cookies_are_guarded(client):
    people.person("viewer", username="anna")
    response = client.post(reverse("account_login"), {"login": "anna", "password": people.PASSWORD})
    cookie = response.cookies["gatehouse_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
