"""The API of governance: gate checks, releases, decisions, policies, facts; and each refusal as problem details."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from governance.models import Approval, Decision, Release
from governance.services.releases import assess_release
from portal.jobs.services import enqueue
from tests.factories import people
from tests.governance.house import POLICY, House

pytestmark = pytest.mark.django_db


class Api:
    """A client with the token of one person."""

    def __init__(self, user):
        self.client = Client(headers={"authorization": f"Bearer {people.token(user)}"})

    def get(self, path, **query):
        return self.client.get(f"/api/v1{path}", query)

    def post(self, path, body=None):
        return self.client.post(f"/api/v1{path}", json.dumps(body or {}), content_type="application/json")


def problem(answer, status, code):
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == f"urn:gatehouse:problem:{code}"
    assert body["detail"]
    return body


def gate_checks(house, version="1.0.0"):
    return f"/models/{house.model.name}/versions/{version}/gate-checks"


def test_gate_check_answers_at_once():
    house = House()
    house.version(accuracy=0.5)
    answer = Api(house["developer"]).post(gate_checks(house), {"endpoint": house.endpoint.name})
    body = answer.json()
    assert answer.status_code == 200
    assert body["verdict"] == "fail"
    assert body["dry_run"] is False
    assert [rule["verdict"] for rule in body["rules"] if rule["id"] == "floor"] == ["fail"]
    decision = Decision.objects.get()
    assert (body["id"], body["digest"]) == (decision.public_id, decision.digest)
    stored = Api(house["auditor"]).get(f"/decisions/{body['id']}").json()
    assert stored["result"]["rules"] == body["rules"]
    assert stored["facts"]["subject"]["version"] == "1.0.0"


def test_dry_run_stores_nothing():
    house = House()
    house.version()
    body = Api(house["developer"]).post(gate_checks(house), {"endpoint": house.endpoint.name, "dryRun": True}).json()
    assert (body["id"], body["verdict"], body["dry_run"]) == (None, "pass", True)
    assert not Decision.objects.exists()


def test_gate_check_waits_for_a_fact_that_is_being_computed():
    house = House()
    version = house.version()
    job = enqueue("audits:bias", payload={}, actor=house["developer"], subject=version, team=house.team)
    answer = Api(house["developer"]).post(gate_checks(house), {"endpoint": house.endpoint.name})
    assert answer.status_code == 202
    assert answer["Location"] == f"/api/v1/jobs/{job.pk}" == answer.json()["job"]
    assert not Decision.objects.exists()


def test_gate_check_refusals():
    house = House()
    house.version()
    api = Api(house["developer"])
    problem(api.post(gate_checks(house), {"endpoint": "nowhere"}), 404, "not-found")
    problem(api.post(gate_checks(house, "9.9.9"), {"endpoint": house.endpoint.name}), 404, "not-found")
    body = problem(api.post(gate_checks(house), {}), 422, "invalid")
    assert body["errors"][0]["field"] == "endpoint"
    problem(Api(house["viewer"]).post(gate_checks(house), {"endpoint": house.endpoint.name}), 403, "permission-refused")
    assert Client().post(f"/api/v1{gate_checks(house)}", {}).status_code == 401
    stranger = people.person("developer", people.team("clinic"))
    problem(Api(stranger).post(gate_checks(house), {"endpoint": house.endpoint.name}), 404, "not-found")


def test_facts_are_what_the_gates_read():
    house = House()
    house.version()
    api = Api(house["viewer"])
    path = f"/models/{house.model.name}/versions/1.0.0/facts"
    facts = api.get(path, endpoint=house.endpoint.name).json()
    assert facts["schema"] == "gatehouse.facts/1"
    assert [row["value"] for row in facts["metrics"]] == [0.9]
    problem(api.get(path), 422, "endpoint-missing")


def ask(house, api, **fields):
    return api.post(
        "/releases", {"model": house.model.name, "version": "1.0.0", "endpoint": house.endpoint.name} | fields
    )


def test_request_decide_and_read():
    house = House()
    house.version()
    made = ask(house, Api(house["model_owner"]), words="Please.")
    body = made.json()
    assert made.status_code == 201
    assert made["Location"] == f"/api/v1/releases/{body['id']}"
    assert body["state"] == "in_review"
    assert [seat["role"] for seat in body["seats"]] == ["validator"]
    given = {"choice": "approve", "role": "validator", "decision_digest": body["decision"]["digest"]}
    decided = Api(house["validator"]).post(f"/releases/{body['id']}/decisions", given)
    assert decided.status_code == 201
    assert decided.json()["state"] == "live"
    plain = Api(house["viewer"]).get(f"/releases/{body['id'].removeprefix('R-')}").json()
    assert plain["seats"][0]["state"] == "filled"
    assert plain["approvals"][0]["person"] == house["validator"].username
    problem(ask(house, Api(house["model_owner"])), 409, "already-live")


def test_request_refusals():
    house = House()
    house.version()
    api = Api(house["model_owner"])
    problem(ask(house, api, version="7"), 404, "not-found")
    problem(ask(house, api, words="x" * 4001), 422, "invalid")
    problem(ask(house, api, due_at="soon"), 422, "invalid")
    problem(ask(house, Api(house["validator"])), 403, "permission-refused")
    assert not Release.objects.exists()
    assert ask(house, api).status_code == 201
    problem(ask(house, api), 409, "already-open")


def test_decision_refusals_write_nothing():
    house = House()
    release = house.release(accuracy=0.75)
    digest = release.decision.digest
    path = f"/releases/{release.public_id}/decisions"
    good = {"choice": "approve", "role": "validator", "decision_digest": digest}
    api = Api(house["validator"])
    problem(api.post(path, good | {"choice": "maybe"}), 422, "invalid")
    problem(api.post(path, good | {"decision_digest": "abc"}), 422, "invalid")
    problem(api.post(path, good | {"choice": "reject"}), 422, "reason-missing")
    problem(api.post(path, good | {"choice": "conditions", "reason": "x"}), 422, "conditions-missing")
    odd = {"text": "Do it.", "owner": "nobody-like-this", "due_on": "2999-01-01"}
    body = api.post(path, good | {"choice": "conditions", "reason": "x", "conditions": [odd]})
    assert problem(body, 422, "no-such-person")["field"] == "conditions[0].owner"
    problem(api.post(path, good | {"conditions": [{"text": "", "owner": "x", "due_on": "never"}]}), 422, "invalid")
    problem(api.post(path, good | {"role": "fairness"}), 403, "role-not-held")
    problem(api.post("/releases/R-999999/decisions", good), 404, "not-found")
    problem(api.post("/releases/R-abc/decisions", good), 404, "not-found")
    problem(Api(house["viewer"]).post(path, good), 403, "permission-refused")
    house.measure(release.version, 0.76)
    assess_release(release)
    stale = problem(api.post(path, good), 409, "stale-decision")
    assert stale["decision"] == Release.objects.get().decision.digest
    assert not Approval.objects.exists()


def test_requester_is_refused_by_the_api():
    house = House()
    owner = people.person("validator", house.team)
    people.services.grant_role(owner, role="model_owner", team=house.team, actor=None)
    version = house.version()
    assert ask(house, Api(owner)).status_code == 201
    digest = Release.objects.get(version=version).decision.digest
    given = {"choice": "approve", "role": "validator", "decision_digest": digest}
    answer = Api(owner).post(f"/releases/R-{Release.objects.get().pk}/decisions", given)
    problem(answer, 403, "separation-of-duties")


def test_list_filters_pages_and_refuses_nonsense():
    house = House()
    first, second = house.release("1.0.0", 0.9), house.release("2.0.0", 0.5)
    api = Api(house["viewer"])
    assert [row["id"] for row in api.get("/releases").json()["results"]] == [second.public_id, first.public_id]
    page = api.get("/releases", limit=1).json()
    assert [row["id"] for row in page["results"]] == [second.public_id]
    assert [row["id"] for row in api.get("/releases", after=page["next"]).json()["results"]] == [first.public_id]
    assert [row["id"] for row in api.get("/releases", state="blocked").json()["results"]] == [second.public_id]
    assert api.get("/releases", model="other").json()["results"] == []
    problem(api.get("/releases", state="odd"), 422, "bad-state")
    problem(api.get("/releases", after="x"), 422, "bad-page")


def test_withdraw():
    house = House()
    release = house.release()
    path = f"/releases/{release.public_id}/withdraw"
    problem(Api(house["validator"]).post(path), 403, "permission-refused")
    assert Api(house["model_owner"]).post(path, {"reason": "Wrong one."}).json()["state"] == "withdrawn"
    problem(Api(house["model_owner"]).post(path), 409, "not-open")


def test_policies_read_and_publish():
    house = House()
    api = Api(house["compliance"])
    assert [row["name"] for row in api.get("/policies").json()["results"]] == ["accuracy-floor"]
    assert api.get("/policies/accuracy-floor").json()["source"] == POLICY
    problem(api.get("/policies/none"), 404, "not-found")
    made = api.post("/policies", {"source": POLICY.replace("default: 0.8", "default: 0.85")})
    assert made.status_code in (201, 422), made.content
    broken = problem(
        api.post("/policies", {"source": POLICY.replace("facts.metrics.filter", "facts.metrix.filter")}),
        422,
        "policy-invalid",
    )
    assert broken["line"] == 7
    assert broken["column"] > 1
    assert "^" in broken["caret"]
    problem(api.post("/policies", {}), 422, "invalid")
    problem(Api(house["validator"]).post("/policies", {"source": POLICY}), 403, "permission-refused")
