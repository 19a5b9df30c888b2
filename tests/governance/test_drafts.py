"""The way of a policy's text into force, and every way round it that is refused."""

from __future__ import annotations

import json

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from governance.choices import DraftState
from governance.models import Backtest, PolicyApproval, PolicyDraft, PolicyVersion
from governance.services import backtests, drafts, policies
from governance.services.checks import check_source
from portal.accounts.services import grant_role
from portal.errors import DomainError
from portal.ledger.models import LedgerEntry
from tests.factories import governance, people

pytestmark = pytest.mark.django_db
SOURCE = governance.SECOND.replace("FLOOR", "0.5")


@pytest.fixture
def author():
    return people.person("risk")


@pytest.fixture
def owner():
    return people.person("compliance")


@pytest.fixture
def draft(author, owner):
    return drafts.begin_draft(SOURCE, actor=author, reason="Compliance wants to look.")


def refused(code: str, act, *args, kind: type[DomainError] = DomainError, **kw) -> DomainError:
    with pytest.raises(kind) as caught:
        act(*args, **kw)
    assert caught.value.code == code
    return caught.value


def approve(draft, actor, role="compliance", **kw):
    return drafts.decide_draft(draft, actor=actor, role=role, **({"choice": "approve", "digest": draft.digest} | kw))


def test_draft_proposed_approved_active(draft, author, owner):
    drafts.propose_draft(draft, actor=author)
    made = approve(draft, owner)
    draft.refresh_from_db()
    assert (draft.state, draft.version.number, draft.version.author) == (DraftState.ACTIVE, 1, author)
    assert policies.active_policies() == [draft.version]
    assert made.digest == policies.text_digest(SOURCE)
    events = list(LedgerEntry.objects.filter(event__contains="policy").order_by("pk").values_list("event", flat=True))
    assert events == [
        "governance:policy-draft:begun",
        "governance:policy-draft:proposed",
        "governance:policy-approval:given",
        "governance:policy:registered",
        "governance:policy:published",
        "governance:policy-draft:activated",
    ]


def test_second_version_retires_the_first(draft, author, owner):
    drafts.propose_draft(draft, actor=author)
    approve(draft, owner)
    second = drafts.begin_draft(SOURCE.replace("default: 0.5", "default: 0.6"), actor=author, reason="Stricter.")
    assert second.base.number == 1
    drafts.propose_draft(second, actor=author)
    approve(second, people.person("compliance"))
    assert [row.number for row in PolicyVersion.objects.filter(retired_at=None)] == [2]


def test_author_does_not_approve(draft, author, owner):
    both = people.person("compliance")
    mine = drafts.begin_draft(SOURCE, actor=both, reason="Mine.")
    drafts.propose_draft(mine, actor=both)
    refused("separation-of-duties", approve, mine, both)
    # Nor by a statement past the services.
    with pytest.raises(IntegrityError, match="does not approve"), transaction.atomic():
        PolicyApproval.objects.create(
            draft=mine, digest=mine.digest, person=both, role="compliance", choice="approve", decided_at=mine.saved_at
        )


def smuggle(policy, author):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS policy_version_guard IMMEDIATE")
    PolicyVersion.objects.create(
        policy=policy,
        number=2,
        source=SOURCE,
        digest="0" * 64,
        enforcement="off",
        author=author,
        retired_at=timezone.now(),
    )


def test_version_without_an_approved_draft_is_refused_by_the_database(author):
    policy = governance.second_look(author).policy
    with pytest.raises(IntegrityError, match="came from no draft"), transaction.atomic():
        smuggle(policy, author)


@pytest.mark.parametrize(
    "change",
    [{"state": "active"}, {"state": "editing", "policy_name": "other"}, {"source": "other"}, {"state": "rejected"}],
)
def test_database_keeps_a_draft_on_its_way(draft, change):
    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyDraft.objects.filter(pk=draft.pk).update(**change)


def test_a_text_that_cannot_be_read_is_no_draft(author):
    error = refused("policy-invalid", drafts.begin_draft, SOURCE.replace("facts.metrics", "facts.metrix"), actor=author)
    assert "metrix" in error.message
    assert "^" in error.details["caret"]
    assert error.details["line"] > 1


@pytest.mark.parametrize(
    ("before", "after", "code", "says"),
    [
        ("expect: {accurate: fail, policy: fail}", "expect: {accurate: pass}", "policy-invalid", "low"),
        ("expect: {accurate: unknown, policy: unknown}", "expect: {}", "policy-invalid", "unknown"),
        ('  reviewBy: "2099-01-01"\n', "", "review-date-missing", "review date"),
        ("approvals: [compliance]", "approvals: [legal]", "role-not-held", "legal"),
    ],
)
def test_what_is_not_ready_is_not_proposed(author, owner, before, after, code, says):
    assert before in SOURCE
    row = drafts.begin_draft(SOURCE.replace(before, after), actor=author, reason="A test.")
    error = refused(code, drafts.propose_draft, row, actor=author)
    assert says in error.message
    assert not check_source(row.source).ok
    row.refresh_from_db()
    assert row.state == DraftState.EDITING


