"""The pages of policies on their way into force."""

from __future__ import annotations

import pytest
from django.urls import reverse

from governance.models import PolicyDraft, PolicyVersion
from governance.services import backtests, drafts
from tests.factories import governance, people

pytestmark = pytest.mark.django_db
SOURCE = governance.SECOND.replace("FLOOR", "0.5")


@pytest.fixture
def author():
    return people.person("risk")


@pytest.fixture
def owner():
    return people.person("compliance")


def page(draft):
    return reverse("policy-draft", kwargs={"number": draft.pk})


def text(answer):
    return answer.content.decode()


def test_from_first_line_to_force(as_user, author, owner):
    client = as_user(author)
    assert "my-policy" in text(client.get("/policy-drafts/new/"))
    made = client.post("/policy-drafts/new/", {"source": SOURCE, "reason": ""})
    draft = PolicyDraft.objects.get()
    assert made["Location"] == page(draft)
    assert "3 of 3 pass" in text(client.get(page(draft)))
    fields = {"act": "propose", "source": SOURCE, "digest": draft.digest, "reason": "Compliance wants to look."}
    assert client.post(page(draft), fields).status_code == 303
    assert "It waits for Compliance" in text(client.get(page(draft)))
    theirs = as_user(owner)
    assert "policy draft waits for you" in text(theirs.get("/"))
    assert "Your decision as owner" in text(theirs.get(page(draft)))
    fields = {"role": "compliance", "choice": "approve", "digest": draft.digest, "words": ""}
    assert theirs.post(f"{page(draft)}decide/", fields).status_code == 302
    assert "came into force as version 1" in text(theirs.get(page(draft)))
    policy = text(theirs.get("/policies/second-look/"))
    assert "Written by" in policy
    assert "How it came into force" in policy


def test_a_mistake_keeps_the_text_and_shows_the_caret(as_user, author):
    bad = SOURCE.replace("m.value", "m.valu")
    answer = as_user(author).post("/policy-drafts/new/", {"source": bad})
    assert answer.status_code == 422
    assert "m.valu &gt;" in text(answer)
    assert "undefined field" in text(answer)
    assert not PolicyDraft.objects.exists()


def test_check_as_one_types(as_user, author):
    client = as_user(author)

    def said(before, after):
        assert before in SOURCE
        return text(client.post("/policy-drafts/check/", {"source": SOURCE.replace(before, after)}))

    wrong = said("expect: {accurate: fail", "expect: {accurate: ask")
    assert "1 of 3 fails" in wrong
    assert "accurate is fail, not ask" in wrong
    assert "No test shows a verdict of unknown" in said("expect: {accurate: unknown, policy: unknown}", "expect: {}")


def test_saved_in_another_window_loses_nothing(as_user, author):
    draft = drafts.begin_draft(SOURCE, actor=author)
    seen = draft.digest
    drafts.save_draft(draft, actor=author, source=SOURCE.replace("0.5", "0.6"))
    mine = SOURCE.replace("0.5", "0.7")
    answer = as_user(author).post(page(draft), {"act": "save", "source": mine, "digest": seen, "reason": ""})
    assert answer.status_code == 409
    assert "another window" in text(answer)
    assert "default: 0.7" in text(answer)


def test_author_sees_no_decision_form_and_is_refused(as_user, owner):
    draft = drafts.begin_draft(SOURCE, actor=owner, reason="Mine.")
    drafts.propose_draft(draft, actor=owner)
    client = as_user(owner)
    assert "Your decision as owner" not in text(client.get(page(draft)))
    fields = {"role": "compliance", "choice": "approve", "digest": draft.digest}
    answer = client.post(f"{page(draft)}decide/", fields)
    assert (answer.status_code, "You wrote it" in text(answer)) == (403, True)
    assert not PolicyVersion.objects.exists()


def test_backtest_slider_and_fixture(as_user, author):
    governance.second_look(author)
    release = governance.release_in_review(version=governance.ready_version(governance.cast(), accuracy=0.85))
    draft = drafts.begin_draft(SOURCE.replace("default: 0.5", "default: 0.9"), actor=author, reason="Stricter.")
    backtests.run_backtest(draft, actor=author)
    client = as_user(author)
    shown = text(client.get(page(draft)))
    assert "It would block 1 of one past decision more" in shown or "It would block 1 of 1" in shown
    assert release.public_id in shown
    slid = text(client.get(f"{page(draft)}preview/", {"floor": "0.6"}, headers={"hx-request": "true"}))
    assert "It would change none" in slid
    assert client.get(f"{page(draft)}preview/", {"floor": "much"}).status_code == 422
    answer = client.post(page(draft), {"act": "add-case", "decision": f"D-{release.decision_id}"})
    assert answer.status_code == 303
    draft.refresh_from_db()
    assert f"as decided in D-{release.decision_id}" in draft.source
    assert "4 of 4 pass" in text(client.get(page(draft)))
    assert client.post(page(draft), {"act": "add-case", "decision": "D-999999"}).status_code == 404


def test_fixture_of_a_decision_that_one_may_not_see(as_user, author):
    release = governance.release_in_review()
    outsider = people.person("risk", people.team("clinic"))
    draft = drafts.begin_draft(SOURCE, actor=outsider)
    answer = as_user(outsider).post(page(draft), {"act": "add-case", "decision": f"D-{release.decision_id}"})
    assert answer.status_code == 404


