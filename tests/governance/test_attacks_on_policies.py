"""Ways to bring a policy into force with less than two people of the right reach, or to learn what others do by it."""

from __future__ import annotations

import time

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from governance.models import PolicyVersion
from governance.pages.draft_view import diff_rows
from governance.selectors_policies import seats_for
from governance.services import backtests, drafts, policies
from portal.accounts.models import Membership, User
from portal.accounts.services import create_person, end_membership, grant_role
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
    admin, owner = people.person("admin"), people.person("compliance")
    robot = create_service("pipeline", role="developer", team=None)
    create_token(robot, actor=admin, name="push")
    # A manager of users before, an owner of policies now.
    end_membership(Membership.objects.get(user=admin), actor=None)
    grant_role(admin, role="compliance", team=None, actor=None)
    draft = proposed(SOURCE, User.objects.get(pk=robot.pk))
    refused("separation-of-duties", approve, draft, User.objects.get(pk=admin.pk))
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
@pytest.fixture
def demo():
    """People of the demo: an author and an owner, in the whole organisation."""
    made = {}
    for role in ("risk", "compliance"):
        user = create_person(f"demo-{role}", name=role, password=people.PASSWORD, actor=None, is_demo=True)
        grant_role(user, role=role, team=None, actor=None)
        made[role] = User.objects.get(pk=user.pk)
    return made


def test_the_demo_does_not_settle_a_real_policy(demo):
    governance.second_look()
    off = SET.replace("SCOPE", "{organisation: true}").replace("params: {floor: 0.6}", "enforcement: off")
    refused("demo-account", drafts.begin_draft, off.replace("off}", '"off"}'), actor=demo["risk"])
    # Nor by a text that names it later only.
    governance.publish(SOURCE.replace("second-look", "other"), author=people.person("risk"))
    demo_policy = drafts.begin_draft(SOURCE.replace("second-look", "of-the-demo"), actor=demo["risk"], reason="x")
    assert demo_policy.is_demo
    drafts.propose_draft(demo_policy, actor=demo["risk"])
    approve(demo_policy, demo["compliance"])
    mine = SET.replace("SCOPE", "{organisation: true}").replace("second-look", "of-the-demo")
    draft = drafts.begin_draft(mine, actor=demo["risk"], reason="x")
    draft = drafts.save_draft(draft, actor=demo["risk"], source=SET.replace("SCOPE", "{organisation: true}"))
    refused("demo-account", drafts.propose_draft, draft, actor=demo["risk"])


def test_the_demo_does_not_go_on_from_a_policy_that_became_real(demo):
    early = drafts.begin_draft(SOURCE, actor=demo["risk"], reason="x")
    governance.second_look()
    early = drafts.rebase_draft(early, actor=demo["risk"])
    refused("demo-account", drafts.propose_draft, early, actor=demo["risk"])


def test_a_policy_of_the_demo_that_the_house_took_over_is_real(demo):
    theirs = drafts.begin_draft(SOURCE, actor=demo["risk"], reason="x")
    drafts.propose_draft(theirs, actor=demo["risk"])
    approve(theirs, demo["compliance"])
    again = drafts.begin_draft(SOURCE, actor=demo["risk"], reason="Still the demo's.")
    drafts.abandon_draft(again, actor=demo["risk"])
    governance.publish(SOURCE.replace("default: 0.5", "default: 0.9"))
    refused("demo-account", drafts.begin_draft, SOURCE, actor=demo["risk"])


def test_a_draft_that_the_demo_sends_to_the_api_is_the_demos(demo):
    client = Client(headers={"authorization": f"Bearer {people.token(demo['risk'])}"})
    governance.second_look()
    answer = client.post("/api/v1/policy-drafts", {"source": SOURCE}, content_type="application/json")
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("demo-account")


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
    answer = Client(headers=token).get(f"/api/v1/policy-drafts/{draft.public_id}/{part}")
    assert answer.status_code == 200, answer.content
    assert release.version.model.name not in answer.content.decode()
    assert f'"decision":{release.decision_id}' not in answer.content.decode().replace(" ", "")
    assert f'"{release.decision.public_id}"' not in answer.content.decode()


def test_page_of_a_draft_does_not_tell_others_shadow_results(hidden, as_user):
    release, draft, author = hidden
    page = as_user(author).get(reverse("policy-draft", kwargs={"number": draft.pk})).content.decode()
    assert release.version.model.name not in page
    assert f"/decisions/{release.decision.public_id}/" not in page


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