def test_proposing_wants_a_reason(author, owner):
    row = drafts.begin_draft(SOURCE, actor=author)
    refused("reason-missing", drafts.propose_draft, row, actor=author)


def test_two_people_publishing_at_once(draft, author, owner):
    other = drafts.begin_draft(SOURCE.replace("0.5", "0.7"), actor=people.person("legal"), reason="Another.")
    for row in (draft, other):
        drafts.propose_draft(row, actor=row.author)
    approve(draft, owner)
    error = refused("draft-outdated", approve, other, people.person("compliance"))
    assert "Version 1" in error.message
    other.refresh_from_db()
    assert other.state == DraftState.PROPOSED
    other = drafts.take_back_draft(other, actor=other.author)
    other = drafts.propose_draft(drafts.rebase_draft(other, actor=other.author), actor=other.author)
    approve(other, people.person("compliance"))
    assert PolicyVersion.objects.get(retired_at=None).number == 2


def test_saved_text_is_not_overwritten_by_an_older_window(draft, author):
    seen = draft.digest
    drafts.save_draft(draft, actor=author, source=SOURCE.replace("0.5", "0.6"), seen_digest=seen)
    refused("draft-stale", drafts.save_draft, draft, actor=author, source=SOURCE + "#", seen_digest=seen)
    draft.refresh_from_db()
    assert "0.6" in draft.source


def test_text_with_mistakes_is_kept_but_not_under_another_name(draft, author):
    saved = drafts.save_draft(draft, actor=author, source="rules: [")
    assert saved.source == "rules: ["
    refused("name-changed", drafts.save_draft, saved, actor=author, source=SOURCE.replace("second-look", "third"))
    refused("policy-too-long", drafts.save_draft, saved, actor=author, source="x" * 100_001)
    refused("policy-empty", drafts.save_draft, saved, actor=author, source="a\x00b")


def test_only_the_author_changes_a_draft(draft, owner):
    for act in (drafts.propose_draft, drafts.abandon_draft, drafts.rebase_draft):
        refused("draft-of-another", act, draft, actor=owner)
    refused("draft-of-another", drafts.save_draft, draft, actor=owner, source=SOURCE)
    refused("permission-refused", drafts.begin_draft, SOURCE, actor=people.person("viewer"))


def test_changes_asked_return_it(draft, author, owner):
    drafts.propose_draft(draft, actor=author)
    refused("reason-missing", approve, draft, owner, choice="changes")
    approve(draft, owner, choice="changes", reason="Say which metric.")
    draft.refresh_from_db()
    assert draft.state == DraftState.EDITING
    changed = drafts.save_draft(draft, actor=author, source=SOURCE.replace("Too low", "Accuracy is too low"))
    drafts.propose_draft(changed, actor=author)
    refused("draft-stale", approve, changed, owner, digest="0" * 64)
    approve(changed, owner)
    refused("draft-state", approve, changed, people.person("compliance"))


def test_rejected_and_abandoned_are_over(draft, author, owner):
    drafts.propose_draft(draft, actor=author)
    approve(draft, owner, choice="reject", reason="No.")
    refused("draft-state", drafts.save_draft, draft, actor=author, source=SOURCE)
    another = drafts.abandon_draft(drafts.begin_draft(SOURCE, actor=author), actor=author)
    assert another.state == DraftState.ABANDONED
    assert PolicyVersion.objects.count() == 0


def test_new_owner_does_not_push_the_old_one_out(draft, author, owner):
    drafts.propose_draft(draft, actor=author)
    approve(draft, owner)
    stolen = drafts.begin_draft(SOURCE.replace("owner: compliance", "owner: legal"), actor=author, reason="Ours now.")
    legal = people.person("legal")
    drafts.propose_draft(stolen, actor=author)
    assert drafts.missing_owners(stolen) == ["compliance", "legal"]
    approve(stolen, legal, role="legal")
    assert PolicyVersion.objects.get(retired_at=None).number == 1
    approve(stolen, owner)
    assert PolicyVersion.objects.get(retired_at=None).policy.owner_role == "legal"


def test_one_person_fills_one_seat(draft, author, owner):
    drafts.propose_draft(draft, actor=author)
    approve(draft, owner)
    row = drafts.begin_draft(SOURCE.replace("owner: compliance", "owner: legal"), actor=author, reason="Ours now.")
    both = people.person("legal")
    grant_role(both, role="compliance", team=None, actor=None)
    drafts.propose_draft(row, actor=author)
    approve(row, both, role="legal")
    refused("one-seat", approve, row, both)


