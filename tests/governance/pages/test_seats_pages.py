"""Pages of seats: the opinion in the form, deputies, standing back, the class, committees."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from governance.models import Approval, Delegation, Recusal, Release, Sitting
from tests.factories import governance, people
from tests.governance.house import House
from tests.governance.pages.test_deciding import send
from tests.governance.test_seats import SEATED

pytestmark = pytest.mark.django_db


def page(client, release) -> str:
    return client.get(reverse("release", kwargs={"number": release.pk})).content.decode()


def test_validation_gives_its_opinion(as_user):
    house = House()
    release = house.release()
    client = as_user(house["validator"])
    shown = page(client, release)
    assert 'name="opinion"' in shown
    assert "a model of the high tier is validated" in shown
    odd = send(client, release, choice="approve", opinion="not_fit")
    assert odd.status_code == 422
    assert "What is not fit is not approved." in odd.content.decode()
    send(client, release, choice="changes", reason="Blind to the old.", opinion="not_fit")
    assert Approval.objects.get().opinion == "not_fit"
    assert "Not fit" in page(client, release)


def test_self_approval_and_author_are_refused_in_words(as_user):
    house = House()
    author = people.person("fairness", house.team)
    governance.publish(SEATED.replace("SEATS", "[fairness]"), author=author)
    release = house.release()
    assert "You wrote seated 1, which asks this seat" in page(as_user(author), release)
    assert "You requested this release" in page(as_user(house["model_owner"]), release)


def test_deputy_is_named_on_a_page_and_ended(as_user):
    house = House()
    deputy = people.person("risk", house.team)
    client = as_user(house["validator"])
    until = timezone.now() + timedelta(days=3)
    data = {
        "deputy": deputy.pk,
        "role": "validator",
        "scope": f"team:{house.team.pk}",
        "until": until.strftime("%Y-%m-%dT%H:%M"),
        "reason": "Holiday.",
    }
    assert client.get(reverse("delegation-new")).status_code == 200
    assert client.post(reverse("delegation-new"), data | {"until": ""}).status_code == 422
    assert client.post(reverse("delegation-new"), data).status_code == 303
    row = Delegation.objects.get()
    assert str(deputy) in client.get(reverse("delegations")).content.decode()
    release = house.release()
    assert f"{deputy} (for {row.giver})" in page(client, release)
    send(as_user(deputy), release, choice="approve")
    assert "in place of" in page(client, release)
    client.post(reverse("delegation-revoke", kwargs={"pk": row.pk}))
    row.refresh_from_db()
    assert row.revoked_by == row.giver
    assert "ended by" in client.get(reverse("delegations")).content.decode()


def test_standing_back_is_shown_beside_the_seat(as_user):
    house = House()
    release = house.release()
    client = as_user(house["validator"])
    url = reverse("release-recuse", kwargs={"number": release.pk})
    assert url in page(client, release)
    assert client.post(url, {"role": "validator", "reason": ""}).status_code == 422
    assert client.post(url, {"role": "validator", "reason": "I know them."}).status_code == 303
    assert Recusal.objects.get().reason == "I know them."
    shown = page(client, release)
    assert "stood back" in shown
    assert "I know them." in shown


def test_class_is_shown_and_lowered(as_user):
    house = House()
    send(as_user(house["validator"]), house.release(), choice="approve")
    release = house.release("2.0.0", accuracy=0.95)
    client = as_user(house["validator"])
    assert "Difference to what is live" in page(client, release)
    url = reverse("release-class", kwargs={"number": release.pk})
    assert "substantial modification" in client.get(url).content.decode()
    assert client.post(url, {"level": "minor", "reason": "Noise."}).status_code == 303
    assert "computed: material" in page(client, release)


def test_committee_sits_on_pages(as_user):
    house = House()
    governance.publish(SEATED.replace("SEATS", "[{role: risk, committee: {quorum: 2}}]"))
    release = house.release()
    send(as_user(house["validator"]), release, choice="approve")
    first, second = people.person("risk", house.team), people.person("risk", house.team)
    chair = as_user(first)
    url = reverse("sitting-new", kwargs={"number": release.pk})
    assert url in page(chair, release)
    form = chair.get(url).content.decode()
    release.refresh_from_db()
    assert release.decision.digest in form
    data = {"role": "risk", "agenda": "It.", "members": [second.pk], "decision_digest": release.decision.digest}
    assert chair.post(url, data | {"members": []}).status_code == 422
    assert chair.post(url, data).status_code == 303
    pk = Sitting.objects.get().pk
    vote, close = (reverse(name, kwargs={"pk": pk}) for name in ("sitting-vote", "sitting-close"))
    for person in (first, second):
        client = as_user(person)
        assert client.get(vote).status_code == 200
        assert client.post(vote, {"choice": "yes", "reason": "Good."}).status_code == 303
        assert client.post(vote, {"choice": "yes", "reason": "Good."}).status_code == 409
    digest = hashlib.sha256(b"minutes").hexdigest()
    assert as_user(first).post(close, {"choice": "approve", "minutes_digest": digest}).status_code == 303
    shown = as_user(house["auditor"]).get(reverse("sitting", kwargs={"pk": pk})).content.decode()
    assert "The sitting is closed: 2 of the 2 votes" in shown
    assert Release.objects.get(pk=release.pk).state == "live"
