"""Every page of the catalog: what it says, to whom, at what cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import CardRevision, Dataset, Endpoint, ModelVersion, RegisteredModel
from catalog.services import cards, endpoints
from catalog.services.endpoints import lock_endpoint, open_deployment
from portal.accounts.models import User
from tests.catalog.conftest import House
from tests.factories import catalog, people

AsUser = Callable[[User], Client]
VERSION = "/models/income-model/versions/1.0.0/"
PAGES = [
    "/models/",
    "/models/income-model/",
    VERSION,
    "/datasets/",
    "/datasets/adult/",
    "/endpoints/",
    "/endpoints/income-prod/",
]
FORMS = [
    "/models/new/",
    "/models/income-model/versions/new/",
    f"{VERSION}card/",
    f"{VERSION}upload/",
    "/datasets/new/",
    "/datasets/adult/snapshots/new/",
    "/endpoints/new/",
]


@pytest.mark.parametrize("path", [*PAGES, *FORMS])
def test_page_opens_for_owner(house: House, as_user: AsUser, path: str):
    response = as_user(house.owner).get(path)
    assert response.status_code == 200
    assert "<h1>" in response.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_page_opens_for_viewer_without_acts(house: House, as_user: AsUser, path: str):
    response = as_user(house.viewer).get(path)
    assert response.status_code == 200
    assert "btn pri" not in response.content.decode().split('id="main"')[1]


@pytest.mark.parametrize("path", FORMS)
def test_form_is_refused_to_viewer(house: House, as_user: AsUser, path: str):
    assert as_user(house.viewer).get(path).status_code == 403


@pytest.mark.parametrize("path", [path for path in [*PAGES, *FORMS] if "income" in path or "adult" in path])
def test_what_another_team_owns_is_not_there(house: House, as_user: AsUser, path: str):
    assert as_user(house.stranger).get(path).status_code == 404


def test_lists_leave_out_what_another_team_owns(house: House, as_user: AsUser):
    client = as_user(house.stranger)
    for path, name in (("/models/", "income-model"), ("/datasets/", "adult"), ("/endpoints/", "income-prod")):
        assert name not in client.get(path).content.decode()
    assert "income-model" not in client.get("/models.csv").content.decode()


def test_nobody_is_sent_to_log_in(db: None, client: Client):
    response = client.get("/models/")
    assert response.status_code == 302
    assert "/accounts/login/" in response["Location"]


def test_evidence_page_shows_numbers_with_intervals(house: House, as_user: AsUser):
    for row in house.version.evidence.all():
        text = as_user(house.viewer).get(f"/evidence/{row.public_id}/").content.decode()
        assert row.title in text
        assert as_user(house.stranger).get(f"/evidence/{row.public_id}/").status_code == 404
    assert "0.850" in as_user(house.viewer).get(f"/evidence/EV-{house.version.evidence.first().pk}/").content.decode()


def _queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as found:
        assert client.get(path).status_code == 200
    return len(found)


def _rows(house: House, n: int) -> None:
    for _ in range(n):
        model = catalog.model(owner=house.owner)
        version = catalog.version(model, actor=house.developer)
        catalog.bias(version)
        catalog.snapshot(catalog.dataset(owner=house.owner), actor=house.developer)
        catalog.endpoint(owner=house.owner)


@pytest.mark.parametrize("path", ["/models/", "/datasets/", "/endpoints/", "/models.csv"])
def test_queries_do_not_grow_with_rows(house: House, as_user: AsUser, path: str):
    client = as_user(house.owner)
    before = _queries(client, path)
    _rows(house, 29)
    assert _queries(client, path) == before


def test_queries_of_model_and_version_do_not_grow(house: House, as_user: AsUser):
    client = as_user(house.owner)
    before = [_queries(client, path) for path in ("/models/income-model/", VERSION, "/datasets/adult/")]
    dataset = Dataset.objects.get(name="adult")
    for _ in range(29):
        snapshot = catalog.snapshot(dataset, actor=house.developer)
        row = catalog.version(house.version.model, actor=house.developer, datasets=[(snapshot, "train")])
        catalog.metrics(row, accuracy=0.8)
        catalog.metrics(house.version, accuracy=0.8)
    after = [_queries(client, path) for path in ("/models/income-model/", VERSION, "/datasets/adult/")]
    assert after == before


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tier:high", True),
        ("tier:minimal", False),
        ("team:lending income", True),
        ("use:eligibility", True),
        ("team:clinic", False),
        ("no such words", False),
        ("\x00", False),
    ],
)
def test_search_narrows_the_list(house: House, as_user: AsUser, query: str, found: bool):
    response = as_user(house.owner).get("/models/", {"q": query})
    assert ("/models/income-model/" in response.content.decode()) is found
    assert found or "No model matches" in response.content.decode()


@pytest.mark.parametrize("sort", ["name", "newest", "team", "live", "no such order"])
def test_sorts(house: House, as_user: AsUser, sort: str):
    assert as_user(house.owner).get("/models/", {"sort": sort}).status_code == 200


def test_exports_hold_the_searched_rows(house: House, as_user: AsUser):
    catalog.model(owner=house.owner, name="zeta", title="=SUM(A1)", risk_tier="minimal")
    client = as_user(house.owner)
    text = client.get("/models.csv", {"q": "tier:minimal"}).content.decode()
    assert "zeta,'=SUM(A1)" in text
    assert "income-model" not in text
    body = client.get("/models.json").json()
    assert [row["name"] for row in body["results"]] == ["income-model", "zeta"]


def _post(client: Client, path: str, **data: Any) -> Any:
    return client.post(path, data)


def test_register_model_in_the_browser(house: House, as_user: AsUser):
    client = as_user(house.owner)
    data = {"name": "churn", "title": "Churn", "team": "lending", "risk_tier": "limited", "intended_use": "a, b"}
    response = _post(client, "/models/new/", **data)
    assert response.status_code == 303, response.content.decode()
    row = RegisteredModel.objects.get(name="churn")
    assert (row.owner, row.intended_use) == (house.owner, ["a", "b"])
    again = _post(client, "/models/new/", **data)
    assert again.status_code == 409
    assert 'value="churn"' in again.content.decode()
    assert "exists already" in again.content.decode()


def test_wrong_model_name_is_refused_beside_the_field(house: House, as_user: AsUser):
    data = {"name": "Not A Name", "title": "x", "team": "lending", "risk_tier": "limited"}
    response = _post(as_user(house.owner), "/models/new/", **data)
    assert response.status_code == 422
    assert "lower-case letters" in response.content.decode()


def test_register_version_with_its_file(house: House, as_user: AsUser):
    file = SimpleUploadedFile("weights.bin", b"some weights")
    response = _post(
        as_user(house.developer),
        "/models/income-model/versions/new/",
        version="2.0.0",
        files=[file],
        job_id="job-77",
        code_revision="abc",
        parameters='{"depth": 3}',
    )
    assert response.status_code == 303, response.content.decode()
    version = ModelVersion.objects.get(version="2.0.0")
    assert version.training_run.parameters == {"depth": 3}
    text = as_user(house.viewer).get(response["Location"]).content.decode()
    assert "Stored, digest checked" in text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "needs at least one file"),
        ({"declared": "no digest here"}, "is not SHA-256, size in bytes, name"),
        ({"declared": f"{'0' * 63} 5 a"}, "64 lower-case hexadecimal"),
        ({"declared": f"{'0' * 64} 5 a", "parameters": '{"x": NaN}'}, "not plain JSON"),
        ({"declared": f"{'0' * 64} 5 a", "parameters": "[]"}, "not an object"),
        ({"declared": f"{'0' * 64} 5 a", "job_id": "j"}, "its code revision"),
        ({"declared": f"{'0' * 64} 5 a", "version": "1.0.0"}, "exists already"),
    ],
)
def test_wrong_version_is_refused_and_nothing_is_kept(house: House, as_user: AsUser, data: dict[str, str], said: str):
    response = _post(as_user(house.developer), "/models/income-model/versions/new/", **{"version": "2.0.0", **data})
    assert response.status_code in (409, 422)
    assert said in response.content.decode()
    assert ModelVersion.objects.count() == 1


def test_upload_in_the_browser(house: House, as_user: AsUser):
    content = b"other weights"
    row = catalog.version(
        house.version.model, actor=house.developer, version="3.0.0", artifacts=[catalog.declared("w.bin", content)]
    )
    client, path = as_user(house.developer), "/models/income-model/versions/3.0.0/upload/"
    wrong = _post(client, path, artifact="w.bin", file=SimpleUploadedFile("w.bin", b"wrong weights"))
    assert wrong.status_code == 422
    assert "was declared" in wrong.content.decode()
    right = _post(client, path, artifact="w.bin", file=SimpleUploadedFile("w.bin", content))
    assert right.status_code == 303, right.content.decode()
    assert "Nothing waits" in client.get(path).content.decode()
    assert row.artifacts.get().sha256


def test_card_is_written_and_measured_sections_are_no_fields(house: House, as_user: AsUser):
    client = as_user(house.developer)
    page = client.get(f"{VERSION}card/").content.decode()
    assert 'name="intended_use"' in page
    assert 'name="evaluation"' not in page
    data = dict.fromkeys(("intended_use", "out_of_scope", "users_affected", "limitations"), "Words.")
    response = _post(client, f"{VERSION}card/", based_on="0", human_oversight="A person.", evaluation="typed", **data)
    assert response.status_code == 303, response.content.decode()
    revision = CardRevision.objects.get()
    assert revision.content["evaluation"].startswith("accuracy on test")
    assert "The card is complete." in client.get(VERSION).content.decode()


def test_stale_card_keeps_what_was_typed(house: House, as_user: AsUser):
    cards.save_card(house.version, actor=house.owner, sections={"limitations": "Theirs."}, based_on=0)
    client = as_user(house.developer)
    response = _post(client, f"{VERSION}card/", based_on="0", limitations="Mine.")
    text = response.content.decode()
    assert response.status_code == 409
    assert "Mine." in text
    assert "Theirs." in text
    assert 'name="based_on" value="1"' in text
    assert _post(client, f"{VERSION}card/", based_on="1", limitations="Mine.").status_code == 303


def test_new_number_makes_the_card_stale(house: House, as_user: AsUser):
    sections = dict.fromkeys(["intended_use", "out_of_scope", "users_affected", "limitations", "human_oversight"], "x")
    cards.save_card(house.version, actor=house.owner, sections=sections)
    catalog.metrics(house.version, accuracy=0.9)
    text = as_user(house.viewer).get(VERSION).content.decode()
    assert "Measured again since the card was saved" in text


def test_datasets_and_endpoints_are_registered_in_the_browser(house: House, as_user: AsUser):
    client = as_user(house.owner)
    assert _post(client, "/datasets/new/", name="new-data", title="New", team="lending").status_code == 303
    columns = "age int64\nfull name string"
    response = _post(
        client,
        "/datasets/new-data/snapshots/new/",
        label="v1",
        sha256="a" * 64,
        rows="10",
        columns=columns,
        residency="eu-central-1",
        licence="MIT",
        contains_personal_data="no",
    )
    assert response.status_code == 303, response.content.decode()
    snapshot = Dataset.objects.get(name="new-data").snapshots.get()
    assert snapshot.schema[1] == {"name": "full name", "type": "string"}
    assert snapshot.contains_personal_data is False
    data = {"name": "new-endpoint", "team": "lending", "environment": "staging", "exposure": "internal"}
    assert _post(client, "/endpoints/new/", **data).status_code == 422
    assert _post(client, "/endpoints/new/", regions="eu-central-1, eu-west-3", **data).status_code == 303
    assert Endpoint.objects.get(name="new-endpoint").regions == ["eu-central-1", "eu-west-3"]


def test_endpoint_says_what_answered_when(house: House, as_user: AsUser):
    endpoint, now = Endpoint.objects.get(name="income-prod"), timezone.now()
    second = catalog.version(house.version.model, actor=house.developer, version="2.0.0")
    for row, at, ref in ((house.version, now - timedelta(days=9), "R-1"), (second, now - timedelta(days=2), "R-2")):
        with transaction.atomic():
            open_deployment(lock_endpoint(endpoint.pk), row, actor=house.owner, release_ref=ref, now=at)
    client = as_user(house.viewer)
    page = client.get("/endpoints/income-prod/").content.decode()
    assert "2.0.0 answers here since" in page
    then = (now - timedelta(days=5)).isoformat()
    assert "answered, opened by R-1" in client.get("/endpoints/income-prod/", {"at": then}).content.decode()
    before = (now - timedelta(days=50)).strftime("%Y-%m-%dT%H:%M")
    assert "nothing answered here" in client.get("/endpoints/income-prod/", {"at": before}).content.decode()
    wrong = client.get("/endpoints/income-prod/", {"at": "yesterday<script>"}).content.decode()
    assert "is not a moment" in wrong
    assert "<script>yesterday" not in wrong
    assert endpoints.Deployment.objects.count() == 2


@pytest.mark.parametrize("path", ["/models/a%00b/", "/models/income-model/versions/%00/", "/datasets/%00/"])
def test_nul_in_an_address_is_not_found(house: House, as_user: AsUser, path: str):
    assert as_user(house.owner).get(path).status_code == 404


def test_palette_finds_what_the_person_may_see(house: House, as_user: AsUser):
    hits = as_user(house.viewer).get("/search", {"q": "income"}).content.decode()
    assert "/models/income-model/" in hits
    assert "/endpoints/income-prod/" in hits
    assert "income" not in as_user(people.person("viewer", people.team("clinic"))).get(
        "/search", {"q": "inc"}
    ).content.decode().replace('"inc"', "")
