"""API of audits: predictions in, test run and evidence out; packs asked for, polled, downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from audits.models import TestRun
from catalog.models import Evidence
from governance.models import Release
from portal.accounts.models import User
from portal.jobs.models import Job
from tests.audits.conftest import ADULT, BAD, World
from tests.factories import people

RunJobs = Callable[[], list[Job]]
URL = "/api/v1/models/income-model/versions/1.0.0/predictions"


def client_of(user: User) -> Client:
    return Client(headers={"Authorization": f"Bearer {people.token(user)}"})


def test_form_upload_to_evidence(world: World, run_jobs: RunJobs) -> None:
    client = client_of(world.developer)
    answer = client.post(
        URL, {"file": SimpleUploadedFile("adult.csv.gz", ADULT.read_bytes()), "protected": "sex,race", "title": "Q3"}
    )
    assert answer.status_code == 202, answer.content
    body = answer.json()
    assert (answer["Location"], body["state"], body["title"]) == (body["url"], "queued", "Q3")
    run_jobs()
    done = client.get(body["url"]).json()
    assert (done["state"], done["evidence"]) == ("done", f"/api/v1/evidence/EV-{Evidence.objects.get().pk}")
    assert client.get(body["url"].replace("T-", "")).json() == done


def test_raw_upload_with_the_question_in_the_address(world: World, run_jobs: RunJobs) -> None:
    answer = client_of(world.developer).post(
        f"{URL}?protected=sex&favourable=0&reference=sex%3DMale",
        ADULT.read_bytes(),
        content_type="application/gzip",
    )
    assert answer.status_code == 202, answer.content
    run = TestRun.objects.get()
    assert (run.columns["favourable"], run.columns["references"]) == (0, {"sex": "Male"})
    assert [job.state for job in run_jobs()] == ["done"]


@pytest.mark.parametrize("path", sorted(BAD.iterdir()), ids=lambda path: path.name)
def test_bad_file_is_a_problem_at_once_or_a_failed_run(world: World, run_jobs: RunJobs, path: Path) -> None:
    client = client_of(world.developer)
    answer = client.post(URL, {"file": SimpleUploadedFile(path.name, path.read_bytes()), "protected": "sex"})
    if answer.status_code == 202:
        run_jobs()
        body = client.get(answer.json()["url"]).json()
        assert (body["state"], body["evidence"]) == ("failed", None)
        assert len(body["error"]) > 40
    else:
        assert answer.status_code == 422, answer.content
        assert answer["Content-Type"] == "application/problem+json"
        body = answer.json()
        assert body["field"] == "file"
        assert body["detail"]
        assert body["how"] or path.name == "empty.csv"
        assert not TestRun.objects.exists()
    assert not Evidence.objects.exists()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "protected"),
        ({"protected": "sex", "favourable": "yes"}, "favourable"),
        ({"protected": "sex", "reference": "Male"}, "references"),
        ({"protected": "sexe"}, "file"),
    ],
)
def test_bad_question_is_a_problem(world: World, given: dict[str, Any], field: str) -> None:
    file = SimpleUploadedFile("a.csv.gz", ADULT.read_bytes())
    answer = client_of(world.developer).post(URL, {"file": file, **given})
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_form_without_a_file(world: World) -> None:
    answer = client_of(world.developer).post(URL, {"protected": "sex"})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:gatehouse:problem:no-file")


def test_permissions(world: World, release: Release) -> None:
    file = {"file": SimpleUploadedFile("a.csv.gz", ADULT.read_bytes()), "protected": "sex"}
    assert Client().post(URL, file).status_code == 401
    assert client_of(world.viewer).post(URL, file).status_code == 403
    assert client_of(world.stranger).post(URL, file).status_code == 404
    packs = f"/api/v1/releases/R-{release.pk}/evidence-packs"
    assert Client().post(packs).status_code == 401
    assert client_of(world.viewer).post(packs).status_code == 403
    assert client_of(world.stranger).post(packs).status_code == 404
    assert client_of(world.viewer).get(packs).json() == {"results": [], "next": None}


def test_pack_is_polled_and_downloaded(world: World, release: Release, run_jobs: RunJobs) -> None:
    client = client_of(world.fairness)
    answer = client.post(f"/api/v1/releases/{release.pk}/evidence-packs")
    assert answer.status_code == 202
    url = answer["Location"]
    assert client.get(url).json()["report"] is None
    assert client.get(f"{url}/report.pdf").status_code == 409
    run_jobs()
    body = client.get(url).json()
    assert body["state"] == "done"
    assert body["report"] == f"{url}/report.pdf"
    file = client.get(body["report"])
    assert b"".join(file.streaming_content).startswith(b"%PDF-1.7")
    listed = client.get(f"/api/v1/releases/R-{release.pk}/evidence-packs").json()
    assert [row["id"] for row in listed["results"]] == [body["id"]]


def test_what_is_not_there(world: World) -> None:
    client = client_of(world.developer)
    for url in (
        "/api/v1/test-runs/T-999",
        "/api/v1/test-runs/x",
        "/api/v1/evidence-packs/P-1",
        "/api/v1/releases/R-1/evidence-packs",
    ):
        assert client.get(url).status_code == 404, url
