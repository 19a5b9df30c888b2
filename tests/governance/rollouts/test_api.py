"""The API of signals, rollouts, desired state and admission, as machines call it."""

import base64
import datetime as dt
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.test import Client

from governance.services.desired import preauth
from tests.factories import people
from tests.governance.rollouts.conftest import METRICS, STEPS


@pytest.fixture
def call(way):
    tokens = {}

    def request(method, path, body=None, role="developer", **headers):
        token = tokens.setdefault(role, people.token(way.house[role]))
        return Client().generic(
            method,
            f"/api/v1/{path}",
            json.dumps(body, default=str) if body is not None else b"",
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}", **headers},
        )

    return request


def plan(call, way, **more):
    body = {"metrics": METRICS, "steps": STEPS, "burn_in_minutes": 10, **more}
    return call("PUT", f"releases/{way.release.public_id}/rollout", body, role="model_owner")


def step(call, way, share, **more):
    body = {"share": share, "digest": way.release.version.digest, **more}
    return call("POST", f"releases/{way.release.public_id}/rollout/steps", body)


def test_plan_ask_report_and_read(call, way):
    made = plan(call, way, approval_share=25)
    assert (made.status_code, made.json()["step"], len(made.json()["steps"])) == (200, 0, 4)
    told = step(call, way, 0)
    assert (told.status_code, told.json()["answer"], told.json()["share"]) == (200, "yes", 0)
    assert step(call, way, 0, act="reached", at=way.clock.at).json()["answer"] == "yes"
    way.traffic()
    found = call("GET", f"releases/{way.release.public_id}/rollout").json()
    assert [one["state"] for one in found["metrics"]] == ["pass", "pass"]
    assert found["metrics"][0]["upper"] < 1.5
    assert found["answer"] == "yes"
    waits = step(call, way, 5).json()
    assert (waits["answer"], waits["reasons"][0]["code"]) == ("wait", "not-approved")


def test_refusals_are_problems(call, way):
    assert step(call, way, 5).json()["type"] == "urn:gatehouse:problem:no-plan"
    plan(call, way)
    other = step(call, way, 0, digest="f" * 64)
    assert (other.status_code, other.json()["type"]) == (409, "urn:gatehouse:problem:other-digest")
    assert step(call, way, 101).status_code in (400, 422)
    assert call("GET", f"releases/{way.live.public_id}/rollout").status_code == 404


def test_leave_for_more_traffic(call, way):
    plan(call, way, approval_share=5)
    way.approve()
    path = f"releases/{way.release.public_id}/rollout/share-approvals"
    body = {"role": "validator", "share": 25, "reason": "It went well."}
    assert call("POST", path, body).status_code == 403
    assert call("POST", path, body, role="validator").json()["approved_share"] == 25


def test_signals_once_again_and_changed(call, way):
    rows = way.rows("canary", "2.0.0", 1000, 0.01, 0.05)
    body = {"producer": "pod-1", "batch_id": "b1", "model": way.house.model.name, "signals": rows}
    path = f"endpoints/{way.house.endpoint.name}/signals"
    assert [call("POST", path, body).status_code for _ in range(2)] == [201, 200]
    rows[0]["counts"]["bad"] += 1
    changed = call("POST", path, body)
    assert (changed.status_code, changed.json()["type"]) == (409, "urn:gatehouse:problem:batch-differs")
    assert call("POST", path, body | {"signals": []}).status_code in (400, 422)


def test_desired_state_is_signed_and_has_an_etag(call, way):
    path = f"endpoints/{way.house.endpoint.name}/desired-state"
    answer = call("GET", path)
    found = answer.json()
    payload = base64.b64decode(found["payload"])
    key = call("GET", "desired-state-key").json()
    assert found["signatures"][0]["keyid"] == key["keyid"]
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public_key"]))
    public.verify(base64.b64decode(found["signatures"][0]["sig"]), preauth(found["payloadType"], payload))
    document = json.loads(payload)
    (target,) = document["targets"]
    assert (target["share"], target["digest"]) == (100, way.live.version.digest)
    assert target["artifacts"][0]["sha256"] == "ab" * 32
    assert target["limits"]["regions"] == ["eu-central-1"]
    again = call("GET", path, **{"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", answer["ETag"])


def test_etag_changes_with_the_share_and_limits_go_along(call, way):
    path = f"endpoints/{way.house.endpoint.name}/desired-state"
    until = way.clock.at + dt.timedelta(days=30)
    limits = {"uses": ["credit"], "populations": ["adults"], "highest_volume": 5000, "valid_until": until}
    plan(call, way, limits=limits)
    way.approve()
    before = call("GET", path)["ETag"]
    way.go(0)
    way.ask(5)
    answer = call("GET", path)
    assert answer["ETag"] != before
    canary, baseline = json.loads(base64.b64decode(answer.json()["payload"]))["targets"]
    assert (canary["share"], baseline["share"]) == (5, 95)
    assert canary["limits"]["uses"] == ["credit"]
    assert canary["limits"]["highest_volume"] == 5000
    assert canary["limits"]["valid_until"] > "2026"


def review(way, operation="CREATE", template=False, **notes):
    known = {
        "gatehouse.dev/endpoint": way.house.endpoint.name,
        "gatehouse.dev/version-digest": way.live.version.digest,
    }
    notes = {key: value for key, value in {**known, **notes}.items() if value is not None}
    found = {"metadata": {"annotations": notes}}
    if template:
        found = {"metadata": {"annotations": known}, "spec": {"template": found}}
    request = {"uid": "u-1", "operation": operation, "object": found}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


@pytest.mark.parametrize(
    ("notes", "allowed"),
    [
        ({}, True),
        ({"gatehouse.dev/artifacts": "sha256:" + "ab" * 32}, True),
        ({"gatehouse.dev/artifacts": "sha256:" + "cd" * 32}, False),
        ({"gatehouse.dev/version-digest": "0" * 64}, False),
        ({"gatehouse.dev/version-digest": None}, False),
        ({"gatehouse.dev/endpoint": "no-such"}, False),
        ({"gatehouse.dev/endpoint": None}, False),
    ],
)
def test_admission_lets_in_what_the_desired_state_holds(call, way, notes, allowed):
    for template in (False, True):
        answer = call("POST", "admission", review(way, template=template, **notes))
        found = answer.json()["response"]
        if template and None in notes.values():
            continue  # the object's own annotation says it then
        assert (answer.status_code, found["uid"], found["allowed"]) == (200, "u-1", allowed)
        assert allowed or found["status"]["message"]


def test_admission_of_a_version_that_is_not_released(call, way):
    digest = {"gatehouse.dev/version-digest": way.release.version.digest}
    answer = call("POST", "admission", review(way, **digest)).json()["response"]
    assert not answer["allowed"]
    assert "1.0.0" in answer["status"]["message"]
    plan(call, way)
    way.ask(0)
    assert call("POST", "admission", review(way, **digest)).json()["response"]["allowed"]
    assert call("POST", "admission", review(way, "DELETE", **{"gatehouse.dev/endpoint": None})).json()["response"][
        "allowed"
    ]


@pytest.mark.parametrize("body", [{}, [], "x", {"apiVersion": "v1", "request": {"uid": "u"}}])
def test_what_is_no_review_is_refused(call, body):
    assert call("POST", "admission", body).status_code in (400, 422)
