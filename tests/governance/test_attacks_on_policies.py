"""Ways to bring a policy into force with less than two people of the right reach, or to learn what others do by it."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from governance.models import PolicyDraft, PolicyVersion
from governance.selectors_policies import seats_for
from governance.services import backtests, drafts
from portal.accounts.models import User
from portal.accounts.tokens import create_service, create_token
from portal.errors import DomainError
from tests.factories import catalog, governance, people

pytestmark = pytest.mark.django_db
SOURCE = governance.SECOND.replace("FLOOR", "0.5")
SET = """apiVersion: gatehouse/v1
kind: PolicySet
metadata: {name: house-rules, owner: compliance, description: Rules of the house., reviewBy: "2099-01-01"}
scope: SCOPE
policies:
  - {policy: second-look, params: {floor: 0.6}}
"""


def refused(code: str, act, *args, **kw) -> DomainError:
    with pytest.raises(DomainError) as caught:
        act(*args, **kw)
    assert caught.value.code == code
    return caught.value


def approve(draft, actor, role="compliance", **kw):
    given = {"choice": "approve", "digest": draft.digest} | kw
    return drafts.decide_draft(draft, actor=actor, role=role, **given)


def proposed(source, author, reason="For a test."):
    draft = drafts.begin_draft(source, actor=author, reason=reason)
    backtests.run_backtest(draft, actor=author)
    return drafts.propose_draft(draft, actor=author)


# ------------------------------------------------------------------ two people
def test_who_answers_for_a_pipeline_does_not_approve_what_it_pushed():
    owner, other = people.person("compliance"), people.person("compliance")
    robot = create_service("pipeline", role="developer", team=None, responsible=owner)
    draft = proposed(SOURCE, User.objects.get(pk=robot.pk))
    owner = User.objects.get(pk=owner.pk)
    assert seats_for(owner, draft) == []
    refused("separation-of-duties", approve, draft, owner)
    assert seats_for(other, draft) == ["compliance"]
    approve(draft, other)


def test_who_made_the_token_of_a_pipeline_does_not_approve_what_it_pushed():
    owner = people.person("compliance")
    robot = create_service("pipeline", role="developer", team=None)
    from portal.accounts.models import ApiToken

    create_token(robot, actor=None, name="push")
    ApiToken.objects.filter(user=robot)
    draft = proposed(SOURCE, User.objects.get(pk=robot.pk))
    approve(draft, owner)


def test_a_set_of_the_organisation_does_not_become_one_of_a_team_by_the_team_alone():
    governance.second_look()
    people.team("lending")
    governance.publish(SET.replace("SCOPE", "{organisation: true}"))
    author = people.person("risk", people.team("lending"))
    local = people.person("compliance", people.team("lending"))
    draft = proposed(SET.replace("SCOPE", "{team: lending}"), author)
    assert seats_for(local, draft) == []
    refused("role-not-held", approve, draft, local)
    approve(draft, people.person("compliance"))


def test_a_set_of_one_team_is_not_taken_over_by_another():
    governance.second_look()
    lending, clinic = people.team("lending"), people.team("clinic")
    governance.publish(SET.replace("SCOPE", "{team: lending}"))
    draft = proposed(SET.replace("SCOPE", "{team: clinic}"), people.person("risk", clinic))
    refused("role-not-held", approve, draft, people.person("compliance", clinic))
    refused("role-not-held", approve, draft, people.person("compliance", lending))


def test_within_one_team_its_own_owners_suffice():
    governance.second_look()
    lending = people.team("lending")
    governance.publish(SET.replace("SCOPE", "{team: lending}"))
    draft = proposed(SET.replace("SCOPE", "{team: lending}").replace("0.6", "0.7"), people.person("risk", lending))
    approve(draft, people.person("compliance", lending))
    draft.refresh_from_db()
    assert draft.state == "active"


def test_an_approval_does_not_outlive_the_version_it_was_given_on():
    author, owner, legal = people.person("risk"), people.person("compliance"), people.person("legal")
    both = SOURCE.replace("owner: compliance", "owner: legal")
    governance.publish(SOURCE)
    draft = proposed(both, author)
    approve(draft, owner)
    # Meanwhile a stricter text comes into force, which the owner's approval knew nothing of.
    governance.publish(SOURCE.replace("default: 0.5", "default: 0.9"))
    draft = drafts.take_back_draft(draft, actor=author)
    draft = drafts.rebase_draft(draft, actor=author)
    backtests.run_backtest(draft, actor=author)
    draft = drafts.propose_draft(draft, actor=author)
    assert drafts.missing_owners(draft) == ["compliance", "legal"]
    approve(draft, legal, role="legal")
    assert PolicyVersion.objects.get(retired_at=None).number == 2


def test_a_policy_does_not_turn_into_a_set_of_its_name():
    author = people.person("risk")
    set_first = SET.replace("SCOPE", "{organisation: true}").replace("house-rules", "second-look")
    draft = drafts.begin_draft(set_first, actor=author, reason="First.")
    governance.second_look()
    refused("name-taken", drafts.rebase_draft, draft, actor=author)


# ------------------------------------------------------------------ the demo
def demo(user: User) -> User:
    User.objects.filter(pk=user.pk).update(is_demo=True)
    return User.objects.get(pk=user.pk)


# ------------------------------------------------------------------ what others do
@pytest.fixture
def hidden(run_jobs):
    """A release of the team "lending" that a draft of an outsider would change."""
    governance.second_look()
    release = governance.release_in_review(version=governance.ready_version(governance.cast(), accuracy=0.85))
    author = people.person("risk", people.team("clinic"))
    text = SOURCE.replace("default: 0.5", "default: 0.9").replace(
        "\"'Too low.'\"", "\"'Of %s: %s'.format([facts.subject.model, facts.subject.version])\""
    )
    draft = drafts.begin_draft(text, actor=author, reason="Stricter.")
    drafts.set_shadow(draft, actor=author, on=True)
    backtests.run_backtest(draft, actor=author)
    backtests.run_shadow(release.decision)
    return release, draft, author


@pytest.mark.parametrize("part", ["backtests", "shadow"])
def test_flips_of_others_are_not_told(hidden, part):
    release, draft, author = hidden
    token = {"authorization": f"Bearer {people.token(author)}"}
    from django.test import Client

    answer = Client(headers=token).get(f"/api/v1/policy-drafts/{draft.public_id}/{part}")
    assert answer.status_code == 200, answer.content
    assert release.version.model.name not in answer.content.decode()
    assert f'"decision":{release.decision_id}' not in answer.content.decode().replace(" ", "")
    assert release.decision.public_id not in answer.content.decode()


def test_page_of_a_draft_does_not_tell_others_shadow_results(hidden, as_user):
    release, draft, author = hidden
    page = as_user(author).get(reverse("policy-draft", kwargs={"number": draft.pk})).content.decode()
    assert release.version.model.name not in page
    assert release.decision.public_id not in page


def test_backtest_of_one_model_is_for_who_may_see_it(hidden):
    release, draft, author = hidden
    made = backtests.run_backtest(draft, actor=author, selection={"model": release.version.model.name})
    assert made.total == 0


def test_a_set_of_a_model_names_it_as_it_is_written():
    governance.second_look()
    model = catalog.model(name="income-x")
    author = people.person("risk")
    draft = drafts.begin_draft(SET.replace("SCOPE", f"{{model: {model.name.upper()}}}"), actor=author, reason="One.")
    backtests.run_backtest(draft, actor=author)
    refused("scope-missing", drafts.propose_draft, draft, actor=author)


# ------------------------------------------------------------------ odd requests
@pytest.mark.parametrize(
    "path",
    ["/policy-drafts/facts/?decision=²", "/policies-applied/?version=²&endpoint=²", "/policy-drafts/?state=x\x00"],
)
def test_odd_numbers_are_no_fault(as_user, path):
    governance.second_look()
    governance.release_in_review(version=governance.ready_version(governance.cast(), accuracy=0.85))
    assert as_user(people.person("risk")).get(path).status_code in (200, 404, 422)
