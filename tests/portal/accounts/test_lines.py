"""First line and second line are held apart, by the service in words and by the database."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from demo.people import make_people
from portal.accounts import services, tokens
from portal.accounts.choices import FIRST_LINE, SECOND_LINE, SERVICE_ROLES, Role
from portal.accounts.models import Membership, User
from portal.errors import InvalidInput
from tests.factories import people

pytestmark = pytest.mark.django_db
MIGRATION = Path(services.__file__).parent / "migrations" / "0003_lines_of_defence.py"


def grant(user, role, team=None):
    return services.grant_role(user, role=role, team=team, actor=None)


@pytest.mark.parametrize("first", sorted(FIRST_LINE))
@pytest.mark.parametrize("second", sorted(SECOND_LINE))
def test_both_lines_over_one_team_are_refused_whichever_comes_first(first, second):
    team = people.team()
    for one, other in ((first, second), (second, first)):
        user = people.person(one, team)
        with pytest.raises(InvalidInput, match="does not also judge it") as caught:
            grant(user, other, team)
        assert caught.value.code == "lines-of-defence"
        assert user.memberships.count() == 1


@pytest.mark.parametrize(("held", "given"), [(None, "lending"), ("lending", None), (None, None)])
def test_whole_organisation_counts_for_every_team(held, given):
    user = people.person("developer", held and people.team(held))
    with pytest.raises(InvalidInput, match=r"the other line over (the whole organisation|Lending)"):
        grant(user, "validator", given and people.team(given))


def test_other_team_other_line_and_the_same_line_twice_are_allowed():
    user = people.person("developer", people.team("lending"))
    grant(user, "model_owner", people.team("lending"))
    grant(user, "viewer")
    grant(user, "validator", people.team("clinic"))
    grant(user, "fairness", people.team("clinic"))
    assert user.memberships.filter(ended_at=None).count() == 5


def test_role_that_ended_stands_in_no_way():
    user, team = people.person("developer", people.team()), people.team()
    services.end_membership(user.memberships.get(), actor=None)
    assert grant(user, "validator", team).role == "validator"


def test_page_refuses_in_words(as_user):
    team = people.team()
    user = people.person("model_owner", team)
    url = reverse("person-edit", kwargs={"key": user.uuid})
    response = as_user(people.person("admin")).post(url, {"role": "risk", "team": team.pk})
    assert response.status_code == 422
    assert "End the role model owner first" in " ".join(response.context["form"].errors["role"])


@pytest.mark.parametrize("teams", [("lending", "lending"), (None, "lending"), ("lending", None), (None, None)])
def test_database_refuses_both_lines_whoever_writes(teams):
    first, second = (slug and people.team(slug) for slug in teams)
    user = people.person("developer", first)
    with pytest.raises(IntegrityError, match="first and of the second line"), transaction.atomic():
        Membership.objects.create(user=user, team=second, role="legal")


def test_database_refuses_to_move_or_open_again_what_would_meet():
    lending, clinic = people.team("lending"), people.team("clinic")
    user = people.person("developer", lending)
    other = grant(user, "validator", clinic)
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.filter(pk=other.pk).update(team=lending)
    services.end_membership(other, actor=None)
    with transaction.atomic():
        Membership.objects.filter(pk=other.pk).update(team=lending)
        with pytest.raises(IntegrityError, match="second line"), transaction.atomic():
            Membership.objects.filter(pk=other.pk).update(ended_at=None)
        transaction.set_rollback(True)


def test_what_was_held_before_the_rule_can_be_ended():
    """An older installation may hold both: the guard is asked about what is open, so ending always works."""
    user = people.person("developer")
    row = user.memberships.get()
    row.ended_at = timezone.now()
    services.end_membership(row, actor=None)
    assert not User.objects.get(pk=user.pk).grants


@pytest.mark.parametrize("role", sorted(set(Role) - SERVICE_ROLES))
def test_service_identity_gets_no_role_of_a_person(role):
    service = people.service()
    for act in (lambda: grant(service, role), lambda: tokens.create_service("new", role=role, team=None)):
        with pytest.raises(InvalidInput, match="is a person"):
            act()
    with pytest.raises(IntegrityError, match="service identity"), transaction.atomic():
        Membership.objects.create(user=service, role=role)


def test_roles_of_the_guard_are_those_of_the_code():
    text = MIGRATION.read_text()
    for name, roles in (("first", FIRST_LINE), ("second", SECOND_LINE)):
        listed = re.search(rf"{name} text\[\] := ARRAY\[(.*?)\]", text)[1]
        assert set(re.findall(r"'(\w+)'", listed)) == {str(role) for role in roles}
    assert {str(role) for role in SERVICE_ROLES} == {str(role) for role in FIRST_LINE} | {"viewer"}


def test_people_of_the_demo_are_legal(settings, tmp_path):
    settings.KEYS_DIR = tmp_path
    made, _ = make_people()
    assert all(user.memberships.exists() and not user.must_change_password for user in made.values())


def test_token_command_names_who_answers(as_user):
    person = people.person("model_owner", username="mara")
    out, said = StringIO(), StringIO()
    call_command("token", "create", "pipeline", "--responsible", "MARA", stdout=out, stderr=said)
    service = User.objects.get(username="pipeline")
    assert (service.responsible, said.getvalue()) == (person, "")
    page = as_user(people.person("admin")).get(reverse("person-edit", kwargs={"key": service.uuid})).content.decode()
    assert "Mara answers for it" in page
    call_command("token", "create", "orphan", stdout=out, stderr=said)
    assert "Nobody answers for orphan" in said.getvalue()


@pytest.mark.parametrize("name", ["nobody-there", "robot"])
def test_token_command_refuses_who_cannot_answer(name):
    people.service(username="robot")
    with pytest.raises(CommandError):
        call_command("token", "create", "pipeline", "--responsible", name)
    assert not User.objects.filter(username="pipeline").exists()


def test_behind_a_service_stand_its_person_and_who_made_its_tokens():
    person, admin, other = people.person("model_owner"), people.person("admin"), people.person("model_owner")
    service = tokens.create_service("pipeline", role="developer", team=None, responsible=person)
    tokens.create_token(service, actor=admin, name="first")
    tokens.create_token(other, actor=other, name="own")
    people.token(service)
    assert person.stands_behind == admin.stands_behind == {service.pk}
    assert other.stands_behind == service.stands_behind == frozenset()
