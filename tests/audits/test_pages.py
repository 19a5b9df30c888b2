"""Pages of audits: who sees what, the upload in two steps, and what a failed one says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from audits.models import EvidencePack, TestRun
from audits.services import staging
from audits.services.bias import submit_predictions
from audits.services.packs import request_pack
from governance.models import Release
from portal.accounts.models import User
from portal.jobs.models import Job
from tests.audits.conftest import ADULT, BAD, World

RunJobs = Callable[[], list[Job]]
AsUser = Callable[[User], Client]


@pytest.fixture
def run(world: World, run_jobs: RunJobs) -> TestRun:
    row = submit_predictions(
        world.version, actor=world.developer, path=ADULT, protected=["sex", "race"], file_name="adult.csv.gz"
    )
    run_jobs()
    row.refresh_from_db()
    return row


@pytest.fixture
def pack(world: World, release: Release, run_jobs: RunJobs) -> EvidencePack:
    row = request_pack(release, actor=world.owner)
    run_jobs()
    row.refresh_from_db()
    return row


def new_url(world: World) -> str:
    return reverse("bias-new", kwargs={"name": "income-model", "version": "1.0.0"})


def test_empty_lists_say_what_to_do(world: World, as_user: AsUser) -> None:
    client = as_user(world.viewer)
    assert "No bias report yet" in client.get(reverse("bias-reports")).content.decode()
    assert "No pack yet" in client.get(reverse("evidence-packs")).content.decode()


def test_report_answers_in_its_first_line(world: World, run: TestRun, as_user: AsUser) -> None:
    page = as_user(world.viewer).get(reverse("bias-report", kwargs={"number": run.evidence_id})).content.decode()
    for words in (
        "groups are below the four-fifths line",
        "Lowest group: sex Female, ratio 0.32 to Male",
        "What it does not say",
        "Worst intersections",
        'class="chart chart-wide"',
        "adult.csv.gz",
    ):
        assert words in page, words
    assert " style=" not in page
    assert "sex Female" in page
    listed = as_user(world.viewer).get(reverse("bias-reports")).content.decode()
    assert f"EV-{run.evidence_id}" in listed


def test_numbers_are_the_evidence_bytes(world: World, run: TestRun, as_user: AsUser) -> None:
    answer = as_user(world.viewer).get(reverse("bias-numbers", kwargs={"number": run.evidence_id}))
    assert answer.json()["counts"]["n"] == 16281


def test_another_team_sees_nothing(world: World, run: TestRun, pack: EvidencePack, as_user: AsUser) -> None:
    client = as_user(world.stranger)
    for url in (
        reverse("bias-report", kwargs={"number": run.evidence_id}),
        reverse("bias-numbers", kwargs={"number": run.evidence_id}),
        reverse("test-run", kwargs={"number": run.pk}),
        reverse("evidence-pack", kwargs={"pk": pack.pk}),
        reverse("evidence-pack-download", kwargs={"pk": pack.pk}),
        new_url(world),
    ):
        assert client.get(url).status_code == 404, url
    assert client.post(reverse("evidence-pack-new", kwargs={"number": pack.release_id})).status_code == 404


def test_nobody_is_sent_to_the_log_in(world: World) -> None:
    answer = Client().get(reverse("bias-reports"))
    assert (answer.status_code, reverse("account_login") in answer["Location"]) == (302, True)
    root = Client().get(reverse("evidence-ca"))
    assert root.content.startswith(b"-----BEGIN CERTIFICATE-----")


def staged_names() -> set[str]:
    """Files that wait between the two steps of an upload."""
    return {one.key for one in staging.waiting()}


def test_upload_in_two_steps(world: World, as_user: AsUser, run_jobs: RunJobs) -> None:
    client = as_user(world.developer)
    upload = SimpleUploadedFile("adult.csv.gz", ADULT.read_bytes())
    before = staged_names()
    shown = client.post(new_url(world), {"file": upload})
    page = shown.content.decode()
    assert shown.status_code == 200
    assert len(staged_names() - before) == 1
    assert "Step 2 of 2" in page
    assert '<option value="y_true" selected>' in page
    form = shown.context["form"]
    assert form["protected"].value() == ("sex", "race", "age_band")
    token = shown.context["staged"].token
    answer = client.post(
        new_url(world),
        {"staged": token, "label": "y_true", "prediction": "y_pred", "protected": ["sex"], "favourable": "1"},
    )
    run = TestRun.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, reverse("test-run", kwargs={"number": run.pk}))
    assert run.columns["protected"] == ["sex"]
    assert staged_names() == before, "the staged copy is gone"
    assert "under way" in client.get(answer["Location"]).content.decode()
    run_jobs()
    run.refresh_from_db()
    assert client.get(answer["Location"])["Location"] == reverse("bias-report", kwargs={"number": run.evidence_id})


def test_wrong_mapping_is_said_and_the_file_is_kept(world: World, as_user: AsUser) -> None:
    client = as_user(world.developer)
    shown = client.post(new_url(world), {"file": SimpleUploadedFile("a.csv.gz", ADULT.read_bytes())})
    given = {"staged": shown.context["staged"].token, "label": "y_true", "prediction": "y_true", "favourable": "1"}
    again = client.post(new_url(world), given | {"protected": ["sex"]})
    assert again.status_code == 422
    assert "must be different columns" in again.content.decode()
    assert again.context["staged"].token == given["staged"]
    assert not TestRun.objects.exists()
    other = as_user(world.owner).post(new_url(world), given | {"protected": ["sex"]})
    assert other.status_code == 422
    assert "no longer here" in other.content.decode()


@pytest.mark.parametrize(
    "name", ["empty.csv", "utf16.csv", "spreadsheet.csv", "cut_off.parquet", "duplicate_column.csv"]
)
def test_bad_header_is_said_beside_the_field(world: World, as_user: AsUser, name: str) -> None:
    upload = SimpleUploadedFile(name, (BAD / name).read_bytes())
    answer = as_user(world.developer).post(new_url(world), {"file": upload})
    assert answer.status_code == 422
    assert answer.context["form"].errors["file"]
    assert not TestRun.objects.exists()


def test_failed_run_says_what_to_mend(world: World, as_user: AsUser, run_jobs: RunJobs) -> None:
    run = submit_predictions(world.version, actor=world.developer, path=BAD / "one_class.csv", protected=["sex"])
    run_jobs()
    page = as_user(world.developer).get(reverse("test-run", kwargs={"number": run.pk})).content.decode()
    assert "with one class, error rates by group do not exist" in page
    assert "nothing was recorded" in page


def test_who_may_not_test_sees_why(world: World, as_user: AsUser) -> None:
    assert as_user(world.viewer).get(new_url(world)).status_code == 403
    assert as_user(world.viewer).post(new_url(world), {}).status_code == 403


def test_pack_is_asked_for_made_and_downloaded(
    world: World, release: Release, as_user: AsUser, run_jobs: RunJobs
) -> None:
    client = as_user(world.fairness)
    answer = client.post(reverse("evidence-pack-new", kwargs={"number": release.pk}))
    pack = EvidencePack.objects.get()
    assert answer["Location"] == reverse("evidence-pack", kwargs={"pk": pack.pk})
    assert "being made" in client.get(answer["Location"]).content.decode()
    assert client.get(reverse("evidence-pack-download", kwargs={"pk": pack.pk})).status_code == 409
    run_jobs()
    assert "Seal is valid" in client.get(answer["Location"]).content.decode()
    file = client.get(reverse("evidence-pack-download", kwargs={"pk": pack.pk}))
    assert file["Content-Type"] == "application/pdf"
    assert b"".join(file.streaming_content).startswith(b"%PDF-1.7")
    assert "Sealed" in client.get(reverse("evidence-packs")).content.decode()


def test_viewer_may_read_packs_but_not_make_them(world: World, pack: EvidencePack, as_user: AsUser) -> None:
    client = as_user(world.viewer)
    assert client.get(reverse("evidence-pack", kwargs={"pk": pack.pk})).status_code == 200
    assert client.post(reverse("evidence-pack-new", kwargs={"number": pack.release_id})).status_code == 403
