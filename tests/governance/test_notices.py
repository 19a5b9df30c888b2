"""What is told of releases, conditions and policy drafts: to whom, and nothing that somebody typed."""

import datetime as dt
import json

import pytest

from governance.services import drafts
from governance.services.approvals import ConditionDraft
from governance.services.overdue import flag_overdue
from governance.services.releases import assess_release, withdraw_release
from portal.accounts.models import User
from portal.ledger.models import LedgerEntry
from portal.notices import outbox
from portal.notices.choices import Channel
from portal.notices.models import Delivery, Notice
from tests.factories import catalog, governance, people
from tests.governance import house
from tests.portal.notices.conftest import number

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def with_mail(settings):
    settings.MAIL_ENABLED = True


@pytest.fixture
def who():
    return governance.cast()


def told():
    """Everybody has an address; what happened is read from the log; {type: people told by e-mail}."""
    for user in User.objects.filter(email=""):
        User.objects.filter(pk=user.pk).update(email=f"{user.username}@example.com")
    Notice.objects.all().delete()
    number(LedgerEntry.objects.order_by("-pk").first())
    while outbox.gather() == outbox.BATCH:
        pass
    found = {notice.type: set() for notice in Notice.objects.all()}
    for row in Delivery.objects.filter(channel=Channel.MAIL).select_related("notice", "person"):
        found[row.notice.type].add(row.person)
    return found


def test_deciders_are_told_that_they_are_needed(who):
    told()
    release = governance.release_in_review(who, words="A secret reason")
    found = told()
    assert found["release.asked"] == set()
    assert found["release.needs_you"] >= {*who.reviewers.values(), *who.second.values()}
    assert not found["release.needs_you"] & {who.owner, who.developer, who.compliance}
    notice = Notice.objects.get(type="release.needs_you")
    data = json.loads(notice.body)["data"]
    assert data["release"] == release.public_id
    assert set(data["seats"]) == {"validator", "fairness"}
    assert data["url"].endswith(f"/releases/R-{release.pk}/")
    assert not any("secret reason" in row.body + row.title + row.text for row in Notice.objects.all())


def test_requester_is_told_of_decisions_and_that_it_is_live(who):
    release = governance.release_in_review(who)
    told()
    governance.decide(release, who.reviewers["validator"], "validator")
    assert told()["release.decided"] == {who.owner}
    governance.decide(release, who.reviewers["fairness"], "fairness")
    found = told()
    assert found["release.decided"] == {who.owner}
    # Who made it live by the last approval knows it.
    assert found["release.live"] == {who.owner, who.reviewers["validator"]}


def test_refused_by_a_gate_goes_to_who_asked(who):
    governance.published()
    told()
    version = governance.ready_version(who, accuracy=0.1)
    governance.release_in_review(who, version=version)
    found = told()
    assert "release.needs_you" not in found
    # Who asked saw it refused at once.
    assert found["release.refused"] == set()


def test_stale_goes_to_who_approved(who):
    release = governance.live_release(who)
    told()
    catalog.metrics(release.version, accuracy=0.86)
    assess_release(release)
    found = told()
    # The fairness reviewer's rules do not read what changed: that seat is not asked again.
    assert found["release.stale"] == {who.owner, who.reviewers["validator"]}
    data = json.loads(Notice.objects.get(type="release.stale").body)["data"]
    assert any("accuracy" in path for path in data["changed"])


def test_withdrawn_is_told(who):
    release = governance.release_in_review(who)
    governance.decide(release, who.reviewers["validator"], "validator")
    told()
    withdraw_release(release, actor=who.owner, reason="private words")
    assert told()["release.moved"] == {who.reviewers["validator"]}
    assert "private words" not in Notice.objects.get(type="release.moved").body


def test_overdue_condition_goes_to_owner_and_setter(who, monkeypatch):
    release = governance.release_in_review(who)
    validator = who.reviewers["validator"]
    due = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    condition = ConditionDraft("Do the secret thing", who.developer, due)
    governance.decide(release, validator, "validator", "conditions", conditions=[condition])
    told()
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=3)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    flag_overdue()
    assert told()["condition.overdue"] == {who.developer, validator}
    assert "secret thing" not in Notice.objects.get(type="condition.overdue").body


def test_policy_draft_goes_to_its_owners():
    author = people.person("risk")
    owner, other = people.person("validator"), people.person("developer")
    people.person("fairness")
    draft = drafts.begin_draft(house.POLICY, actor=author)
    told()
    drafts.propose_draft(draft, actor=author, reason="For a test.")
    found = told()["policy.waits"]
    assert owner in found
    assert not found & {author, other}
