"""The API of governance: gate checks, releases, decisions, policies, facts; and each refusal as problem details."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from governance.gates.bundle import verify_bundle
from governance.models import Approval, Decision, Release
from governance.services import bundles
from governance.services.releases import assess_release
from portal import keys
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
    more = {"how_to_fix", "waivable_by"}
    assert stored["result"]["rules"] == [{k: v for k, v in rule.items() if k not in more} for rule in body["rules"]]
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
    assert facts["schema"] == "gatehouse.facts/2"
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
    owner = people.person("model_owner", house.team)
    version = house.version()
    assert ask(house, Api(owner)).status_code == 201
    people.services.end_membership(owner.memberships.get(), actor=None)
    people.services.grant_role(owner, role="validator", team=house.team, actor=None)
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


def test_policies_read():
    house = House()
    api = Api(house["compliance"])
    assert [row["name"] for row in api.get("/policies").json()["results"]] == ["accuracy-floor"]
    assert api.get("/policies/accuracy-floor").json()["source"] == POLICY
    problem(api.get("/policies/none"), 404, "not-found")


# ------------------------------------------------------------------ many checks, facts, formats
def batch(house, checks, **more):
    return Api(house["developer"]).post("/gate-checks", {"checks": checks, **more})


def test_many_checks_each_with_its_own_answer():
    house = House()
    house.version(accuracy=0.9)
    named = {"model": house.model.name, "version": "1.0.0", "endpoint": house.endpoint.name}
    answer = batch(house, [named, named | {"version": "9.9.9"}], dryRun=True)
    good, bad = answer.json()["results"]
    assert (answer.status_code, good["result"]["verdict"]) == (200, "pass")
    assert bad["problem"]["status"] == 404
    assert Decision.objects.count() == 0
    assert batch(house, [named]).json()["results"][0]["result"]["id"] == Decision.objects.get().public_id


def test_facts_are_judged_and_not_stored():
    house = House()
    metric = {"name": "accuracy", "split": "test", "segment": "all", "value": 0.5}
    facts = {"schema": "gatehouse.facts/2", "metrics": [metric]}
    [found] = batch(house, [{"facts": facts}]).json()["results"]
    assert found["result"]["verdict"] == "fail"
    assert found["result"]["rules"][0]["waivable_by"] == []
    [unknown] = batch(house, [{"facts": {"schema": "gatehouse.facts/2"}}]).json()["results"]
    assert unknown["result"]["verdict"] == "unknown"
    assert unknown["result"]["rules"][0]["how_to_fix"][0]["fact"] == "metrics"
    assert Decision.objects.count() == 0


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"metrics": []}, "schema"),
        ({"schema": "gatehouse.facts/99"}, "gatehouse.facts/99"),
        ({"schema": "gatehouse.facts/2", "metrix": []}, "metrix"),
        ({"schema": "gatehouse.facts/2", "metrics": [{"name": "accuracy", "value": "0.9"}]}, "value"),
    ],
)
def test_bad_facts_are_refused_with_their_place(facts, says):
    [found] = batch(House(), [{"facts": facts}]).json()["results"]
    assert found["problem"]["type"] == "urn:gatehouse:problem:facts-invalid"
    assert says in found["problem"]["detail"]


@pytest.mark.parametrize("check", [{}, {"model": "a"}, {"model": "a", "version": "1", "endpoint": "e", "facts": {}}])
def test_a_check_names_a_subject_or_facts(check):
    problem(batch(House(), [check]), 422, "invalid")


def test_too_many_checks_are_refused():
    problem(batch(House(), [{"facts": {}}] * 51), 422, "invalid")


@pytest.mark.parametrize(
    ("output", "kind", "says"),
    [
        ("junit", "application/xml", "<failure"),
        ("sarif", "application/sarif+json", '"2.1.0"'),
        ("markdown", "text/markdown", "**"),
    ],
)
def test_verdict_in_the_formats_of_pipelines(output, kind, says):
    house = House()
    house.version(accuracy=0.5)
    answer = Api(house["developer"]).post(f"{gate_checks(house)}?output={output}", {"endpoint": house.endpoint.name})
    assert answer["Content-Type"].startswith(kind)
    assert says in answer.content.decode()
    problem(
        Api(house["developer"]).post(f"{gate_checks(house)}?output=pdf", {"endpoint": house.endpoint.name}),
        422,
        "output-unknown",
    )


# ------------------------------------------------------------------ policies on their way
def test_draft_by_the_api_from_first_text_to_force():
    house = House()
    source = POLICY.replace("default: 0.8", "default: 0.85").replace("value: 0.5}", "value: 0.6}")
    author, owner = Api(house["compliance"]), Api(people.person("validator"))
    made = author.post("/policy-drafts", {"source": source, "reason": "Stricter.", "git": {"path": "p.yaml"}})
    assert made.status_code == 201, made.content
    draft = made.json()
    url = f"/policy-drafts/{draft['id']}"
    assert (draft["state"], draft["base"], draft["origin"]["git"]["path"]) == ("editing", 1, "p.yaml")
    assert author.post("/policy-checks", {"source": source}).json()["problems"] == []
    problem(owner.post(f"{url}/propose"), 403, "draft-of-another")
    assert author.post(f"{url}/propose").json()["missing_owners"] == ["validator"]
    decision = {"role": "validator", "choice": "approve", "digest": draft["digest"]}
    problem(author.post(f"{url}/decisions", decision), 403, "separation-of-duties")
    assert owner.post(f"{url}/decisions", decision).json()["version"] == 2
    assert author.get("/policies/accuracy-floor").json()["source"] == source
    assert author.get("/policy-drafts", state="active").json()["results"][0]["id"] == draft["id"]


def test_bad_text_is_refused_with_its_place():
    house = House()
    bad = POLICY.replace("facts.metrics.filter", "facts.metrix.filter")
    body = problem(Api(house["compliance"]).post("/policy-drafts", {"source": bad}), 422, "policy-invalid")
    assert (body["line"], "^" in body["caret"]) == (11, True)
    problem(Api(house["viewer"]).post("/policy-drafts", {"source": POLICY}), 403, "permission-refused")
    problem(Api(house["viewer"]).get("/policy-drafts/PD-99"), 404, "not-found")


def test_bundle_is_signed_and_the_same_twice():
    house = House()
    one, two = (Api(house["viewer"]).get("/policies/bundle") for _ in range(2))
    assert one.content == two.content
    key = keys.load_ed25519(bundles.KEY_NAME, "key").public_key()
    found = verify_bundle(one.content, key)
    assert [(item.name, item.source) for item in found.policies] == [("accuracy-floor", POLICY)]
