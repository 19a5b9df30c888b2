"""Who may be given a condition: one rule, for the page, the API and whatever else calls the service."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from governance.models import Approval, Condition
from governance.policies import condition_owners
from governance.services.approvals import ConditionDraft
from portal.accounts import services
from portal.accounts.models import User
from portal.errors import InvalidInput
from tests.factories import governance, people

pytestmark = pytest.mark.django_db


@pytest.fixture
def who() -> governance.Cast:
    return governance.cast()


def due() -> Any:
    return timezone.now().date() + timedelta(days=9)


def closed(who: governance.Cast) -> User:
    person = people.person("developer", who.team)
    services.set_active(person, active=False, actor=None)
    return person


def gone(who: governance.Cast) -> User:
    person = people.person("developer", who.team)
    services.end_membership(person.memberships.get(), actor=None)
    return person


STRANGERS = {
    "of another team": lambda who: people.person("developer", people.team("clinic")),
    "without a role": lambda who: people.person(None),
    "no person": lambda who: people.service("developer", who.team),
    "closed account": closed,
    "ended role": gone,
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_who_has_no_part_here_is_given_no_condition(who: governance.Cast, kind: str) -> None:
    release, stranger = governance.release_in_review(who), STRANGERS[kind](who)
    good = ConditionDraft("Measure it again.", who.owner, due())
    bad = ConditionDraft("Do it for us.", stranger, due())
    with pytest.raises(InvalidInput) as caught:
        governance.decide(release, who.reviewers["validator"], "validator", "conditions", conditions=[good, bad])
    assert (caught.value.code, caught.value.field) == ("condition-owner", "conditions[1].owner")
    assert not Condition.objects.exists()
    assert not Approval.objects.exists()
    assert stranger not in condition_owners(release)


def test_people_of_the_team_and_of_the_organisation_are_given_conditions(who: governance.Cast) -> None:
    release, validator = governance.release_in_review(who), who.reviewers["validator"]
    owners = [who.owner, who.developer, who.compliance, who.second["fairness"]]
    drafts = [ConditionDraft("Measure it again.", owner, due()) for owner in owners]
    governance.decide(release, validator, "validator", "conditions", conditions=drafts)
    assert {row.owner for row in Condition.objects.all()} == set(owners)
    assert set(owners) <= set(condition_owners(release))


@pytest.mark.parametrize("kind", [*STRANGERS, "unknown name"])
def test_api_has_one_answer_for_strangers_and_unknown_names(who: governance.Cast, client: Any, kind: str) -> None:
    release = governance.release_in_review(who)
    name = STRANGERS[kind](who).username if kind in STRANGERS else "no-such-person"
    assert release.decision is not None
    body = {"choice": "conditions", "role": "validator", "decision_digest": release.decision.digest, "reason": "x"}
    body |= {"conditions": [{"text": "Do it.", "owner": name, "due_on": due().isoformat()}]}
    headers = {"authorization": f"Bearer {people.token(who.reviewers['validator'])}"}
    address = f"/api/v1/releases/{release.public_id}/decisions"
    answer = client.post(address, body, content_type="application/json", headers=headers)
    found = answer.json()
    assert (answer.status_code, found["field"]) == (422, "conditions[0].owner")
    assert found["type"] == "urn:gatehouse:problem:no-such-person"
    assert found["detail"] == f"There is no person {name!r} to give the condition to."
    assert not Condition.objects.exists()


def test_api_takes_a_person_of_the_team_in_any_case(who: governance.Cast, client: Any) -> None:
    release = governance.release_in_review(who)
    assert release.decision is not None
    body = {"choice": "conditions", "role": "validator", "decision_digest": release.decision.digest, "reason": "x"}
    body |= {"conditions": [{"text": "Do it.", "owner": who.owner.username.upper(), "due_on": due().isoformat()}]}
    headers = {"authorization": f"Bearer {people.token(who.reviewers['validator'])}"}
    address = f"/api/v1/releases/{release.public_id}/decisions"
    assert client.post(address, body, content_type="application/json", headers=headers).status_code == 201
    assert Condition.objects.get().owner == who.owner


def test_page_offers_the_same_people(who: governance.Cast, as_user: Any) -> None:
    release, stranger = governance.release_in_review(who), people.person("developer", people.team("clinic"))
    page = as_user(who.reviewers["validator"]).get(reverse("release", args=[release.pk]))
    offered = {str(user.pk) for user in condition_owners(release)}
    assert {key for key, _ in page.context["form"].rows[0].fields["owner"].choices if key} == offered
    assert str(stranger.pk) not in offered
