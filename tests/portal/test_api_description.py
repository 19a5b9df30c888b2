"""The API describes itself: OpenAPI 3.1, and a page of commands that needs nothing from elsewhere."""

import pytest
from django.core.management import call_command
from django.urls import reverse

from portal.access import Permission
from tests.factories import people

pytestmark = pytest.mark.django_db


def test_schema_is_openapi_31_and_public(client):
    document = client.get(reverse("api-schema")).json()
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/me" in document["paths"]


def test_schema_has_no_warning(capsys):
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", "--file", "/dev/null")
    assert "Warning" not in capsys.readouterr().err


def test_every_operation_stands_on_the_page(client):
    document, page = client.get(reverse("api-schema")).json(), client.get(reverse("api-docs")).content.decode()
    for methods in document["paths"].values():
        for operation in methods.values():
            if isinstance(operation, dict) and "operationId" in operation:
                assert f'id="{operation["operationId"]}"' in page


def test_me_lists_what_the_token_may(client):
    user = people.person("auditor")
    answer = client.get(reverse("api-me"), HTTP_AUTHORIZATION=f"Bearer {people.token(user)}").json()
    assert answer["username"] == user.username
    assert answer["roles"] == [{"role": "auditor", "team": None}]
    assert Permission.PORTAL_LEDGER_READ in answer["permissions"]
    assert Permission.GOVERNANCE_RELEASE_DECIDE not in answer["permissions"]
