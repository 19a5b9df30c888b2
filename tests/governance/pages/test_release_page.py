"""The page of a release: what it says to whom, in every state, and how many queries it costs."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.choices import DecisionChoice
from governance.services.approvals import decide_release
from governance.services.releases import assess_release, withdraw_release
from tests.factories import people
from tests.governance.house import House

pytestmark = pytest.mark.django_db


def chosen(text):
    """The choices that the page has selected."""
    return re.findall(r'name="choice"[^>]* checked', text)


def page(client, release, status=200):
    answer = client.get(reverse("release", kwargs={"number": release.pk}))
    assert answer.status_code == status
    return answer.content.decode()


def test_first_line_asks_the_one_who_must_decide(as_user):
    house = House()
    release = house.release(accuracy=0.75, words="A first release.")
    text = page(as_user(house["fairness"]), release)
    assert "Waiting for you, the fairness reviewer" in text
    assert "After you, the validator must still decide." in text
    assert "Accuracy is under 0.80." in text
    assert "A first release." in text
    assert 'name="decision_digest" value="' + release.decision.digest in text


def test_nothing_is_preselected(as_user):
    house = House()
    text = page(as_user(house["validator"]), house.release())
    assert text.count('name="choice"') == 4
    assert not chosen(text)


@pytest.mark.parametrize("role", ["viewer", "auditor", "developer", "model_owner"])
def test_who_may_not_decide_sees_why_and_who_may(as_user, role):
    house = House()
    text = page(as_user(house[role]), house.release())
    assert 'name="choice"' not in text
    assert "You cannot decide on this release" in text
    assert str(house["validator"]) in text


def test_order_of_the_page(as_user):
    house = House()
    old = house.release("1.0.0", 0.95)
    decide(house, old, "validator")
    release = house.release("2.0.0", 0.75)
    text = page(as_user(house["validator"]), release)
    marks = [
        "Waiting for you",
        "In the requester",
        'id="changes"',
        'id="gates"',
        'id="worse"',
        'id="decide"',
        'id="evidence"',
    ]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert "0.950" in text
    assert "0.930 to 0.970" in text
    assert "−0.200 worse" in text


def decide(house, release, role, choice=DecisionChoice.APPROVE, reason="", conditions=()):
    release.refresh_from_db()
    return decide_release(
        release,
        actor=house[role],
        role=role,
        choice=choice,
        decision_digest=release.decision.digest,
        reason=reason,
        conditions=conditions,
    )


def test_refused_release_says_so_and_offers_no_form(as_user):
    house = House()
    text = page(as_user(house["validator"]), house.release(accuracy=0.5))
    assert "Refused by a gate" in text
    assert 'class="gate block"' in text
    assert 'name="choice"' not in text


def test_missing_fact_names_the_way_to_supply_it(as_user):
    house = House()
    text = page(as_user(house["developer"]), house.release(accuracy=None))
    assert "Cannot conclude" in text
    assert "To supply it:" in text
    assert "metrics" in text


def test_live_withdrawn_and_superseded(as_user):
    house = House()
    client = as_user(house["viewer"])
    first = house.release("1.0.0", 0.9)
    decide(house, first, "validator")
    assert f"Live at {house.endpoint.name}" in page(client, first)
    second = house.release("2.0.0", 0.91)
    decide(house, second, "validator")
    assert "Superseded" in page(client, first)
    third = house.release("3.0.0", 0.92)
    withdraw_release(third, actor=house["model_owner"])
    assert "Withdrawn" in page(client, third)


def test_rejection_and_asked_changes_name_who(as_user):
    house = House()
    client = as_user(house["viewer"])
    first, second = house.release("1.0.0", 0.9), house.release("2.0.0", 0.9)
    decide(house, first, "validator", DecisionChoice.REJECT, "Not measured on our data.")
    decide(house, second, "validator", DecisionChoice.CHANGES, "Measure it on our data.")
    assert f"Rejected by {house['validator']}" in page(client, first)
    text = page(client, second)
    assert f"Changes asked by {house['validator']}" in text
    assert "Measure it on our data." in text


def test_stale_approval_shows_what_changed(as_user):
    house = House()
    release = house.release(accuracy=0.75)
    decide(house, release, "validator")
    house.measure(release.version, 0.76)
    assess_release(release)
    text = page(as_user(house["fairness"]), release)
    assert "No longer counts" in text
    assert "0.75" in text
    assert "0.76" in text


def test_other_team_sees_nothing(as_user):
    house = House()
    release = house.release()
    stranger = people.person("validator", people.team("clinic"))
    page(as_user(stranger), release, status=404)
    page(as_user(house["viewer"]), type("Gone", (), {"pk": 10**9}), status=404)


@pytest.mark.parametrize("role", ["fairness", "viewer", "model_owner"])
def test_release_page_costs_at_most_20_queries(as_user, role):
    house = House()
    decide(house, house.release("1.0.0", 0.9), "validator")
    release = house.release("2.0.0", 0.75)
    decide(house, release, "validator")
    client = as_user(house[role])
    page(client, release)
    with CaptureQueriesContext(connection) as queries:
        page(client, release)
    assert len(queries) <= 20, "\n".join(row["sql"][:300] for row in queries.captured_queries)


def test_the_decision_is_one_tap_away_and_the_rest_is_folded(as_user):
    house = House()
    decide(house, house.release("1.0.0", 0.9), "validator")
    text = page(as_user(house["validator"]), house.release("2.0.0", 0.91))
    bar, form = text.index('class="dockbar'), text.index('id="decide"')
    assert text.index('href="#decide"', bar) < form, "the bar stands before the form, so it goes when that is reached"
    for heading in ('id="h-pass"', 'id="h-ev"'):
        before = text[: text.index(heading)]
        assert before.rfind("<details") > before.rfind("</details>")
    assert "<details open" not in text


def test_no_bar_where_nothing_waits(as_user):
    house = House()
    release = house.release(accuracy=0.5)
    assert "dockbar" not in page(as_user(house["validator"]), release)


def test_numbers_stand_with_interval_n_and_source(as_user):
    house = House()
    decide(house, house.release("1.0.0", 0.9), "validator")
    text = page(as_user(house["validator"]), house.release("2.0.0", 0.91))
    rows = text[text.index('id="changes"') : text.index('id="gates"')]
    assert "0.880 to 0.920" in rows
    assert "0.890 to 0.930" in rows
    assert rows.count("n 1,000") == 2
    assert rows.count('href="/evidence/') == 2
