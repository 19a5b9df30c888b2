"""The catalog over HTTP: the main job, and every bad input answered with problem details and nothing kept."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from django.conf import settings

from catalog.models import Artifact, Blob, Evidence, ModelVersion, RegisteredModel
from catalog.services import blobs
from tests.catalog.conftest import House
from tests.factories import catalog, people

VERSION = "/models/income-model/versions/1.0.0"
CONTENT = b"the bytes of a model" * 50
MODEL = {"name": "churn", "title": "Churn", "team": "lending", "risk_tier": "limited"}


def declared(content: bytes = CONTENT, **more: Any) -> dict[str, Any]:
    return {"name": "w.bin", "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)} | more


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    """The problem details of a refusal."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["type"] == f"urn:gatehouse:problem:{code}"
    assert body["status"] == status
    assert body["detail"]
    return body


def test_main_job(house: House, api: Any):
    owner, developer = api(house.owner), api(house.developer)
    made = owner("post", "/models", MODEL)
    assert made.status_code == 201, made.content
    assert made["Location"] == "/api/v1/models/churn"
    use = {"dataset": "adult", "snapshot": "uci-1996", "role": "train"}
    run = {"job_id": "j-1", "code_revision": "abc", "parameters": {"depth": 3}}
    body = {"version": "1.0.0", "artifacts": [declared()], "training_run": run, "datasets": [use]}
    version = developer("post", "/models/churn/versions", body)
    assert version.status_code == 201, version.content
    artifact = version.json()["artifacts"][0]
    assert artifact["uploaded"] is False
    path = artifact["url"].removeprefix("/api/v1")
    stored = developer("put", path, CONTENT, content_type="application/octet-stream")
    assert stored.status_code == 201, stored.content
    found = api(house.viewer)("get", "/models/churn/versions/1.0.0").json()
    assert found["artifacts"][0]["uploaded"] is True
    assert found["training_run"]["trained_by"] == house.developer.username
    assert found["datasets"][0]["snapshot"] == "uci-1996"
    with blobs.open_blob(Blob.objects.get(pk=artifact["sha256"])) as file:
        assert file.read() == CONTENT


def test_metrics_become_evidence(house: House, api: Any):
    item = {"name": "auc", "value": 0.9, "lower": 0.88, "upper": 0.92, "n": 500}
    made = api(house.developer)("post", f"{VERSION}/metrics", {"metrics": [item], "tool": "tests"})
    assert made.status_code == 201, made.content
    number = made.json()["id"]
    call = api(house.viewer)
    for text in (number, number.removeprefix("EV-")):
        assert call("get", f"/evidence/{text}").json()["metrics"][0]["lower"] == 0.88
    assert call("get", f"{VERSION}/evidence").json()["results"][0]["id"] == number
    refused(api(house.stranger)("get", f"/evidence/{number}"), 404, "not-found")
    refused(call("get", "/evidence/EV-x"), 404, "not-found")


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"name": "auc"}, "not-a-number"),
        ({"name": "auc", "value": "0.9"}, "not-a-number"),
        ({"name": "auc", "value": True}, "not-a-number"),
        ({"name": "auc", "value": 10**30}, "not-a-number"),
        ({"value": 0.9}, "name-missing"),
        ({"name": "auc", "value": 0.9, "lower": 0.95, "upper": 0.99}, "interval-wrong"),
        ({"name": "auc", "value": 0.9, "n": -1, "valeu": 1}, "unknown-field"),
        ({"name": "a" * 61, "value": 0.9}, "invalid-field"),
        ({"name": "a\x00b", "value": 0.9}, "invalid-text"),
        ({"name": "auc", "value": 0.9, "n": 2**70}, "not-canonical"),
    ],
)
def test_wrong_metric_is_refused_and_nothing_is_kept(house: House, api: Any, item: dict[str, Any], code: str):
    before = Evidence.objects.count()
    good = {"name": "f1", "value": 0.5}
    body = refused(api(house.developer)("post", f"{VERSION}/metrics", {"metrics": [good, item]}), 422, code)
    assert "metrics" in body["field"]
    assert Evidence.objects.count() == before


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_no_number_is_refused(house: House, api: Any, literal: str):
    text = f'{{"metrics": [{{"name": "auc", "value": {literal}}}]}}'
    response = api(house.developer)("post", f"{VERSION}/metrics", text)
    assert response.status_code in (400, 422), response.content
    assert response["Content-Type"] == "application/problem+json"


def test_same_metric_twice_and_future_are_refused(house: House, api: Any):
    call, item = api(house.developer), {"name": "auc", "value": 0.9}
    refused(call("post", f"{VERSION}/metrics", {"metrics": [item, item]}), 422, "metric-twice")
    refused(call("post", f"{VERSION}/metrics", {"metrics": []}), 422, "metrics-count")
    body = {"metrics": [item], "measured_at": "2999-01-01T00:00:00Z"}
    refused(call("post", f"{VERSION}/metrics", body), 422, "future")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Not A Name"}, "name"),
        ({"name": "a" * 81}, "name"),
        ({"title": "x" * 161}, "title"),
        ({"title": "nul \x00"}, "title"),
        ({"risk_tier": "enormous"}, "risk_tier"),
        ({"riks_tier": "high"}, "riks_tier"),
        ({"intended_use": ["x" * 61]}, "intended_use[0]"),
        ({"title": None}, "title"),
    ],
)
def test_wrong_model_names_the_field(house: House, api: Any, change: dict[str, Any], field: str):
    body = refused(api(house.owner)("post", "/models", MODEL | change), 422, "invalid")
    assert field in [row["field"] for row in body["errors"]]
    assert RegisteredModel.objects.count() == 1


