"""The API of facts: the document, its schemas, and what is attested; each refusal with its place."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from tests.factories import catalog, governance
from tests.governance.api.test_api import Api, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def who() -> governance.Cast:
    return governance.cast()


@pytest.fixture
def version(who):
    return catalog.version(model=catalog.model(owner=who.owner, team=who.team), actor=who.developer)


@pytest.fixture
def endpoint(who):
    return catalog.endpoint(owner=who.owner, team=who.team)


def at(version) -> str:
    return f"/models/{version.model.name}/versions/{version.version}"


def test_document_fits_the_schema_that_it_names(who, version, endpoint) -> None:
    api = Api(who.developer)
    facts = api.get(f"{at(version)}/facts", endpoint=endpoint.name, moment="running").json()
    assert facts["subject"]["moment"] == "running"
    schema = api.get("/facts-schema", version=facts["schema"]).json()
    assert schema == api.get("/facts-schema").json() == api.get("/facts-schema", version="2").json()
    assert list(Draft202012Validator(schema).iter_errors(facts)) == []
    assert api.get("/facts-schema", version="1").json()["title"] == "gatehouse.facts/1"


def test_what_is_asked_wrongly_is_refused(who, version, endpoint) -> None:
    api = Api(who.developer)
    problem(api.get(f"{at(version)}/facts", endpoint=endpoint.name, moment="later"), 422, "moment-unknown")
    problem(api.get(f"{at(version)}/facts"), 422, "endpoint-missing")
    assert "gatehouse.facts/1, gatehouse.facts/2" in str(
        problem(api.get("/facts-schema", version="9"), 404, "not-found")
    )


def test_attestation_goes_in_and_comes_out(who, version, endpoint) -> None:
    api, body = Api(who.reviewers["validator"]), {"section": "risk", "value": {"residual": "low"}, "source": "RA-7"}
    answer = api.post(f"{at(version)}/attestations", {**body, "valid_until": "2099-01-01"})
    assert answer.status_code == 201
    made = answer.json()
    assert answer["Location"] == made["url"]
    assert (made["section"], made["value"], made["version"], made["model"]) == (
        "risk",
        {"residual": "low"},
        str(version),
        None,
    )
    assert api.get(f"/attestations/{made['id']}").json() == made
    assert api.get(f"{at(version)}/attestations").json()["results"] == [made]
    facts = api.get(f"{at(version)}/facts", endpoint=endpoint.name).json()
    assert facts["risk"] == {"residual": "low", "evidence": made["id"]}
    assert api.post(f"/models/{version.model.name}/attestations", body).status_code == 201
    telemetry = {"section": "telemetry", "value": {"wired": True, "error_rate": 0.01}}
    assert api.post(f"/endpoints/{endpoint.name}/attestations", telemetry).json()["endpoint"] == endpoint.name


def test_attestation_is_refused_with_its_place(who, version, endpoint) -> None:
    first, second = Api(who.developer), Api(who.reviewers["validator"])
    to = f"{at(version)}/attestations"
    assert first.post(to, {"section": "risk", "value": {"residual": "low"}}).status_code == 403
    assert problem(second.post(to, {"section": "risk", "value": {"residual": 3}}), 422, "section-invalid")
    body = second.post(to, {"section": "risk", "value": {"mitigations": 3}}).json()
    assert "mitigations" in str(body)
    assert second.post(to, {"section": "risk"}).status_code == 422
    assert second.post(to, {"section": "risk", "value": {}, "sorce": ""}).status_code == 422
    assert second.post(to, {"section": "telemetry", "value": {}}).status_code == 422
    assert second.post("/models/no-such/attestations", {"section": "risk", "value": {}}).status_code == 404
    assert Api(who.compliance).get("/attestations/AT-999999").status_code == 404
    assert Api(who.compliance).get("/attestations/x").status_code == 404
    assert Api(catalog.model().owner).get(to).status_code == 200
