"""The releases on a model's page: what is live where, what is open and waits for whom, what ended."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.services.releases import assess_release, withdraw_release
from tests.factories import people
from tests.governance.house import House
from tests.governance.pages.test_release_page import decide

pytestmark = pytest.mark.django_db


def page(client, house):
    answer = client.get(reverse("model", kwargs={"name": house.model.name}))
    assert answer.status_code == 200
    text = answer.content.decode()
    return text[text.index('id="releases"') :] if 'id="releases"' in text else ""


def test_live_open_and_ended(as_user):
    house = House()
    live = house.release("1.0.0", 0.9)
    decide(house, live, "validator")
    house.release("2.0.0", 0.75)
    house.release("3.0.0", 0.5)
    gone = house.release("4.0.0", 0.9)
    withdraw_release(gone, actor=house["model_owner"])
    text = page(as_user(house["viewer"]), house)
    assert "Every approval is for the facts that hold now." in text
    assert "Waits for the validator and the fairness reviewer." in text
    assert "Accuracy is under 0.80." in text
    assert "Withdrawn" in text
    places = [text.index(f">{version}</a>") for version in ("1.0.0", "3.0.0", "2.0.0", "4.0.0")]
    assert places == sorted(places)
    assert f"{reverse('releases')}?q=model:{house.model.name}" in text


def test_nothing_yet(as_user):
    house = House()
    assert "No release was asked for yet." in page(as_user(house["viewer"]), house)


def test_a_stale_approval_is_flagged(as_user):
    house = House()
    release = house.release("1.0.0", 0.9)
    decide(house, release, "validator")
    house.measure(release.version, 0.91)
    release.refresh_from_db()
    assess_release(release)
    assert "an approval that no longer counts" in page(as_user(house["viewer"]), house)


def test_who_may_not_read_releases_sees_no_panel(as_user):
    house = House()
    stranger = people.person("validator", people.team("clinic"))
    answer = as_user(stranger).get(reverse("model", kwargs={"name": house.model.name}))
    assert answer.status_code == 404


def test_the_number_of_queries_does_not_grow(as_user):
    house = House()
    client = as_user(house["viewer"])
    house.release("1.0.0", 0.75)
    decide(house, house.release("1.1.0", 0.9), "validator")

    def cost():
        page(client, house)
        with CaptureQueriesContext(connection) as queries:
            page(client, house)
        return len(queries)

    few = cost()
    for number in range(2, 6):
        house.release(f"{number}.0.0", 0.75)
        decide(house, house.release(f"{number}.1.0", 0.9), "validator")
    assert cost() == few