def test_taken_name_unknown_team_and_missing_right(house: House, api: Any):
    call = api(house.owner)
    taken = refused(call("post", "/models", MODEL | {"name": "INCOME-model".lower()}), 409, "name-taken")
    assert taken["field"] == "name"
    refused(call("post", "/models", MODEL | {"team": "nowhere"}), 422, "unknown-team")
    refused(call("post", "/models", MODEL | {"owner": "nobody"}), 422, "unknown-user")
    refused(api(house.developer)("post", "/models", MODEL), 403, "permission-refused")
    refused(api(house.stranger)("post", "/models", MODEL), 403, "permission-refused")
    assert call("post", "/models", MODEL | {"team": ""}).status_code == 201


@pytest.mark.parametrize(
    "change",
    [
        {"artifacts": []},
        {"artifacts": [declared(sha256="ABC")]},
        {"artifacts": [declared(size=-1)]},
        {"artifacts": [declared(size=2**60)]},
        {"artifacts": [declared(), declared()]},
        {"artifacts": "none"},
        {"version": "no spaces allowed"},
        {"datasets": [{"dataset": "adult", "snapshot": "uci-1996", "role": "guess"}]},
        {"training_run": {"job_id": "j", "code_revision": "c", "parameters": {"x": "\x00"}}},
        {"training_run": {"job_id": "j", "code_revision": "c", "parameters": {"x": "y" * 70_000}}},
        {"training_run": {"job_id": "j", "code_revision": "c", "parameters": {"x": 2**70}}},
        {"training_run": {"job_id": "j", "code_revision": "c", "trained_by": "nobody"}},
    ],
)
def test_wrong_version_is_refused_and_nothing_is_kept(house: House, api: Any, change: dict[str, Any]):
    body = {"version": "2.0.0", "artifacts": [declared()]} | change
    response = api(house.developer)("post", "/models/income-model/versions", body)
    assert response.status_code == 422, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert ModelVersion.objects.count() == 1


def test_version_that_exists_run_that_differs_dataset_that_is_not_there(house: House, api: Any):
    call, path = api(house.developer), "/models/income-model/versions"
    refused(call("post", path, {"version": "1.0.0", "artifacts": [declared()]}), 409, "name-taken")
    run = {"job_id": house.version.training_run.job_id, "code_revision": "other"}
    refused(
        call("post", path, {"version": "2.0.0", "artifacts": [declared()], "training_run": run}), 409, "run-differs"
    )
    use = {"dataset": "adult", "snapshot": "none", "role": "train"}
    refused(call("post", path, {"version": "2.0.0", "artifacts": [declared()], "datasets": [use]}), 404, "not-found")


@pytest.fixture
def waiting(house: House) -> Artifact:
    """A declared file without its bytes."""
    content = CONTENT + b"unique"
    row = catalog.version(
        house.version.model, actor=house.developer, version="9.0.0", artifacts=[catalog.declared("w.bin", content)]
    )
    return row.artifacts.get()


UPLOAD = "/models/income-model/versions/9.0.0/artifacts/w.bin"


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (CONTENT + b"cut", 422, "size-mismatch"),
        (b"", 422, "size-mismatch"),
        (CONTENT + b"unique and more", 422, "size-mismatch"),
        (CONTENT + b"uniquE", 422, "digest-mismatch"),
    ],
)
def test_wrong_upload_leaves_nothing(house: House, api: Any, waiting: Artifact, content: bytes, status: int, code: str):
    blobs_before = Blob.objects.count()
    response = api(house.developer)("put", UPLOAD, content, content_type="application/octet-stream")
    body = refused(response, status, code)
    assert body["expected"]
    assert Blob.objects.count() == blobs_before
    assert not blobs.default_storage.exists(Blob(sha256=hashlib.sha256(content).hexdigest(), size=0).path)


def test_upload_larger_than_allowed(house: House, api: Any, waiting: Artifact, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settings, "ARTIFACT_MAX_BYTES", 100)
    response = api(house.developer)("put", UPLOAD, CONTENT + b"unique", content_type="application/octet-stream")
    refused(response, 413, "too-large")
    assert not Blob.objects.filter(pk=waiting.sha256).exists()


def test_upload_by_who_may_not(house: House, api: Any, waiting: Artifact):
    kwargs = {"content_type": "application/octet-stream"}
    refused(api(house.viewer)("put", UPLOAD, CONTENT, **kwargs), 403, "permission-refused")
    refused(api(house.stranger)("put", UPLOAD, CONTENT, **kwargs), 404, "not-found")
    refused(api(house.developer)("put", UPLOAD + "x", CONTENT, **kwargs), 404, "not-found")
    refused(api(house.developer)("get", UPLOAD), 405, "method_not_allowed")


