import pytest

from tests.factories import people


@pytest.mark.django_db
def test_person_holds_role_in_team():
    user = people.person("developer", people.team("lending"))
    assert user.grants == (("developer", user.memberships.get().team_id),)


@pytest.mark.django_db(transaction=True)
def test_transactional_test_is_emptied_afterwards():
    people.person("viewer", username="somebody")
