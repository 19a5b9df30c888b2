"""Policies that an OPA server answers, in the life of drafts, releases and decisions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from governance.choices import DraftState, ReleaseState
from governance.gates.cli import main
from governance.models import Decision, PolicyDraft, Release
from governance.services import backtests, decisions, drafts, fixtures, gate_checks, opa, releases
from governance.services.checks import check_source
from governance.services.decisions import replay_decision
from governance.services.reassessment import sweep
from portal.errors import DomainError
from tests.factories import catalog, governance, people
from tests.governance.api.test_api import Api
from tests.governance.house import House
from tests.governance.opa_stub import Stub, residency, said, serving
from tests.governance.test_opa import PASS, TEXT, TOKEN

pytestmark = pytest.mark.django_db


@pytest.fixture
def stub(settings: Any) -> Iterator[Stub]:
    with serving() as found:
        settings.OPA_SERVERS = {"main": {"url": found.url, "token": TOKEN}}
        opa._quiet.clear()
        yield found


def denying(given: Any) -> dict[str, Any]:
    return {"checked": ["region"], "deny": [{"rule": "region", "message": "Not there."}]}


def asking(given: Any) -> dict[str, Any]:
    if "schema" not in given:
        return denying(given)
    return PASS | {"ask": [{"rule": "region", "role": "fairness", "message": "Is that fair?"}]}


def a_release(who: governance.Cast | None = None) -> Release:
    who = who or governance.cast()
    version = governance.ready_version(who)
    endpoint = catalog.endpoint(owner=who.owner, team=who.team)
    return releases.request_release(version, endpoint, actor=who.owner)


def refused(code: str, act: Any, *args: Any, **kw: Any) -> DomainError:
    with pytest.raises(DomainError) as caught:
        act(*args, **kw)
    assert caught.value.code == code
    return caught.value


# ------------------------------------------------------------------ into force
def test_draft_needs_no_backtest_and_asks_its_must_deny_case(stub: Stub) -> None:
    governance.release_in_review()
    author, owner = people.person("risk"), people.person("compliance")
    draft = drafts.begin_draft(TEXT, actor=author, reason="Rego that we have.")
    asked = len(stub.questions)
    drafts.propose_draft(draft, actor=author)
    assert len(stub.questions) == asked + 1
    assert "schema" not in stub.questions[-1].body["input"]
    drafts.decide_draft(draft, actor=owner, role="compliance", choice="approve", digest=draft.digest)
    draft.refresh_from_db()
    assert draft.state == DraftState.ACTIVE
    assert draft.version is not None
    assert (draft.version.policy.kind, draft.version.enforcement) == ("policy", "block")


def test_liar_or_dead_server_cannot_be_proposed(stub: Stub) -> None:
    author = people.person("risk")
    people.person("compliance")
    draft = drafts.begin_draft(TEXT, actor=author, reason="Because.")
    stub.rego = lambda _given: PASS
    refused("must-deny", drafts.propose_draft, draft, actor=author)
    stub.close()
    refused("must-deny", drafts.propose_draft, draft, actor=author)
    draft.refresh_from_db()
    assert draft.state == DraftState.EDITING


def test_stranger_cannot_make_the_portal_ask(stub: Stub) -> None:
    draft = drafts.begin_draft(TEXT, actor=people.person("risk"), reason="Because.")
    refused("draft-of-another", drafts.propose_draft, draft, actor=people.person("risk"))
    assert stub.questions == []


def test_server_that_is_not_configured_is_a_problem_of_the_text(stub: Stub) -> None:
    people.person("compliance")
    assert check_source(TEXT).ok
    found = check_source(TEXT.replace("server: main", "server: other"))
    assert [one["message"] for one in found.problems] == ["No OPA server 'other' is configured."]
    assert stub.questions == []


def test_back_test_is_refused_with_the_way_on(stub: Stub) -> None:
    author = people.person("risk")
    draft = drafts.begin_draft(TEXT, actor=author, reason="Because.")
    error = refused("backtest-asks-server", backtests.start_backtest, draft, actor=author)
    assert "shadow mode" in error.how
    refused("backtest-asks-server", backtests.preview_draft, TEXT, actor=author)
    refused("backtest-asks-server", backtests.trial_of, TEXT)


def test_shadow_mode_asks_the_server_of_the_draft(stub: Stub) -> None:
    author = people.person("risk")
    people.person("compliance")
    decision = governance.release_in_review().decision
    draft = drafts.begin_draft(TEXT, actor=author, reason="Because.")
    drafts.set_shadow(draft, actor=author, on=True)
    stub.rego = denying
    (found,) = backtests.run_shadow(decision)
    assert (found.before, found.after) == ("ask", "fail") or (found.before, found.after) == ("pass", "fail")
    assert stub.questions[-1].body["input"] == decision.facts


def test_back_test_of_another_policy_keeps_what_the_server_said(stub: Stub) -> None:
    governance.publish(TEXT)
    stub.rego = denying
    release = a_release()
    stub.close()
    text = (
        "apiVersion: gatehouse/v1\nkind: PolicySet\n"
        'metadata: {name: soft, owner: risk, description: d, reviewBy: "2099-01-01"}\nscope: {organisation: true}\n'
        "policies: [{policy: rego-residency, enforcement: advisory}]\n"
    )
    trial = backtests.trial_of(text)
    decision = release.decision
    assert decision is not None
    was, now, _ = trial.judge(decision.facts_text, decision.facts_digest, decision.result)
    assert (was, now) == ("fail", "not_applicable")


def test_no_test_is_made_of_a_decision(stub: Stub) -> None:
    draft = drafts.begin_draft(TEXT, actor=people.person("risk"), reason="Because.")
    decision = governance.release_in_review().decision
    refused("case", fixtures.case_of, draft, decision)


# ------------------------------------------------------------------ releases
def test_good_answer_lets_pass_and_its_approvers_are_seats(stub: Stub) -> None:
    governance.publish(TEXT)
    release = a_release()
    assert release.state == ReleaseState.IN_REVIEW
    assert release.decision is not None
    assert release.decision.verdict == "pass"
    assert release.decision.result["policies"][0]["approvals"] == ["compliance"]
    kept = release.decision.result["external"]["rego-residency"]
    assert kept["facts_digest"] == release.decision.facts_digest
    assert TOKEN not in release.decision.result_text


def test_denied_blocks_and_asked_gets_a_seat(stub: Stub) -> None:
    governance.publish(TEXT)
    stub.rego = asking
    release = a_release()
    assert (release.state, release.decision.verdict) == (ReleaseState.IN_REVIEW, "ask")
    assert release.decision.result["rules"][0]["role"] == "fairness"
    stub.rego = denying
    release = releases.assess_release(release)
    assert (release.state, release.decision.verdict) == (ReleaseState.BLOCKED, "fail")
    assert release.decision.result["rules"][0]["message"] == "Not there."


def test_decision_repeats_with_the_server_gone(stub: Stub) -> None:
    governance.publish(TEXT)
    decision = a_release().decision
    assert decision is not None
    stub.close()
    asked = len(stub.questions)
    assert replay_decision(decision).identical
    assert len(stub.questions) == asked


def test_decision_repeats_from_its_files(stub: Stub, tmp_path: Path, capsys: Any) -> None:
    governance.publish(TEXT)
    decision = a_release().decision
    assert decision is not None
    stub.close()
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "rego.yaml").write_text(TEXT)
    (tmp_path / "facts.json").write_text(decision.facts_text)
    (tmp_path / "decision.json").write_text(decision.result_text)
    assert main(["replay", str(tmp_path / "decision.json")]) == 0
    assert "identical" in capsys.readouterr().out
    changed = decision.result_text.replace('"revision":{"gatehouse":"r1"}', '"revision":{"gatehouse":"r7"}')
    assert changed != decision.result_text
    (tmp_path / "decision.json").write_text(changed)
    assert main(["replay", str(tmp_path / "decision.json")]) == 1


def test_dead_server_blocks_and_the_sweep_asks_again(stub: Stub) -> None:
    governance.publish(TEXT)
    stub.raw = lambda _question: b""
    release = a_release()
    assert (release.state, release.decision.verdict) == (ReleaseState.BLOCKED, "unknown")
    assert "did not come" in release.decision.result["rules"][0]["message"]
    assert replay_decision(release.decision).identical
    stub.raw = None
    sweep()
    release.refresh_from_db()
    assert (release.state, release.decision.verdict) == (ReleaseState.IN_REVIEW, "pass")
    asked = len(stub.questions)
    sweep()
    assert Decision.objects.filter(version=release.version).count() == 2
    assert len(stub.questions) - asked <= 2


def test_approval_asks_the_server_again(stub: Stub) -> None:
    governance.publish(TEXT)
    who = governance.cast()
    release = a_release(who)
    stub.rego = lambda _given: PASS
    refused("not-in-review", governance.decide, release, who.compliance, "compliance")
    release.refresh_from_db()
    assert (release.state, release.decision.verdict) == (ReleaseState.BLOCKED, "unknown")
    stub.rego = residency
    releases.assess_release(release)
    governance.decide(release, who.compliance, "compliance")
    governance.decide(release, who.reviewers["validator"], "validator")
    release.refresh_from_db()
    assert release.state == ReleaseState.LIVE


def test_new_bundle_is_a_new_decision_that_asks_nothing_new(stub: Stub) -> None:
    governance.publish(TEXT)
    release = a_release()
    first = release.decision
    releases.assess_release(release)
    assert Decision.objects.count() == 1
    stub.raw = lambda question: said(residency(question.body["input"]), revision="r2")
    release = releases.assess_release(release)
    assert Decision.objects.count() == 2
    assert release.decision == first


def test_facts_that_move_while_the_server_is_asked_are_asked_again(stub: Stub, monkeypatch: Any) -> None:
    governance.publish(TEXT)
    who = governance.cast()
    release = a_release(who)
    consult, seen = decisions.consult, []

    def slow(*args: Any) -> Any:
        found = consult(*args)
        seen.append(args[2].digest)
        if len(seen) == 1:
            catalog.metrics(release.version, accuracy=0.5)
        return found

    monkeypatch.setattr(decisions, "consult", slow)
    release = releases.assess_release(release)
    assert len(seen) == 2
    assert release.decision.facts_digest == seen[1]
    assert release.decision.verdict == "pass"


def test_facts_that_never_rest_are_unknown(stub: Stub, monkeypatch: Any) -> None:
    governance.publish(TEXT)
    who = governance.cast()
    release = a_release(who)
    consult, values = decisions.consult, iter((0.5, 0.6, 0.7, 0.8))

    def slow(*args: Any) -> Any:
        found = consult(*args)
        catalog.metrics(release.version, accuracy=next(values))
        return found

    monkeypatch.setattr(decisions, "consult", slow)
    release = releases.assess_release(release)
    assert (release.state, release.decision.verdict) == (ReleaseState.BLOCKED, "unknown")
    assert "other facts" in release.decision.result["rules"][0]["message"]


@pytest.mark.django_db(transaction=True)
def test_no_server_is_asked_while_rows_are_locked(stub: Stub, monkeypatch: Any) -> None:
    inside: list[bool] = []
    at_once = opa._at_once

    def noting(*args: Any) -> Any:
        inside.append(connection.in_atomic_block)
        return at_once(*args)

    monkeypatch.setattr(opa, "_at_once", noting)
    governance.publish(TEXT)
    who = governance.cast()
    release = a_release(who)
    releases.assess_release(release)
    gate_checks.check_gate(release.version, release.endpoint, actor=who.developer)
    governance.decide(release, who.compliance, "compliance")
    decisions.preview(release.version, release.endpoint)
    assert len(inside) == 6
    assert not any(inside)


def test_documents_without_such_policies_keep_their_form(stub: Stub) -> None:
    decision = governance.release_in_review().decision
    assert decision is not None
    assert "external" not in decision.result
    assert stub.questions == []


# ------------------------------------------------------------------ pages, API, command line
def test_api_gives_the_verdict_and_a_dry_run(stub: Stub) -> None:
    house = House()
    house.version()
    governance.publish(TEXT.replace("approvals", "appliesTo: {target: [production]}\napprovals"))
    stub.rego = lambda given: denying(given) if given.get("training") else PASS | {"deny": ["Where was it trained?"]}
    path = f"/models/{house.model.name}/versions/1.0.0/gate-checks"
    for dry_run in (True, False):
        asked = {"endpoint": house.endpoint.name, "dryRun": dry_run}
        body = Api(house["developer"]).post(path, asked).json()
        (rule,) = [one for one in body["rules"] if one["policy"] == "rego-residency"]
        assert (body["verdict"], rule["verdict"], rule["message"]) == ("fail", "fail", "Where was it trained?")
    assert Decision.objects.count() == 1


def test_batch_does_not_wait_for_the_server_over_and_over(stub: Stub, settings: Any, run_jobs: Any) -> None:
    settings.GATE_CHECK_WAIT_SECONDS = 0
    house = House()
    house.version()
    governance.publish(TEXT)
    check = {"model": house.model.name, "version": "1.0.0", "endpoint": house.endpoint.name}
    asked = len(stub.questions)
    api = Api(house["developer"])
    for dry_run in (True, False):
        answer = api.post("/gate-checks", {"checks": [check, check], "dryRun": dry_run}).json()
        assert [list(one) for one in answer["results"]] == [["pending"], ["pending"]]
    assert len(stub.questions) == asked
    results = [job.result for job in run_jobs() if job.kind == "governance:facts-check"]
    assert [one["verdict"] for one in results] == ["fail", "fail"]
    assert Decision.objects.get().verdict == "fail"


def test_pages_show_it(stub: Stub, client: Client) -> None:
    governance.publish(TEXT)
    who = governance.cast()
    release = a_release(who)
    client.force_login(who.compliance)
    page = client.get("/policies/rego-residency/").content.decode()
    assert "gatehouse/release/answer" in page
    assert client.get("/policies/").status_code == 200
    decision = release.decision
    assert decision is not None
    page = client.get(f"/decisions/{decision.public_id}/").content.decode()
    assert "Region" in page
    assert f"/decisions/{decision.public_id}/why/rego-residency/" not in page
    assert client.get(f"/releases/{release.public_id}/").status_code == 200
    assert client.get(f"/decisions/{decision.public_id}/replay/").status_code == 200


def test_draft_page_shows_it(stub: Stub, client: Client) -> None:
    author = people.person("risk")
    people.person("compliance")
    draft = drafts.begin_draft(TEXT, actor=author, reason="Because.")
    client.force_login(author)
    page = client.get(f"/policy-drafts/{draft.public_id}/")
    assert page.status_code == 200
    assert "the case that it must deny" in page.content.decode()
    assert PolicyDraft.objects.count() == 1


def test_eval_without_a_server_is_unknown(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "p.yaml").write_text(TEXT)
    (tmp_path / "f.json").write_text(json.dumps({"training": {"region": "eu-central-1"}}))
    arguments = ["eval", "--policy", str(tmp_path / "p.yaml"), "--facts", str(tmp_path / "f.json"), "--json"]
    assert main(arguments) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["rules"][0]["id"]) == ("unknown", "server-answer")
    assert "needs the OPA server main" in told["rules"][0]["message"]
    for form in ("text", "junit", "sarif", "markdown"):
        assert main([*arguments[:-1], "--format", form]) == 3


def test_folder_test_and_diff_take_it(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "p.yaml").write_text(TEXT)
    assert main(["test", str(tmp_path), "--mutation", "--require-coverage"]) == 0
    other = tmp_path / "other.txt"
    other.write_text(TEXT.replace("us-east-1", "us-west-2").replace("release/answer", "other/answer"))
    capsys.readouterr()
    assert main(["diff", str(tmp_path / "p.yaml"), str(other)]) == 1
    said_so = capsys.readouterr().out
    assert "OPA path" in said_so
    assert "Must deny training" in said_so