def test_upload_twice_and_any_type(house: House, api: Any, waiting: Artifact):
    call = api(house.developer)
    for kind in ("application/octet-stream", "application/x-www-form-urlencoded", "text/csv"):
        assert call("put", UPLOAD, CONTENT + b"unique", content_type=kind).status_code == 201
    assert Blob.objects.filter(pk=waiting.sha256).count() == 1


def test_upload_of_more_than_fits_in_memory_limits(house: House, api: Any):
    content = b"0123456789abcdef" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 8)
    catalog.version(
        house.version.model, actor=house.developer, version="9.0.0", artifacts=[catalog.declared("w.bin", content)]
    )
    response = api(house.developer)("put", UPLOAD, content, content_type="application/octet-stream")
    assert response.status_code == 201, response.content


def test_card_over_the_api(house: House, api: Any):
    call = api(house.developer)
    saved = call("put", f"{VERSION}/card", {"sections": {"limitations": "Few rows."}, "based_on": 0})
    assert saved.status_code == 200, saved.content
    body = saved.json()
    assert (body["revision"], body["complete"]) == (1, False)
    assert "intended_use" in body["missing"]
    stale = call("put", f"{VERSION}/card", {"sections": {"limitations": "Other."}, "based_on": 0})
    refused(stale, 409, "stale-card")
    refused(call("put", f"{VERSION}/card", {"sections": {"fairness": "All fine."}}), 422, "measured-section")
    refused(call("put", f"{VERSION}/card", {"sections": {"colour": "x"}}), 422, "unknown-section")
    refused(call("put", f"{VERSION}/card", {"sections": {"limitations": "x" * 20_001}}), 422, "invalid")
    refused(api(house.viewer)("put", f"{VERSION}/card", {"sections": {}}), 403, "permission-refused")
    assert api(house.viewer)("get", f"{VERSION}/card").json()["revision"] == 1


def test_datasets_and_endpoints(house: House, api: Any):
    call = api(house.owner)
    assert call("post", "/datasets", {"name": "d2", "title": "D"}).status_code == 201
    snapshot = {
        "label": "v1",
        "sha256": "b" * 64,
        "rows": 5,
        "schema": [{"name": "age", "type": "int64"}],
        "residency": "eu-central-1",
        "licence": "MIT",
        "contains_personal_data": False,
    }
    assert call("post", "/datasets/d2/snapshots", snapshot).status_code == 201
    refused(call("post", "/datasets/d2/snapshots", snapshot), 409, "name-taken")
    refused(
        call("post", "/datasets/d2/snapshots", snapshot | {"label": "v2", "schema": [{"name": "x"}]}), 422, "invalid"
    )
    assert call("get", "/datasets/d2").json()["newest_snapshot"] == "v1"
    assert call("get", "/datasets/d2/snapshots").json()["results"][0]["rows"] == 5
    endpoint = {"name": "e2", "environment": "production", "regions": ["eu-central-1"]}
    assert call("post", "/endpoints", endpoint).status_code == 201
    refused(call("post", "/endpoints", endpoint), 409, "name-taken")
    refused(call("post", "/endpoints", endpoint | {"name": "e3", "regions": []}), 422, "regions-missing")
    assert call("get", "/endpoints/e2").json()["live"] is None
    assert {row["name"] for row in call("get", "/endpoints").json()["results"]} == {"e2", "income-prod"}


def test_lists_turn_pages_and_keep_teams_apart(house: House, api: Any):
    for _ in range(3):
        catalog.model(owner=house.owner)
    call, names, after = api(house.viewer), [], ""
    while True:
        body = call("get", f"/models?limit=2{after}").json()
        names += [row["name"] for row in body["results"]]
        if body["next"] is None:
            break
        after = f"&after={body['next']}"
    assert len(names) == len(set(names)) == 4
    assert api(house.stranger)("get", "/models").json()["results"] == []
    refused(api(house.stranger)("get", "/models/income-model"), 404, "not-found")


@pytest.mark.parametrize(
    ("text", "status"), [("{", 400), ("[" * 100_000, 400), ("[]", 422), ('"text"', 422), ("", 422)]
)
def test_what_is_not_the_json_that_is_asked_for(house: House, api: Any, text: str, status: int):
    response = api(house.owner)("post", "/models", text)
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"


def test_huge_body_is_refused_unread(house: House, api: Any):
    text = json.dumps(MODEL | {"description": "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)})
    refused(api(house.owner)("post", "/models", text), 413, "too-large")


def test_no_token_and_auditor(house: House, api: Any, client: Any):
    assert client.get("/api/v1/models").status_code == 401
    auditor = api(people.person("auditor"))
    assert auditor("get", "/models").json()["results"][0]["name"] == "income-model"
    refused(auditor("post", "/models", MODEL), 403, "permission-refused")
