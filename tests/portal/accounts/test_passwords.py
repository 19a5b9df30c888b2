"""Passwords: changed by the person, given once by an administrator, and no page open until such a one is changed."""

import re

import pytest
from django.contrib.auth import authenticate
from django.test import Client
from django.urls import reverse

from portal.accounts import passwords, services
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.models import LedgerEntry, PersonalField
from tests.factories import people

pytestmark = pytest.mark.django_db
URL = "/accounts/password/"
NEW = "a phrase of my own 27"
GOOD = {"oldpassword": people.PASSWORD, "password1": NEW, "password2": NEW}


def newcomer(role="validator", username="nadia"):
    """Somebody whose account an administrator made."""
    user = services.create_person(username, name="Nadia Weiß", password=people.PASSWORD, actor=people.person("admin"))
    if role:
        services.grant_role(user, role=role, team=None, actor=None)
    return User.objects.get(pk=user.pk)


def fresh(user):
    return User.objects.get(pk=user.pk)


def told(user):
    """Everything that the ledger keeps about the account."""
    rows = LedgerEntry.objects.filter(subject_type="user", subject_id=str(user.pk))
    return b"".join(bytes(row.leaf) for row in rows) + repr(list(PersonalField.objects.values_list("value"))).encode()


def test_person_changes_the_password(as_user):
    user = people.person("fairness")
    browser, elsewhere = as_user(user), as_user(user)
    assert b'name="oldpassword"' in browser.get(URL).content
    response = browser.post(URL, GOOD)
    assert (response.status_code, response["Location"]) == (303, "/")
    assert "Your other sessions have ended" in browser.get("/").content.decode()
    assert elsewhere.get("/").status_code == 302
    assert fresh(user).check_password(NEW)
    entry = LedgerEntry.objects.latest("id")
    assert (entry.event, entry.actor, entry.state_schema) == ("portal:user:password-changed", user, "user/2")
    assert NEW.encode() not in told(user)
    assert fresh(user).password.encode() not in told(user)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"oldpassword": "not my password"}, "oldpassword"),
        ({"oldpassword": ""}, "oldpassword"),
        ({"password1": "short", "password2": "short"}, "password1"),
        ({"password1": "password1234", "password2": "password1234"}, "password1"),
        ({"password1": "fairness-ayla-1", "password2": "fairness-ayla-1"}, "password1"),
        ({"password2": "another phrase 27"}, "password2"),
        ({"password1": people.PASSWORD, "password2": people.PASSWORD}, "password1"),
        ({"password1": "", "password2": ""}, "password1"),
    ],
)
def test_bad_password_is_refused_beside_the_field(as_user, changed, field):
    user = people.person("fairness", username="fairness-ayla")
    response = as_user(user).post(URL, GOOD | changed)
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert fresh(user).check_password(people.PASSWORD)
    assert NEW not in response.content.decode()
    assert not LedgerEntry.objects.filter(event="portal:user:password-changed").exists()


@pytest.mark.parametrize(
    ("current", "new", "code"),
    [
        ("wrong", NEW, "password-wrong"),
        (people.PASSWORD, "short", "password-weak"),
        (people.PASSWORD, people.PASSWORD, "password-same"),
    ],
)
def test_act_itself_refuses_what_the_form_would(current, new, code):
    with pytest.raises(InvalidInput) as caught:
        passwords.change_password(actor=people.person("fairness"), current=current, new=new)
    assert caught.value.code == code


def test_password_page_asks_for_log_in(client):
    assert client.get(URL)["Location"] == f"/accounts/login/?next={URL}"
    assert client.post(URL, GOOD).status_code == 302


@pytest.mark.parametrize("path", ["/", "/releases/?state=open", "/people/", "/account/tokens/", "/accounts/login/"])
def test_until_changed_every_page_leads_to_the_password(client, path):
    newcomer()
    client.post(reverse("account_login"), {"login": "nadia", "password": people.PASSWORD})
    target = client.get(path)["Location"]
    assert target.startswith(f"{URL}?next=%2F")
    assert b"An administrator knows your password" in client.get(target).content


def test_until_changed_no_form_acts_and_the_way_out_is_open(client):
    user = newcomer()
    client.force_login(user)
    assert client.post(reverse("tokens"), {"name": "x", "days": "30"})["Location"] == URL
    assert not user.tokens.exists()
    assert client.get(reverse("account_logout")).status_code == 200
    assert client.post(reverse("account_logout")).status_code == 302