@pytest.mark.parametrize(
    ("selector", "says"),
    [
        ("riskTier: [High]", "high, limited"),
        ("target: [prod]", "production"),
        ("model: [INCOME-X]", "income-x"),
        ("model: [іncome-x]", "ASCII"),
    ],
)
def test_a_selector_that_can_match_nothing_is_told(selector, says):
    catalog.model(name="income-x")
    people.person("compliance")
    author = people.person("risk")
    text = SOURCE.replace("params:", f"appliesTo: {{{selector}}}\nparams:")
    draft = drafts.begin_draft(text, actor=author, reason="Narrow.")
    assert says in refused("selector-unknown", drafts.propose_draft, draft, actor=author).how
    fine = drafts.begin_draft(text.replace(selector, "model: [income-x, not-yet]"), actor=author, reason="Narrow.")
    assert drafts.propose_draft(fine, actor=author).state == "proposed"


# ------------------------------------------------------------------ odd requests
@pytest.mark.parametrize(
    "path",
    [
        "/policy-drafts/facts/?decision=²",
        "/policies-applied/?version=²&endpoint=²",
        "/policy-drafts/?state=x\x00",
        "/policy-drafts/new/?policy=x\x00",
        "/policies/x%00/",
        "/releases/?q=x%00",
    ],
)
def test_odd_numbers_are_no_fault(as_user, path):
    governance.second_look()
    governance.release_in_review(version=governance.ready_version(governance.cast(), accuracy=0.85))
    assert as_user(people.person("risk")).get(path).status_code in (200, 404, 422)


@pytest.mark.parametrize("value", ["1e999", "-1e999", "9" * 400])
def test_odd_parameters_are_no_fault(as_user, value):
    author = people.person("risk")
    draft = drafts.begin_draft(SOURCE, actor=author)
    client = Client(headers={"authorization": f"Bearer {people.token(author)}"})
    body = f'{{"params": {{"floor": {value}}}}}'
    answer = client.post(f"/api/v1/policy-drafts/{draft.public_id}/backtests", body, content_type="application/json")
    assert answer.status_code in (400, 422), answer.content
    page = as_user(author).get(reverse("policy-draft-preview", kwargs={"number": draft.pk}), {"floor": "nan"})
    assert page.status_code == 422


def test_odd_names_are_no_fault_of_the_api():
    client = Client(headers={"authorization": f"Bearer {people.token(people.person('risk'))}"})
    answer = client.get("/api/v1/policies/x%00")
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")


# ------------------------------------------------------------------ load
HEAD = """apiVersion: gatehouse/v1
kind: Policy
metadata: {name: big, owner: compliance, description: Big., reviewBy: "2099-01-01"}
rules:
"""
DEAR = """  - id: r%d
    require: "facts.metrics.all(m, facts.metrics.all(n, m.value >= n.value - 1.0))"
    message: "'x'"
"""
ROWS = ", ".join(f"{{name: a{n}, split: test, segment: all, value: 0.1}}" for n in range(40))
CASE = f"  - {{name: t%d, facts: {{metrics: [{ROWS}]}}, expect: {{r0: pass}}}}\n"
HEAVY = HEAD + "".join(DEAR % n for n in range(100)) + "tests:\n" + "".join(CASE % n for n in range(38))


def test_tests_that_take_long_are_not_run_in_a_request(as_user):
    author = people.person("risk")
    client, began = as_user(author), time.process_time()
    answer = client.post("/policy-drafts/check/", {"source": HEAVY})
    assert "could take" in answer.content.decode()
    draft = drafts.begin_draft(HEAVY, actor=author, reason="x")
    assert client.get(reverse("policy-draft", kwargs={"number": draft.pk})).status_code == 200
    assert "could take" in client.get(reverse("policy-draft-mutants", kwargs={"number": draft.pk})).content.decode()
    refused("policy-invalid", drafts.propose_draft, draft, actor=author)
    assert time.process_time() - began < 8


def test_long_texts_are_not_compared_line_by_line(as_user):
    began = time.process_time()
    many = "\n".join(["  a"] * 24_000)
    rows = list(diff_rows(many, many[4:] + "\n  b"))
    assert len(rows) < 3_000
    assert "more lines" in rows[-1]["text"]
    assert time.process_time() - began < 2


def test_few_long_texts_are_kept_in_memory():
    for n in range(40):
        policies.read(f"{SOURCE}# {n}{' ' * policies.LONG_TEXT}\n")
    assert policies._long.cache_info().currsize <= 16


# ------------------------------------------------------------------ past the services
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE governance_policyversion SET source = source || '# weaker' WHERE retired_at IS NULL",
        "UPDATE governance_policyversion SET enforcement = 'off'",
        "UPDATE governance_policyversion SET retired_at = NULL WHERE number = 1",
        "UPDATE governance_policydraft SET version_id = version_id, reason = 'another' WHERE state = 'active'",
        "UPDATE governance_policydraft SET base_id = NULL WHERE base_id IS NOT NULL",
    ],
)
def test_what_was_published_stays_whoever_writes_the_statement(statement):
    governance.publish(SOURCE)
    governance.publish(SOURCE.replace("default: 0.5", "default: 0.6"))
    with (
        pytest.raises(IntegrityError, match=r"stays as it was published|is over"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