def test_explorer_and_why(as_user, author):
    release = governance.release_in_review()
    client = as_user(author)
    assert "facts.metrics[accuracy" in text(client.get("/policy-drafts/facts/", {"q": "metrics"}))
    paths = client.get("/policy-drafts/facts-schema.json").json()["paths"]
    assert {"path": "facts.bias[].ratio_lower", "type": "double"}.items() <= next(
        one for one in paths if one["path"] == "facts.bias[].ratio_lower"
    ).items()
    why = f"/decisions/D-{release.decision_id}/why/disparate-impact/four-fifths/"
    assert "b.ratio &gt;= params.min_ratio" in text(client.get(why))
    assert client.get(why.replace("four-fifths", "no-such")).status_code == 404
    assert "The same bytes came out" in text(client.get(f"/decisions/D-{release.decision_id}/replay/"))


def test_library_begins_drafts_that_hold_nothing(as_user, author):
    client = as_user(author)
    assert "bank-model-risk" in text(client.get("/policy-library/"))
    assert client.post("/policy-library/retention/").status_code == 302
    assert client.post("/policy-library/internal-tool/").status_code == 302
    assert PolicyDraft.objects.filter(kind="set").count() == 1
    assert not PolicyVersion.objects.exists()
    assert client.get("/policy-library/nothing/").status_code == 404


def test_a_set_settles_parameters_where_it_holds(as_user, author, owner):
    governance.second_look(author)
    who = governance.cast()
    version = governance.ready_version(who, accuracy=0.85)
    source = f"""apiVersion: gatehouse/v1
kind: PolicySet
metadata: {{name: strict-house, owner: risk, description: Stricter for one model., reviewBy: "2099-01-01"}}
scope: {{model: {version.model.name}}}
policies:
  - policy: second-look
    params: {{floor: 0.9}}
"""
    draft = drafts.begin_draft(source, actor=owner, reason="Stricter.")
    drafts.propose_draft(draft, actor=owner)
    assert drafts.missing_owners(draft) == ["compliance", "risk"]
    for role in ("risk", "compliance"):
        drafts.decide_draft(draft, actor=people.person(role), role=role, choice="approve", digest=draft.digest)
    release = governance.release_in_review(who, version=version)
    assert release.decision.verdict == "fail"
    client = as_user(author)
    applied = text(client.get("/policies-applied/", {"version": version.pk, "endpoint": release.endpoint_id}))
    assert "floor = 0.9" in applied
    assert "strict-house" in applied
    assert "Settled by sets" in text(client.get("/policies/second-look/"))
    assert "second-look" in text(client.get("/policies/strict-house/"))
    assert "The same bytes" in text(client.get(f"/decisions/D-{release.decision_id}/replay/"))


@pytest.mark.parametrize("role", ["viewer", "auditor"])
def test_who_only_reads_changes_nothing(as_user, author, role):
    draft = drafts.begin_draft(SOURCE, actor=author)
    client = as_user(people.person(role))
    assert client.get(page(draft)).status_code == 200
    assert client.get("/policy-drafts/new/").status_code == 403
    assert client.post(page(draft), {"act": "abandon"}).status_code == 403
    assert client.post(page(draft), {"act": "fly"}).status_code == 422
    assert client.post("/policy-library/retention/").status_code == 403


def test_drift_from_git_is_shown(as_user, author, owner):
    draft = drafts.begin_draft(
        SOURCE, actor=author, reason="From Git.", origin={"git": {"path": "p.yaml", "commit": "abcdef0123"}}
    )
    drafts.propose_draft(draft, actor=author)
    drafts.decide_draft(draft, actor=owner, role="compliance", choice="approve", digest=draft.digest)
    client = as_user(author)
    assert "as in Git p.yaml abcdef01" in text(client.get("/policies/"))
    governance.second_look(author, floor=0.6)
    assert "differs from Git" in text(client.get("/policies/"))


def test_library_takes_the_values_of_the_house(as_user, author):
    client = as_user(author)
    assert client.post("/policy-library/model-card/", {"no_such": "1"}).status_code == 302
    answer = client.post("/policy-library/retention/", {"min_days": "soon"})
    assert (answer.status_code, "is no number" in text(answer)) == (422, True)
    assert client.post("/policy-library/retention/", {"min_days": "77"}).status_code == 302
    draft = PolicyDraft.objects.get(policy_name="retention")
    assert "77" in draft.source
    assert "fails" not in text(client.get(page(draft))).split('id="check"')[1][:600]


def test_turned_comparisons_and_one_click_test(as_user, author):
    release = governance.release_in_review()
    draft = drafts.begin_draft(SOURCE, actor=author)
    client = as_user(author)
    part = text(client.get(f"{page(draft)}mutants/", headers={"hx-request": "true"}))
    assert "no test would notice" in part or "is noticed by a test" in part
    assert "What the tests notice" in text(client.get(f"{page(draft)}mutants/"))
    shown = text(client.get("/policy-drafts/facts/", {"draft": draft.pk}, headers={"hx-request": "true"}))
    assert f"Make a test of D-{release.decision_id}" in shown
    others = text(as_user(people.person("legal")).get("/policy-drafts/facts/", {"draft": draft.pk}))
    assert "Make a test" not in others


def test_backtest_of_some_decisions_only(as_user, author, run_jobs):
    governance.second_look(author)
    governance.release_in_review(version=governance.ready_version(governance.cast(), accuracy=0.85))
    draft = drafts.begin_draft(SOURCE.replace("default: 0.5", "default: 0.9"), actor=author, reason="Stricter.")
    client = as_user(author)
    assert client.post(page(draft), {"act": "backtest", "since": "2099-01-01"}).status_code == 303
    run_jobs()
    assert draft.backtests.get().total == 0
    assert client.post(page(draft), {"act": "propose"}).status_code == 409
    assert client.post(page(draft), {"act": "backtest", "since": "soon"}).status_code == 422
