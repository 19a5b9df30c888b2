"""People: accounts and roles are managed by administrators, and each act is in the ledger."""

import pytest
from django.urls import reverse

from portal.accounts.models import Team, User
from portal.ledger.models import LedgerEntry
from tests.factories import people

pytestmark = pytest.mark.django_db
NEW = {"username": "nadia", "name": "Nadia Weiß", "email": "", "password": "a long enough phrase"}


def events():
    return list(LedgerEntry.objects.order_by("id").values_list("event", flat=True))


def edit(user):
    return reverse("person-edit", kwargs={"key": user.uuid})


def test_account_is_opened_gets_a_role_and_logs_in(as_user, client):
    admin = as_user(people.person("admin"))
    response = admin.post(reverse("person-new"), NEW)
    user = User.objects.get(username="nadia")
    assert (response.status_code, response["Location"]) == (303, edit(user))
    team = people.team()
    assert admin.post(edit(user), {"role": "validator", "team": team.pk}).status_code == 303
    assert events()[-3:] == ["portal:user:created", "portal:team:created", "portal:membership:granted"]
    client.post(reverse("account_login"), {"login": "nadia", "password": NEW["password"]})
    own = {"oldpassword": NEW["password"], "password1": "a phrase of my own 27", "password2": "a phrase of my own 27"}
    client.post(reverse("account_change_password"), own)
    assert "Validator" in client.get("/").content.decode()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"username": "NADIA2"}, "username"),
        ({"username": "with space"}, "username"),
        ({"password": "short"}, "password"),
        ({"password": "nadia nadia1"}, None),
        ({"email": "not an address"}, "email"),
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
    ],
)
def test_bad_account_is_refused_beside_the_field(as_user, changed, field):
    people.person(None, username="nadia2")
    count = User.objects.count() + 1
    response = as_user(people.person("admin")).post(reverse("person-new"), NEW | changed)
    if field is None:
        assert response.status_code == 303
        return
    assert response.status_code in (409, 422)
    assert field in response.context["form"].errors
    assert User.objects.count() == count
    kept = (NEW | changed)["username"]
    assert f'value="{kept}"' in response.content.decode()
    assert NEW["password"] not in response.content.decode()


def test_administrator_cannot_also_decide(as_user):
    admin = people.person("admin")
    response = as_user(admin).post(edit(admin), {"role": "fairness", "team": ""})
    assert response.status_code == 422
    assert "approves nothing" in response.content.decode()


def test_role_ends_at_once(as_user):
    user = people.person("developer", people.team())
    held = user.memberships.get()
    admin = as_user(people.person("admin"))
    url = reverse("membership-end", kwargs={"key": user.uuid, "pk": held.pk})
    assert admin.post(url).status_code == 302
    assert User.objects.get(pk=user.pk).grants == ()
    assert "Held before (1)" in admin.get(edit(user)).content.decode()
    assert events()[-1] == "portal:membership:ended"


def test_role_of_another_person_is_not_ended_by_a_wrong_address(as_user):
    user, other = people.person("developer"), people.person("viewer")
    url = reverse("membership-end", kwargs={"key": other.uuid, "pk": user.memberships.get().pk})
    assert as_user(people.person("admin")).post(url).status_code == 404
    assert User.objects.get(pk=user.pk).grants


def test_account_is_closed_and_opened_but_not_ones_own(as_user):
    user, admin = people.person("developer"), people.person("admin")
    browser = as_user(admin)
    browser.post(reverse("person-close", kwargs={"key": user.uuid}))
    assert not User.objects.get(pk=user.pk).is_active
    browser.post(reverse("person-open", kwargs={"key": user.uuid}))
    assert User.objects.get(pk=user.pk).is_active
    response = browser.post(reverse("person-close", kwargs={"key": admin.uuid}), follow=True)
    assert "You cannot close your own account" in response.content.decode()
    assert User.objects.get(pk=admin.pk).is_active


def test_team_is_made_once(as_user):
    admin = as_user(people.person("admin"))
    assert admin.post(reverse("team-new"), {"slug": "lending", "name": "Lending"}).status_code == 303
    again = admin.post(reverse("team-new"), {"slug": "Lending", "name": "Lending"})
    assert again.status_code == 409
    assert "slug" in again.context["form"].errors
    assert Team.objects.count() == 1


def test_list_is_searched(as_user):
    people.person("viewer", username="anna")
    page = as_user(people.person("admin")).get(reverse("people"), {"q": "ann"}).content.decode()
    assert "anna" in page
    assert "Nobody matches" in as_user(people.person("admin")).get(reverse("people"), {"q": "zzz"}).content.decode()


def test_people_without_role_stand_on_the_home_of_the_administrator(as_user):
    people.person(None, username="newcomer")
    page = as_user(people.person("admin")).get("/").content.decode()
    assert "Newcomer" in page
    assert "holds no role yet" in page


@pytest.mark.parametrize("role", ["viewer", "model_owner", "fairness", "auditor"])
def test_only_administrators(as_user, role):
    assert as_user(people.person(role)).get(reverse("people")).status_code == 403


def test_query_count_of_the_list_is_fixed(as_user, django_assert_max_num_queries):
    team = people.team()
    for _ in range(12):
        people.person("developer", team)
    admin = as_user(people.person("admin"))
    with django_assert_max_num_queries(10):
        admin.get(reverse("people"))