def test_once_changed_the_person_goes_on_where_the_way_led(client):
    user = newcomer()
    client.post(reverse("account_login"), {"login": "nadia", "password": people.PASSWORD})
    page = client.get(client.get("/releases/")["Location"]).content.decode()
    assert '<input type="hidden" name="next" value="/releases/">' in page
    assert client.post(URL, GOOD | {"next": "/releases/"})["Location"] == "/releases/"
    assert client.get("/releases/").status_code == 200
    assert not fresh(user).must_change_password


def test_next_never_leads_to_another_host(as_user):
    response = as_user(people.person("fairness")).post(URL, GOOD | {"next": "https://example.org/"})
    assert response["Location"] == "/"


def test_person_without_role_changes_the_password_too(client):
    user = newcomer(role=None)
    client.force_login(user)
    assert client.post(URL, GOOD).status_code == 303
    assert fresh(user).check_password(NEW)


def test_token_of_such_a_person_is_refused_until_then(client):
    user = newcomer()
    header = {"HTTP_AUTHORIZATION": f"Bearer {people.token(user)}"}
    answer = client.get("/api/v1/me", **header)
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:gatehouse:problem:password-change-required"
    passwords.change_password(actor=user, current=people.PASSWORD, new=NEW)
    assert client.get("/api/v1/me", **header).status_code == 200


def test_account_at_the_console_has_the_password_that_its_person_typed():
    assert not people.person("admin").must_change_password


def test_administrator_leaves_the_password_empty_and_is_shown_a_random_one_once(as_user):
    admin = as_user(people.person("admin"))
    response = admin.post(reverse("person-new"), {"username": "nadia", "name": "Nadia", "email": "", "password": ""})
    password = re.search(r'id="first-password">([^<]+)<', response.content.decode())[1]
    user = User.objects.get(username="nadia")
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    assert authenticate(None, username="nadia", password=password) == user
    assert user.must_change_password
    assert password not in admin.get(reverse("person-edit", kwargs={"key": user.uuid})).content.decode()
    assert password.encode() not in told(user)


def test_administrator_gives_a_fresh_password_which_ends_the_sessions(as_user):
    user, admin = people.person("fairness"), people.person("admin")
    session = as_user(user)
    response = as_user(admin).post(reverse("person-password", kwargs={"key": user.uuid}))
    password = re.search(r'id="first-password">([^<]+)<', response.content.decode())[1]
    assert response["Cache-Control"] == "no-store"
    assert session.get("/").status_code == 302
    assert fresh(user).check_password(password)
    assert fresh(user).must_change_password
    entry = LedgerEntry.objects.latest("id")
    assert (entry.event, entry.actor) == ("portal:user:password-reset", admin)
    assert password.encode() not in told(user)
    again = Client()
    again.post(reverse("account_login"), {"login": user.username, "password": password})
    assert again.get("/")["Location"].startswith(URL)


def test_fresh_password_is_not_for_oneself_a_service_or_the_demo(as_user):
    admin = people.person("admin")
    demo = services.create_person("demo", name="Demo", password=people.PASSWORD, actor=None, is_demo=True)
    for user, says in ((admin, "your own account"), (people.service(), "has no password"), (demo, "demo account")):
        response = as_user(admin).post(reverse("person-password", kwargs={"key": user.uuid}), follow=True)
        assert says in response.content.decode()
        assert not fresh(user).must_change_password
    with pytest.raises(PermissionRefused):
        passwords.reset_password(demo, actor=people.person("fairness"))


def test_demo_account_keeps_its_password_and_is_told_why(as_user):
    demo = services.create_person("demo", name="Demo", password=people.PASSWORD, actor=None, is_demo=True)
    assert not demo.must_change_password
    page = as_user(demo).get(URL)
    assert page.status_code == 200
    assert "share one password" in page.content.decode()
    assert as_user(demo).post(URL, GOOD).status_code == 409
    with pytest.raises(Conflict, match="prints it"):
        passwords.change_password(actor=demo, current=people.PASSWORD, new=NEW)
    assert fresh(demo).check_password(people.PASSWORD)


def test_menu_leads_to_the_password(as_user):
    assert f'href="{URL}"' in as_user(people.person("viewer")).get("/").content.decode()
