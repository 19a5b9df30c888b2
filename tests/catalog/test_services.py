"""What the database itself refuses, and what services leave behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, InternalError, ProgrammingError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone

from catalog import selectors
from catalog.models import Blob, Deployment, Endpoint, ModelVersion, RegisteredModel, TrainingRun
from catalog.services import blobs, rows, versions
from catalog.services.endpoints import lock_endpoint, open_deployment
from portal.accounts import services
from portal.accounts.choices import SECOND_LINE
from portal.errors import Conflict, InvalidInput, NotFound, PermissionRefused, TooLarge
from portal.ledger.models import LedgerEntry
from tests.catalog.conftest import House
from tests.factories import catalog, people

REFUSED = (IntegrityError, InternalError, ProgrammingError)


def test_each_act_leaves_an_entry(house: House):
    events = set(LedgerEntry.objects.values_list("event", flat=True))
    assert {
        "catalog:model:registered",
        "catalog:version:registered",
        "catalog:training_run:registered",
        "catalog:artifact:uploaded",
        "catalog:fact:recorded",
        "catalog:dataset:registered",
        "catalog:snapshot:added",
        "catalog:endpoint:registered",
    } <= events


@pytest.mark.parametrize(
    "table",
    ["catalog_modelversion", "catalog_artifact", "catalog_evidence", "catalog_metric", "catalog_datasetsnapshot"],
)
def test_append_only_rows_are_neither_changed_nor_deleted(house: House, table: str):
    for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
        with pytest.raises(REFUSED), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_change_without_an_entry_is_refused_at_commit():
    model = catalog.model()
    with pytest.raises(REFUSED), transaction.atomic():
        RegisteredModel.objects.filter(pk=model.pk).update(title="Changed in silence")
    model.refresh_from_db()
    assert model.title == "Income eligibility"


def test_deployments_of_one_endpoint_cannot_overlap(house: House):
    endpoint, now = Endpoint.objects.get(), timezone.now()
    open_deployment(lock_endpoint(endpoint.pk), house.version, actor=house.owner, release_ref="R-1", now=now)
    inside = DateTimeTZRange(now + timedelta(hours=1), now + timedelta(hours=2), "[)")
    with pytest.raises(IntegrityError, match="deployment_no_overlap"), transaction.atomic():
        Deployment.objects.create(endpoint=endpoint, version=house.version, release_ref="R-2", during=inside)
    with pytest.raises(Conflict, match="already answers"):
        open_deployment(lock_endpoint(endpoint.pk), house.version, actor=house.owner, release_ref="R-2", now=now)


def test_new_deployment_closes_the_old_one_without_a_gap(house: House):
    endpoint, start = Endpoint.objects.get(), timezone.now()
    second = catalog.version(house.version.model, actor=house.developer, version="2.0.0")
    open_deployment(lock_endpoint(endpoint.pk), house.version, actor=house.owner, release_ref="R-1", now=start)
    turn = start + timedelta(hours=1)
    opened, closed = open_deployment(lock_endpoint(endpoint.pk), second, actor=house.owner, release_ref="R-2", now=turn)
    assert closed is not None
    assert closed.during.upper == opened.during.lower == turn
    assert selectors.deployed_at(endpoint, turn).version == second
    assert selectors.deployed_at(endpoint, turn - timedelta(seconds=1)).version == house.version
    assert selectors.deployed_at(endpoint, start - timedelta(seconds=1)) is None


def test_other_team_may_neither_read_nor_write(house: House):
    with pytest.raises(NotFound):
        selectors.version_named(house.stranger, "income-model", "1.0.0")
    with pytest.raises(PermissionRefused):
        catalog.version(house.version.model, actor=house.stranger)
    with pytest.raises(PermissionRefused):
        catalog.metrics(house.version, actor=house.stranger)
    with pytest.raises(PermissionRefused):
        versions.upload_artifact(house.version.artifacts.get(), actor=house.stranger, pieces=[b""])


def test_contradicting_values_are_no_taken_name(house: House):
    row = catalog.snapshot()
    row.pk, row.label, row.rows = None, "other", -1
    with pytest.raises(InvalidInput, match="contradict"):
        rows.validated(row)


def test_name_taken_by_another_request_meanwhile_is_a_conflict(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rows, "validated", lambda row, exclude=(): None)
    with pytest.raises(Conflict) as caught:
        catalog.model(owner=house.owner, name="income-model")
    assert caught.value.field == "name"


def test_store_is_cut_off_at_the_limit_and_keeps_nothing(db: None):
    read = []

    def endless():
        while True:
            read.append(1)
            yield b"x" * 1000

    with pytest.raises(TooLarge):
        blobs.store(endless(), limit=10_000)
    assert len(read) == 11
    assert not Blob.objects.exists()


def test_store_twice_keeps_one_and_mends_what_a_crash_cut_off(db: None):
    content = b"content of a blob that a crash cut off"
    blob = blobs.store([content], limit=1000)
    assert blobs.store([content], limit=1000) == blob
    default_storage.delete(blob.path)
    default_storage.save(blob.path, ContentFile(content[:5]))
    blobs.store([content], limit=1000)
    with blobs.open_blob(blob) as file:
        assert file.read() == content


def test_version_digest_does_not_depend_on_the_order(db: None):
    a, b = catalog.declared("a", b"1"), catalog.declared("b", b"2")
    assert versions.version_digest("m", "1", [a, b]) == versions.version_digest("m", "1", [b, a])
    assert versions.version_digest("m", "1", [a, b]) != versions.version_digest("m", "2", [a, b])


def test_files_and_version_are_registered_together_or_not_at_all(house: House):
    wrong = catalog.declared("w.bin", b"declared")
    with pytest.raises(InvalidInput), transaction.atomic():
        versions.register_with_files(
            house.version.model, actor=house.developer, version="5.0.0", files=[(wrong, iter([b"sent it"]))]
        )
    assert not ModelVersion.objects.filter(version="5.0.0").exists()


def test_newest_number_counts(house: House):
    catalog.metrics(house.version, accuracy=0.91)
    found = selectors.current_metrics([house.version.pk])[house.version.pk]
    assert [row.value for row in found if row.name == "accuracy"] == [0.91]
    assert selectors.lowest_ratios([house.version.pk])[house.version.pk].ratio == 0.95


def named_run(trainer: Any, job_id: str = "job-named") -> versions.DeclaredRun:
    return versions.DeclaredRun(job_id, "0a1b2c3", parameters={"seed": 1}, trained_by=trainer)


@pytest.mark.parametrize("role", [*sorted(SECOND_LINE), "auditor", "admin", "viewer", None])
def test_trainer_is_nobody_who_only_reviews(house: House, role: str | None):
    """A trainer never decides: naming a reviewer would take the decision out of their hands."""
    team = house.version.model.team if role != "admin" else None
    reviewer = people.person(role, team)
    with pytest.raises(InvalidInput) as caught, transaction.atomic():
        catalog.version(house.version.model, actor=house.developer, run=named_run(reviewer))
    assert (caught.value.code, caught.value.field) == ("trainer-not-in-team", "training_run.trained_by")
    assert not TrainingRun.objects.filter(job_id="job-named").exists()


def test_trainer_is_nobody_of_another_team_or_who_left(house: House):
    gone = people.person("developer", house.version.model.team)
    services.end_membership(gone.memberships.get(), actor=None)
    closed = people.person("developer", house.version.model.team)
    services.set_active(closed, active=False, actor=None)
    for person in (house.stranger, gone, closed):
        with pytest.raises(InvalidInput, match="no part in building"), transaction.atomic():
            catalog.version(house.version.model, actor=house.developer, run=named_run(person))


def test_trainer_is_a_builder_of_the_team_or_oneself(house: House):
    team = house.version.model.team
    trainers = [house.owner, house.developer, people.person("developer"), people.service("developer", team), None]
    for number, person in enumerate(trainers):
        row = catalog.version(house.version.model, actor=house.developer, run=named_run(person, f"job-{number}-named"))
        assert row.training_run.trained_by == (person or house.developer)


def test_known_run_keeps_its_trainer(house: House):
    model = house.version.model
    catalog.version(model, actor=house.developer, run=named_run(house.owner))
    # Without a name nothing is claimed, and the same name claims the same.
    for person in (None, house.owner):
        assert (
            catalog.version(model, actor=house.developer, run=named_run(person)).training_run.trained_by == house.owner
        )
    with pytest.raises(Conflict) as caught:
        catalog.version(model, actor=house.developer, run=named_run(house.developer))
    assert caught.value.code == "run-differs"
