"""Pages and API of notices: what one is told, webhooks, deliveries, replays."""

import json

import pytest
from django.test import Client

from portal.notices import outbox, sending, services
from portal.notices.choices import State
from portal.notices.models import Delivery, Preference, Webhook
from tests.factories import people
from tests.portal.notices.conftest import TYPE, settle

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(admin, as_user):
    return as_user(admin)


@pytest.fixture
def api(admin):
    token = people.token(admin)

    def call(method, path, body=None):
        data = json.dumps(body) if body is not None else ""
        headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
        return Client().generic(method, f"/api/v1/{path}", data, content_type="application/json", **headers)

    return call


def dead(hook, probe, receiver):
    probe()
    outbox.gather()
    receiver.mode = 500
    sending.run_due()
    Delivery.objects.update(state=State.DEAD)
    receiver.mode = 200
    return Delivery.objects.get()


def test_new_webhook_shows_its_secret_once(browser, receiver):
    answer = browser.post("/webhooks/new/", {"name": "Chat", "url": receiver.url, "team": ""})
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert "whsec_" in answer.content.decode()
    row = Webhook.objects.get()
    page = browser.get(f"/webhooks/{row.uuid}/").content.decode()
    assert "whsec_" not in page
    assert "nothing was given up" in page


def test_address_inside_comes_back_with_the_reason(browser, settings):
    settings.WEBHOOK_NETWORKS = []
    answer = browser.post("/webhooks/new/", {"name": "Inside", "url": "http://10.0.0.1/", "team": ""})
    assert answer.status_code == 422
    assert "inside this network" in answer.content.decode()
    assert not Webhook.objects.exists()


def test_lists_say_what_needs_somebody(browser, hook, probe, receiver):
    assert "everything arrives" in browser.get("/webhooks/").content.decode()
    row = dead(hook, probe, receiver)
    page = browser.get("/webhooks/").content.decode()
    assert "needs you" in page
    for path in ("/webhooks/deliveries/", "/webhooks/deliveries/?state=dead", f"/webhooks/{hook.uuid}/"):
        assert "It rang" in browser.get(path).content.decode()
    assert "No delivery here" in browser.get("/webhooks/deliveries/?state=sent&page=0").content.decode()
    page = browser.get(f"/webhooks/deliveries/{row.pk}/").content.decode()
    assert "Given up" in page
    assert row.notice.message_id in page


@pytest.mark.parametrize("act", ["test", "rotate", "off", "on", "replay", "odd"])
def test_acts(browser, hook, probe, receiver, act):
    dead(hook, probe, receiver)
    settle()
    answer = browser.post(f"/webhooks/{hook.uuid}/act/", {"act": act}, follow=True)
    assert answer.status_code == 200
    row = Webhook.objects.get()
    assert row.enabled == (act != "off")
    assert ("whsec_" in answer.content.decode()) == (act == "rotate")
    assert Delivery.objects.filter(state=State.QUEUED).count() == (act in ("test", "replay"))


def test_one_is_sent_again_from_its_page(browser, hook, probe, receiver):
    row = dead(hook, probe, receiver)
    browser.post(f"/webhooks/deliveries/{row.pk}/replay/")
    sending.run_due()
    assert Delivery.objects.get().state == State.SENT
    assert len(set(receiver.ids)) == 1


def test_change(browser, hook, receiver):
    browser.post(f"/webhooks/{hook.uuid}/", {"name": "Pager", "url": receiver.url, "events": [TYPE]})
    row = Webhook.objects.get()
    assert (row.name, row.events) == ("Pager", [TYPE])


def test_preferences_are_kept(as_user, probe):
    person = people.person("validator")
    browser = as_user(person)
    page = browser.get("/account/notices/").content.decode()
    assert "No e-mail is sent" in page
    answer = browser.post("/account/notices/", {"mail": "on", "wanted": ["release.needs_you"]})
    assert answer.status_code == 303
    row = Preference.objects.get(user=person)
    assert row.mail
    assert "release.needs_you" not in row.muted
    assert "release.live" in row.muted
    assert browser.post("/account/notices/", {"wanted": ["no.such"]}).status_code == 422


def test_api_from_new_to_replay(api, probe, receiver):
    made = api("POST", "webhooks", {"name": "CI", "url": receiver.url, "events": [TYPE]})
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    key = made.json()["id"]
    settle()
    assert "secret" not in api("GET", f"webhooks/{key}").json()
    assert api("PATCH", f"webhooks/{key}", {"name": "CI 2"}).json()["name"] == "CI 2"
    settle()
    fresh = api("POST", f"webhooks/{key}/rotate").json()["secret"]
    assert fresh != made.json()["secret"]
    settle()
    assert api("POST", f"webhooks/{key}/test").status_code == 202
    settle()
    receiver.mode = 500
    sending.run_due()
    Delivery.objects.update(state=State.DEAD)
    [row] = api("GET", f"webhooks/{key}/deliveries?state=dead").json()["results"]
    assert row["tries"][0]["status"] == 500
    assert api("POST", f"webhooks/{key}/replay").json() == {"replayed": 1}
    assert api("POST", f"deliveries/{row['id']}/replay").status_code == 409
    assert api("PATCH", f"webhooks/{key}", {"enabled": False}).json()["enabled"] is False
    assert api("POST", f"webhooks/{key}/replay").status_code == 409
    assert api("GET", "webhooks").json()["results"][0]["dead"] == 1


@pytest.mark.parametrize(
    "body", [{}, {"name": "x", "url": "http://10.0.0.1"}, {"name": "x", "url": "https://a.b", "events": ["no"]}]
)
def test_api_refuses_with_the_field(api, body):
    answer = api("POST", "webhooks", body)
    assert answer.status_code in (400, 422)
    assert answer["Content-Type"].startswith("application/problem+json")


def test_one_of_another_role_sees_nothing_of_it(as_user, hook):
    browser = as_user(people.person("compliance"))
    assert browser.get(f"/webhooks/{hook.uuid}/").status_code == 403
    assert services.Webhook.objects.count() == 1
