"""The API of a release's life: drafts, fallbacks, hold, suspend, roll back, emergency, conditions, findings, rules."""

import datetime as dt
import json

import pytest
from django.utils import timezone

from tests.factories import governance, people
from tests.governance.api.test_api import Api, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def who():
    return governance.cast()


@pytest.fixture
def risk(who):
    return Api(people.person("risk", who.team))


def put(api, path, body):
    return api.client.put(f"/api/v1{path}", json.dumps(body), content_type="application/json")


def day(n=2) -> str:
    return (timezone.now().date() + dt.timedelta(days=n)).isoformat()


def test_draft_with_a_manual_fallback_is_asked_for(who):
    first = governance.release_in_review(who)
    owner = Api(who.owner)
    body = {
        "model": first.version.model.name,
        "version": governance.ready_version(who, model=first.version.model).version,
        "endpoint": first.endpoint.name,
        "fallback": {"kind": "manual", "text": "Two clerks decide on paper."},
        "valid_until": "2099-01-01T00:00:00Z",
        "draft": True,
    }
    made = owner.post("/releases", body).json()
    assert (made["state"], made["fallback"]["kind"], made["decision"]) == ("draft", "manual", None)
    asked = owner.post(f"/releases/{made['id']}/submit").json()
    assert asked["state"] == "in_review"
    problem(owner.post(f"/releases/{made['id']}/submit"), 409, "wrong-state")


def test_hold_suspend_resume_and_roll_back(who, risk):
    release = governance.live_release(who)
    path = f"/releases/{release.public_id}"
    assert risk.post(f"{path}/hold", {"reason": "Look."}).json()["held_from"] == "live"
    assert risk.post(f"{path}/resume", {"reason": "Fine."}).json()["state"] == "live"
    assert risk.post(f"{path}/suspend", {"reason": "Wrong."}).json()["state"] == "suspended"
    problem(risk.post(f"{path}/suspend", {"reason": "Wrong."}), 409, "wrong-state")
    problem(risk.post(f"{path}/roll-back", {"reason": "Wrong."}), 409, "at-fallback")
    problem(Api(who.owner).post(f"{path}/resume", {"reason": "Go."}), 403, "permission-refused")
    assert risk.post(f"{path}/hold", {}).status_code == 422


def test_emergency_and_its_review(who, risk):
    release = governance.release_in_review(who)
    path = f"/releases/{release.public_id}/emergency"
    validator = Api(who.reviewers["validator"])
    problem(validator.post(f"{path}/review", {"outcome": "upheld", "review": "Right."}), 409, "no-emergency")
    made = risk.post(path, {"role": "risk", "reason": "Customers are locked out."}).json()
    assert (made["state"], made["emergency"]["state"]) == ("live", "waiting")
    done = validator.post(f"{path}/review", {"outcome": "hold", "review": "It could have waited."}).json()
    assert (done["state"], done["emergency"]["outcome"]) == ("held", "hold")


def test_condition_is_opened_listed_and_closed(who, risk):
    release = governance.live_release(who)
    path = f"/releases/{release.public_id}/conditions"
    body = {"text": "Look.", "owner": who.developer.username, "due_on": day(), "on_overdue": "roll_back"}
    made = risk.post(path, body)
    assert made.status_code == 201
    number = made.json()["id"]
    assert [row["on_overdue"] for row in risk.get(path).json()] == ["roll_back"]
    problem(risk.post(path, body | {"owner": "nobody-here"}), 422, "no-such-person")
    problem(Api(who.developer).post(f"/conditions/{number}/close", {"proof": "x"}), 403, "own-condition")
    assert risk.post(f"/conditions/{number}/close", {"proof": "EV-1"}).json()["state"] == "closed"
    problem(risk.post("/conditions/999999/close", {"proof": "x"}), 404, "not-found")


def test_finding_is_raised_listed_and_closed(who, risk):
    release = governance.live_release(who)
    path = f"/models/{release.version.model.name}/versions/{release.version.version}/findings"
    auditor = Api(people.person("auditor", who.team))
    body = {"text": "Wrong card.", "severity": "high", "owner": who.developer.username, "due_on": day()}
    made = auditor.post(path, body | {"release": release.public_id}).json()
    assert (made["release"], made["state"]) == (release.public_id, "open")
    assert [row["id"] for row in risk.get(path).json()] == [made["id"]]
    problem(risk.post(f"/findings/{made['id']}/close", {"proof": "x"}), 403, "not-your-finding")
    validator = Api(who.reviewers["validator"])
    assert validator.post(f"/findings/{made['id']}/close", {"proof": "EV-1"}).json()["state"] == "closed"


def test_rules_of_an_endpoint(who, risk):
    endpoint = governance.release_in_review(who).endpoint
    path = f"/endpoints/{endpoint.name}/release-rules"
    rules = risk.get(path).json()
    assert (rules["second_release"], rules["emergency_roles"]) == ("together", ["risk", "model_owner"])
    assert put(risk, path, rules | {"second_release": "queue"}).json()["second_release"] == "queue"
    problem(put(risk, path, rules | {"emergency_roles": ["viewer"]}), 422, "rule-unknown")
    problem(put(Api(who.owner), path, rules), 403, "permission-refused")
