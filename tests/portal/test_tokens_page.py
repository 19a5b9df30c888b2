"""A person's tokens: shown once, stored as a hash, revoked at once, only one's own."""

import pytest
from django.urls import reverse

from portal.accounts.models import ApiToken
from portal.accounts.tokens import digest_of
from tests.factories import people

pytestmark = pytest.mark.django_db


def me(client, token):
    return client.get(reverse("api-me"), HTTP_AUTHORIZATION=f"Bearer {token}")


def test_token_is_shown_once_and_works(as_user, client):
    user = people.person("developer", people.team())
    browser = as_user(user)
    response = browser.post(reverse("tokens"), {"name": "nightly", "days": "30"})
    token = response.context["token"]
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert token in response.content.decode()
    assert token not in browser.get(reverse("tokens")).content.decode()
    row = ApiToken.objects.get()
    assert (row.digest, row.name) == (digest_of(token), "nightly")
    assert me(client, token).json()["roles"] == [{"role": "developer", "team": "lending"}]


def test_revoked_token_is_refused(as_user, client):
    user = people.person("developer")
    token = people.token(user)
    row = ApiToken.objects.get()
    assert as_user(user).post(reverse("token-revoke", kwargs={"pk": row.pk})).status_code == 302
    answer = me(client, token)
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_token_of_another_cannot_be_revoked(as_user):
    people.token(people.person("developer"))
    row = ApiToken.objects.get()
    assert as_user(people.person("developer")).post(reverse("token-revoke", kwargs={"pk": row.pk})).status_code == 404
    row.refresh_from_db()
    assert row.revoked_at is None


def test_nameless_token_is_not_made(as_user):
    response = as_user(people.person("developer")).post(reverse("tokens"), {"name": " ", "days": "30"})
    assert response.status_code == 422
    assert "Say what will use it" in response.content.decode()
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("days", ["0", "99999", "", "x"])
def test_token_lives_only_as_long_as_offered(as_user, days):
    response = as_user(people.person("developer")).post(reverse("tokens"), {"name": "nightly", "days": days})
    assert response.status_code == 422
    assert not ApiToken.objects.exists()


def test_who_owns_no_tokens_has_no_page(as_user):
    assert as_user(people.person("viewer")).get(reverse("tokens")).status_code == 403
