"""Lists, requests, withdrawal, conditions, decisions, policies, menu and home panels."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from governance import nav
from governance.choices import DecisionChoice
from governance.models import Condition, Release
from governance.pages import extensions
from governance.services.approvals import ConditionDraft
from tests.governance.house import POLICY, House
from tests.governance.pages.test_release_page import decide

pytestmark = pytest.mark.django_db


def test_list_filters_from_the_address(as_user):
    house = House()
    first, second = house.release("1.0.0", 0.9), house.release("2.0.0", 0.5)
    client = as_user(house["validator"])
    for query, seen in [
        ("", {first, second}),
        ("?state=blocked", {second}),
        ("?state=mine", {first}),
        ("?state=over", set()),
        ("?q=2.0.0", {second}),
        (f"?q=model:{house.model.name} tier:high", {first, second}),
        (f"?q=R-{first.pk}", {first}),
        ("?q=nothing-like-it", set()),
        (f"?after={second.pk}", {first}),
        ("?after=rubbish&state=rubbish", {first, second}),
    ]:
        answer = client.get(reverse("releases") + query)
        assert answer.status_code == 200
        assert set(answer.context["releases"]) == seen, query
    assert "Show all releases" in client.get(reverse("releases") + "?q=nothing-like-it").content.decode()


def test_empty_list_offers_the_first_step(as_user):
    house = House()
    assert "Ask for the first release" in as_user(house["developer"]).get(reverse("releases")).content.decode()


def test_ask_for_a_release(as_user):
    house = House()
    version = house.version()
    client = as_user(house["model_owner"])
    address = reverse("release-new") + f"?version={house.model.name}/1.0.0"
    assert f'value="{version.pk}" selected' in client.get(address).content.decode()
    data = {"version": version.pk, "endpoint": house.endpoint.pk, "words": "Here it is."}
    answer = client.post(address, data)
    release = Release.objects.get()
    assert answer.status_code == 303
    assert answer["Location"] == reverse("release", kwargs={"number": release.pk})
    again = client.post(address, data)
    assert again.status_code == 409
    assert "asked for already" in again.content.decode()
    assert "Here it is." in again.content.decode()


@pytest.mark.parametrize("field", ["version", "endpoint"])
def test_asking_without_saying_what(as_user, field):
    house = House()
    data = {"version": house.version().pk, "endpoint": house.endpoint.pk} | {field: "999999"}
    answer = as_user(house["model_owner"]).post(reverse("release-new"), data)
    assert answer.status_code == 422
    assert "from the list" in answer.content.decode()
    assert not Release.objects.exists()


def test_withdraw(as_user):
    house = House()
    release = house.release()
    address = reverse("release-withdraw", kwargs={"number": release.pk})
    assert as_user(house["viewer"]).get(address).status_code == 403
    client = as_user(house["model_owner"])
    assert client.get(address).status_code == 200
    assert client.post(address, {"reason": "Wrong version."}).status_code == 303
    assert Release.objects.get().state == "withdrawn"
    again = client.post(address, {"reason": "Wrong version."})
    assert again.status_code == 409
    assert "Wrong version." in again.content.decode()


def test_close_a_condition(as_user):
    house = House()
    release = house.release()
    draft = ConditionDraft("Measure again.", house["developer"], (timezone.now() + dt.timedelta(days=9)).date())
    decide(house, release, "validator", DecisionChoice.CONDITIONS, "So be it.", [draft])
    condition = Condition.objects.get()
    address = reverse("condition-close", kwargs={"pk": condition.pk})
    assert "Measure again." in as_user(house["viewer"]).get(address).content.decode()
    refused = as_user(house["developer"]).post(address, {"proof": "Trust me."})
    assert refused.status_code == 403
    assert "Trust me." in refused.content.decode()
    client = as_user(house["validator"])
    assert client.post(address, {"proof": ""}).status_code == 422
    assert client.post(address, {"proof": "EV-1"}).status_code == 303
    assert Condition.objects.get().state == "closed"
    assert client.get(reverse("condition-close", kwargs={"pk": 10**9})).status_code == 404


def test_decision_page_and_its_bytes(as_user):
    house = House()
    decision = house.release().decision
    client = as_user(house["auditor"])
    text = client.get(reverse("decision", kwargs={"number": decision.pk})).content.decode()
    assert f"replay_decision {decision.public_id}" in text
    assert decision.digest in text
    result = client.get(reverse("decision-result", kwargs={"number": decision.pk}))
    facts = client.get(reverse("decision-facts", kwargs={"number": decision.pk}))
    assert hashlib.sha256(result.content).hexdigest() == decision.digest
    assert hashlib.sha256(facts.content).hexdigest() == decision.facts_digest
    assert "attachment" in facts["Content-Disposition"]
    assert client.get(reverse("decision", kwargs={"number": 10**9})).status_code == 404


def test_policies_and_one_policy(as_user):
    house = House()
    client = as_user(house["viewer"])
    assert "accuracy-floor" in client.get(reverse("policies")).content.decode()
    text = client.get(reverse("policy", kwargs={"name": "accuracy-floor"})).content.decode()
    for piece in ("Accuracy reaches the floor", "eu-ai-act/15.1", 'id="L3"', "floor", "good"):
        assert piece in text
    source = client.get(reverse("policy-source", kwargs={"name": "accuracy-floor"}))
    assert source.content.decode() == POLICY
    assert client.get(reverse("policy", kwargs={"name": "nothing"})).status_code == 404
    assert client.get(reverse("policy", kwargs={"name": "accuracy-floor"}) + "?version=77").status_code == 404
    assert as_user(house["admin"]).get(reverse("policies")).status_code == 403


def test_menu_and_home_panels():
    house = House()
    waiting, blocked = house.release("1.0.0", 0.9), house.release("2.0.0", 0.5)
    request = RequestFactory().get("/")
    request.user = house["validator"]
    assert nav.waiting_count(request.user) == 1
    panel = nav.decide_panel(request)
    assert panel is not None
    assert panel.context["releases"] == [waiting]
    assert panel.says == "One decision waits for you."
    refused = nav.refused_panel(request)
    assert refused is not None
    assert refused.context["releases"] == [blocked]
    request.user = house["model_owner"]
    assert nav.decide_panel(request) is None
    renew = nav.renew_panel(request)
    assert renew is not None
    assert [row["number"] for row in renew.context["rows"]] == [blocked.public_id]
    request.user = house["admin"]
    assert nav.renew_panel(request) is None
    assert nav.refused_panel(request) is None


def test_panels_of_other_apps(as_user):
    house = House()
    release = house.release()

    def panel(request, release):
        return "governance/parts/words.html", {"told": release.pk}

    extensions.register(panel)
    extensions.register(panel)
    try:
        request = RequestFactory().get("/")
        request.user = house["viewer"]
        found = extensions.extensions(request, release)
        assert [one.context for one in found if one.template == "governance/parts/words.html"] == [{"told": release.pk}]
    finally:
        extensions._functions.remove(panel)
