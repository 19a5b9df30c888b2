"""A release's page stays true while it is read: 304 for nothing new, the changed parts else."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.models import Release
from governance.pulse import pulse
from governance.services.releases import assess_release
from portal.accounts.models import User
from portal.jobs.services import enqueue
from tests.factories import catalog, governance, people

pytestmark = pytest.mark.django_db


@pytest.fixture
def who():
    return governance.cast()


@pytest.fixture
def release(who):
    return governance.release_in_review(who)


def address(release):
    return f"/releases/R-{release.pk}/live/"


def test_nothing_new_is_304_for_two_queries_of_its_own(who, release, as_user):
    browser = as_user(who.reviewers["validator"])
    first = browser.get(address(release))
    assert first.status_code == 200
    tag = first["ETag"]
    assert tag in browser.get(f"/releases/R-{release.pk}/").content.decode().replace("&quot;", '"')
    again = browser.get(address(release), HTTP_IF_NONE_MATCH=tag)
    assert again.status_code == 304
    assert again.content == b""
    assert again["ETag"] == tag
    assert browser.get(address(release), HTTP_IF_NONE_MATCH=f"W/{tag}").status_code == 304
    actor = User.objects.get(pk=who.reviewers["validator"].pk)
    with CaptureQueriesContext(connection) as seen:
        pulse(actor, release.pk)
    assert len(seen) <= 2


def test_decision_of_somebody_else_appears(who, release, as_user):
    browser = as_user(who.reviewers["fairness"])
    tag = browser.get(address(release))["ETag"]
    governance.decide(release, who.reviewers["validator"], "validator", reason="Looks right to me.")
    changed = browser.get(address(release), HTTP_IF_NONE_MATCH=tag)
    assert changed.status_code == 200
    assert changed["ETag"] != tag
    text = changed.content.decode()
    assert "Looks right to me." in text
    assert 'hx-swap-oob="innerHTML"' in text
    assert "<html" not in text


def test_change_of_state_job_and_new_facts_appear(who, release):
    actor = who.reviewers["validator"]
    seen = {pulse(actor, release.pk)}

    def fresh():
        tag = pulse(User.objects.get(pk=actor.pk), release.pk)
        assert tag not in seen
        seen.add(tag)

    job = enqueue("governance:reassess", payload={"release": release.pk}, actor=None, subject=release)
    fresh()
    type(job).objects.filter(pk=job.pk).update(state="done")
    fresh()
    catalog.metrics(release.version, accuracy=0.87)
    assess_release(release)
    fresh()
    for role, person in who.reviewers.items():
        governance.decide(release, person, role)
        fresh()
    assert Release.objects.get(pk=release.pk).state == "live"


def test_tag_is_of_the_reader(who, release):
    one, other = who.reviewers["validator"], who.reviewers["fairness"]
    assert pulse(one, release.pk) != pulse(other, release.pk)


def test_stranger_gets_nothing(release, as_user):
    stranger = people.person("developer", people.team("clinic"))
    assert pulse(stranger, release.pk) == ""
    assert as_user(stranger).get(address(release)).status_code == 404