# ------------------------------------------------------------------ the time machine
@pytest.fixture
def released(author):
    """Three decisions of the starter policies and one more; accuracy 0.95, 0.85 and 0.83."""
    governance.second_look(author)
    return [
        governance.release_in_review(version=governance.ready_version(who, accuracy=value))
        for who in [governance.cast()]
        for value in (0.95, 0.85, 0.83)
    ]


def stricter(author, floor: str = "0.9") -> PolicyDraft:
    return drafts.begin_draft(SOURCE.replace("default: 0.5", f"default: {floor}"), actor=author, reason="Stricter.")


def test_proposing_wants_a_backtest_of_this_very_text(released, author, owner):
    row = stricter(author)
    refused("backtest-missing", drafts.propose_draft, row, actor=author)
    backtests.run_backtest(row, actor=author, params={"floor": 0.5})
    refused("backtest-missing", drafts.propose_draft, row, actor=author)
    backtests.run_backtest(row, actor=author)
    row = drafts.save_draft(row, actor=author, source=row.source + "# x\n")
    refused("backtest-missing", drafts.propose_draft, row, actor=author)
    backtests.run_backtest(row, actor=author)
    assert drafts.propose_draft(row, actor=author).state == DraftState.PROPOSED


def test_backtest_says_which_releases_flip_and_why(released, author):
    found = backtests.run_backtest(stricter(author), actor=author)
    assert (found.total, found.counts) == (3, {"pass>fail": 2, "pass>pass": 1})
    assert {flip["release"] for flip in found.flips} == {row.pk for row in released[1:]}
    rules = {(rule["policy"], rule["id"], rule["before"], rule["after"]) for f in found.flips for rule in f["rules"]}
    assert rules == {("second-look", "accurate", "pass", "fail")}
    assert Backtest.objects.get().digest == stricter(author).digest


def test_slider_gives_other_parameters(released, author):
    source = stricter(author).source
    assert backtests.preview_draft(source, actor=author, params={"floor": 0.84}).counts == {
        "pass>fail": 1,
        "pass>pass": 2,
    }
    assert backtests.preview_draft(source, actor=author, params={"floor": 0.5}).changed == 0
    error = refused("parameter", backtests.preview_draft, source, actor=author, params={"flor": 0.5})
    assert "flor" in error.message
    model = released[1].version.model.name
    assert backtests.preview_draft(source, actor=author, selection={"model": model}).total == 1
    assert backtests.preview_draft(source, actor=author, selection={"since": "2099-01-01"}).total == 0
    refused("selection", backtests.preview_draft, source, actor=author, selection={"since": "soon"})
    refused("selection", backtests.preview_draft, source, actor=author, selection={"colour": "red"})


def test_preview_sees_only_what_the_person_may(released, author):
    outsider = people.person("risk", people.team("clinic"))
    assert backtests.preview_draft(stricter(author).source, actor=outsider).total == 0


def test_backtest_job_and_shadow_mode(released, author, run_jobs):
    row = stricter(author)
    job = backtests.start_backtest(row, actor=author)
    assert backtests.start_backtest(row, actor=author).pk == job.pk
    run_jobs()
    job.refresh_from_db()
    assert job.result["counts"] == {"pass>fail": 2, "pass>pass": 1}
    drafts.set_shadow(row, actor=author, on=True)
    [made] = backtests.run_shadow(released[2].decision)
    assert (made.before, made.after, made.rules[0]["id"]) == ("pass", "fail", "accurate")
    assert backtests.run_shadow(released[2].decision) == [made]
    row.refresh_from_db()
    drafts.set_shadow(row, actor=author, on=False)
    assert backtests.run_shadow(released[1].decision) == []


def test_shadow_runs_beside_live_decisions(author, owner, run_jobs):
    governance.second_look(author)
    row = stricter(author)
    drafts.set_shadow(row, actor=author, on=True)
    release = governance.release_in_review(version=governance.ready_version(governance.cast(), accuracy=0.85))
    entry = LedgerEntry.objects.get(event="governance:decision:made")
    backtests.enqueue_shadow(int(entry.subject_id))
    run_jobs()
    assert [(one.decision_id, one.after) for one in row.shadow_results.all()] == [(release.decision_id, "fail")]
    release.refresh_from_db()
    assert release.decision.verdict == "pass"
    assert json.loads(release.decision.result_text)["verdict"] == "pass"


def test_check_as_you_type():
    assert check_source(SOURCE).failing == 0
    broken = check_source(SOURCE.replace("m.value >=", "m.valu >="))
    assert broken.problems[0]["line"] > 1
    assert "^" in broken.problems[0]["caret"]
