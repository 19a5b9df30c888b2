"""The pages of a release's life: the drawing, each act's form, conditions, findings, and what is shown loudly."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from governance.models import Condition, Finding, Release
from governance.services import lifecycle, releases
from tests.factories import governance, people

pytestmark = pytest.mark.django_db


@pytest.fixture
def who():
    return governance.cast()


@pytest.fixture
def risk(who):
    return people.person("risk", who.team)


def url(name, release):
    return reverse(name, kwargs={"number": release.pk})


def shown(client, release) -> str:
    return " ".join(client.get(url("release", release)).content.decode().split())


def day(n=2) -> str:
    return (timezone.now().date() + dt.timedelta(days=n)).isoformat()


def test_page_says_where_it_is_what_comes_next_and_who_acts(who, as_user):
    release = governance.release_in_review(who)
    text = shown(as_user(who.owner), release)
    assert 'class="now" aria-current="step"' in text
    assert "What comes next" in text
    assert "The validator and the fairness reviewer" in text
    assert "The endpoint is suspended" in text
    assert url("release-hold", release) not in text


def test_acts_are_offered_to_who_may_do_them(who, risk, as_user):
    release = governance.live_release(who)
    text = shown(as_user(risk), release)
    for name in ("release-hold", "release-suspend", "release-roll-back", "condition-new", "finding-new"):
        assert url(name, release) in text
    for name in ("release-resume", "release-emergency"):
        assert url(name, release) not in text
    assert url("release-suspend", release) not in shown(as_user(who.developer), release)


@pytest.mark.parametrize(
    ("name", "state"), [("release-hold", "held"), ("release-suspend", "suspended"), ("release-roll-back", "suspended")]
)
def test_act_asks_for_a_reason_and_is_done(who, risk, as_user, name, state):
    release, client = governance.live_release(who), as_user(risk)
    assert client.get(url(name, release)).status_code == 200
    refused = client.post(url(name, release), {"reason": ""})
    assert refused.status_code == 422
    assert "Write why." in refused.content.decode()
    assert client.post(url(name, release), {"reason": "It answers wrongly."}).status_code == 303
    assert Release.objects.get(pk=release.pk).state == state
    text = shown(client, release)
    assert "It answers wrongly." in text
    assert client.post(url(name, release), {"reason": "Again."}).status_code == 409


def test_resume_from_the_page(who, risk, as_user):
    release = governance.release_in_review(who)
    lifecycle.hold(release, actor=risk, reason="Look first.")
    assert "Look first." in shown(as_user(risk), release)
    assert as_user(risk).post(url("release-resume", release), {"reason": "Fine."}).status_code == 303
    assert Release.objects.get(pk=release.pk).state == "in_review"


def test_emergency_is_declared_shown_loudly_and_reviewed(who, risk, as_user):
    release, client = governance.release_in_review(who), as_user(risk)
    assert "Let it go live now" in client.get(url("release-emergency", release)).content.decode()
    sent = client.post(url("release-emergency", release), {"role": "risk", "reason": "Customers are locked out."})
    assert sent.status_code == 303
    validator = as_user(who.reviewers["validator"])
    text = shown(validator, release)
    assert "Emergency release: it went live before its seats were filled" in text
    assert "did not approve it before it went live" in text
    assert url("release-emergency-review", release) in text
    assert "as an emergency" in validator.get(reverse("home")).content.decode()
    assert validator.get(url("release-emergency-review", release)).status_code == 200
    data = {"outcome": "upheld", "review": "It could not wait."}
    assert validator.post(url("release-emergency-review", release), data).status_code == 303
    assert "It could not wait." in shown(validator, release)


def test_review_of_no_emergency_is_not_there(who, risk, as_user):
    release = governance.release_in_review(who)
    assert as_user(risk).get(url("release-emergency-review", release)).status_code == 404


def test_condition_and_finding_from_the_page(who, risk, as_user):
    release, client = governance.live_release(who), as_user(risk)
    data = {"text": "Look.", "owner": who.developer.pk, "due_on": day(), "on_overdue": "hold", "proof_wanted": "EV"}
    assert client.post(url("condition-new", release), data).status_code == 303
    bad = client.post(url("finding-new", release), data)
    assert bad.status_code == 422
    assert "Say how bad it is." in bad.content.decode()
    assert (
        client.post(url("finding-new", release), data | {"severity": "critical", "cause": "Haste"}).status_code == 303
    )
    text = shown(client, release)
    assert "hold the release" in text
    assert "Critical: Look." in text
    assert Condition.objects.get().set_by == risk
    finding = Finding.objects.get()
    home = as_user(who.developer).get(reverse("home")).content.decode()
    assert "A critical finding on" in home
    close = reverse("finding-close", kwargs={"pk": finding.pk})
    assert client.post(close, {"proof": "Seen."}).status_code == 403
    assert as_user(who.reviewers["validator"]).get(close).status_code == 200
    assert as_user(who.reviewers["validator"]).post(close, {"proof": "Seen."}).status_code == 303


def test_draft_is_submitted_from_its_page(who, as_user):
    first = governance.release_in_review(who)
    version = governance.ready_version(who, model=first.version.model)
    from_draft = releases.request_release(version, first.endpoint, actor=who.owner, draft=True)
    client = as_user(who.owner)
    assert url("release-submit", from_draft) in shown(client, from_draft)
    assert client.post(url("release-submit", from_draft)).status_code == 303
    assert Release.objects.get(pk=from_draft.pk).state == "in_review"


def test_draft_with_a_manual_process_from_the_form(who, as_user):
    first = governance.release_in_review(who)
    version = governance.ready_version(who, model=first.version.model)
    data = {"version": version.pk, "endpoint": first.endpoint.pk, "words": "Later.", "fallback": "manual", "draft": "1"}
    client = as_user(who.owner)
    refused = client.post(reverse("release-new"), data)
    assert refused.status_code == 422
    assert "The manual process has no words." in refused.content.decode()
    assert client.post(reverse("release-new"), data | {"fallback_text": "Two clerks decide."}).status_code == 303
    made = Release.objects.get(version=version)
    assert (made.state, made.fallback) == ("draft", "manual")
    assert "Two clerks decide." in shown(client, made)
