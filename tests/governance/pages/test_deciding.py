"""Deciding from the page: what is recorded, what is refused, and that nothing typed is lost."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from governance.choices import DecisionChoice
from governance.models import Approval, Condition, Release
from portal.accounts.services import end_membership, grant_role
from tests.governance.house import House
from tests.governance.pages.test_release_page import chosen, decide

pytestmark = pytest.mark.django_db


def send(client, release, follow=False, **fields):
    release.refresh_from_db()
    data = {"decision_digest": release.decision.digest, "role": "validator"} | fields
    return client.post(reverse("release-decide", kwargs={"number": release.pk}), data, follow=follow)


def test_approval_goes_live(as_user):
    house = House()
    release = house.release()
    answer = send(as_user(house["validator"]), release, follow=True, choice="approve", reason="Measured by us too.")
    assert answer.status_code == 200
    assert "Your approval is recorded." in answer.content.decode()
    approval = Approval.objects.get(release=release)
    assert (approval.choice, approval.reason, approval.person) == ("approve", "Measured by us too.", house["validator"])
    assert Release.objects.get(pk=release.pk).state == "live"


def test_conditions_are_kept_with_owner_and_day(as_user):
    house = House()
    release = house.release()
    due = (timezone.now() + dt.timedelta(days=30)).date()
    answer = send(
        as_user(house["validator"]),
        release,
        choice="conditions",
        reason="Good enough for now.",
        **{
            "conditions-0-text": "Measure it again.",
            "conditions-0-owner": str(house["developer"].pk),
            "conditions-0-due_on": due.isoformat(),
        },
    )
    assert answer.status_code == 302
    condition = Condition.objects.get(release=release)
    assert (condition.text, condition.owner, condition.due_on) == ("Measure it again.", house["developer"], due)


BAD = [
    ({}, "Choose what you decide."),
    ({"choice": "maybe"}, "Choose one of the four decisions."),
    ({"choice": "reject", "reason": ""}, "Write why."),
    ({"choice": "conditions", "reason": "x"}, "Write at least one condition"),
    ({"choice": "conditions", "reason": "x", "conditions-0-text": "Do it."}, "A condition is not complete."),
    (
        {"choice": "conditions", "reason": "x", "conditions-1-text": "Do it.", "conditions-1-due_on": "1999-01-01"},
        "A condition is not complete.",
    ),
    ({"choice": "approve", "decision_digest": ""}, "The page sent no decision digest."),
    ({"choice": "approve", "reason": "x" * 4001}, "at most 4000 characters"),
    ({"choice": "approve", "role": "emperor"}, "Select a valid choice"),
]


@pytest.mark.parametrize(("fields", "message"), BAD)
def test_bad_input_says_what_is_wrong_and_keeps_the_text(as_user, fields, message):
    house = House()
    release = house.release()
    answer = send(as_user(house["validator"]), release, **{"reason": "My long thought."} | fields)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert message in text
    assert fields.get("reason", "My long thought.")[:100] in text
    assert not Approval.objects.exists()


def test_somebody_decided_first_keeps_the_text_and_asks_again(as_user):
    house = House()
    release = house.release(accuracy=0.75)
    digest = release.decision.digest
    house.measure(release.version, 0.76)
    answer = send(as_user(house["validator"]), release, choice="approve", decision_digest=digest, reason="Looks right.")
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "this page was out of date" in text
    assert "Looks right." in text
    assert not chosen(text)
    fresh = Release.objects.get(pk=release.pk)
    assert fresh.decision.digest != digest
    assert fresh.decision.digest in text
    assert not Approval.objects.exists()


def test_rejected_meanwhile_shows_what_was_typed(as_user):
    house = House()
    release = house.release(accuracy=0.75)
    decide(house, release, "fairness", DecisionChoice.REJECT, "No.")
    answer = send(as_user(house["validator"]), release, choice="approve", reason="I had a thought.")
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "I had a thought." in text
    assert "Rejected by" in text


def test_requester_is_refused_with_the_reason(as_user):
    house = House()
    release = house.release()
    end_membership(house["model_owner"].memberships.get(), actor=None)
    grant_role(house["model_owner"], role="validator", team=house.team, actor=None)
    answer = send(as_user(house["model_owner"]), release, choice="approve")
    assert answer.status_code == 403
    assert "You requested this release" in answer.content.decode()
    assert not Approval.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "auditor", "developer", "admin"])
def test_roles_without_the_permission_are_refused(as_user, role):
    house = House()
    release = house.release()
    assert send(as_user(house[role]), release, choice="approve").status_code == 403


def test_log_in_again_comes_back_to_the_page(as_user, client):
    house = House()
    release = house.release()
    address = reverse("release-decide", kwargs={"number": release.pk})
    lost = client.post(address, "reason=A+long+thought.", content_type="application/x-www-form-urlencoded")
    assert lost.status_code == 403
    assert "A long thought." in lost.content.decode()
    answer = as_user(house["validator"]).get(address)
    assert answer["Location"] == reverse("release", kwargs={"number": release.pk})
