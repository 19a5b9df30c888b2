"""Who reads which entries: those of one's teams and of the organisation, in the list, the export and the API."""

from __future__ import annotations

import importlib
import json

import psycopg
import pytest
from django.apps import apps
from django.db import connection, transaction
from django.urls import reverse

from governance.models import Release
from portal.accounts import services
from portal.accounts.models import Team, User
from portal.ledger import merkle, notes, selectors, states, teams
from portal.ledger.keys import verifier
from portal.ledger.models import LedgerEntry
from portal.ledger.services import Subject, erase_personal, record
from portal.ledger.verify import verify
from tests import databases
from tests.factories import catalog, governance, people
from tests.portal.ledger import log

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two():
    """A model of lending and one of the clinic, each with its entries, numbered and sealed."""
    lending, clinic = people.team("lending"), people.team("clinic")
    models = {
        team.slug: catalog.version(catalog.model(team=team, name=f"model-of-{team.slug}")) for team in (lending, clinic)
    }
    log.seal()
    return models


def of(version):
    """The entry about a model's registration."""
    return LedgerEntry.objects.get(subject_type="model", subject_id=str(version.model_id))


def reader(team="lending", role="developer"):
    return people.person(role, people.team(team) if team else None)


def call(client, path, user):
    return client.get(f"/api/v1/ledger{path}", headers={"authorization": f"Bearer {people.token(user)}"})


def test_entries_of_rows_know_their_team(two):
    lending = Team.objects.get(slug="lending")
    kinds = set(LedgerEntry.objects.filter(team=lending).values_list("subject_type", flat=True))
    assert {"team", "membership", "model", "version", "training_run"} <= kinds
    assert not LedgerEntry.objects.filter(team=lending, subject_id=str(two["clinic"].model_id), subject_type="model")


def test_list_shows_own_teams_and_the_organisation(two, as_user):
    page = as_user(reader()).get(reverse("audit-log"))
    shown = {one.pk for one in page.context["entries"]}
    assert of(two["lending"]).pk in shown
    assert of(two["clinic"]).pk not in shown
    kinds = {one.subject_type for one in page.context["entries"]}
    assert "user" in kinds, "accounts are the organisation's"
    assert "of your teams and of the organisation" in page.content.decode()


@pytest.mark.parametrize("role", ["auditor", "compliance", "admin"])
def test_readers_of_the_organisation_see_all(two, as_user, role):
    page = as_user(reader(None, role)).get(reverse("audit-log"))
    assert {of(two["lending"]).pk, of(two["clinic"]).pk} <= {one.pk for one in page.context["entries"]}
    assert "of your teams" not in page.content.decode()


def test_auditor_of_one_team_sees_that_team(two):
    rows = selectors.entries_for(reader("clinic", "auditor"))
    assert of(two["clinic"]) in rows
    assert of(two["lending"]) not in rows


def test_entry_of_another_team_is_as_one_that_does_not_exist(two, as_user, client):
    user, hidden = reader(), of(two["clinic"])
    browser = as_user(user)
    for name in ("ledger-entry", "ledger-entry-json"):
        pages = [browser.get(reverse(name, args=[idx])) for idx in (hidden.idx, 999_999)]
        assert [page.status_code for page in pages] == [404, 404]
        texts = [page.content.decode().replace(str(hidden.idx), "N").replace("999999", "N") for page in pages]
        assert "model-of-clinic" not in texts[0]
        assert "catalog:model" not in texts[0]
    answers = [call(client, f"/entries/{idx}", user) for idx in (hidden.idx, 999_999)]
    assert [one.status_code for one in answers] == [404, 404]
    bodies = [one.json() for one in answers]
    assert bodies[0]["detail"].replace(str(hidden.idx), "N") == bodies[1]["detail"].replace("999999", "N")


def test_api_list_and_its_pages_hold_own_entries_only(two, client):
    user, seen, after = reader(), [], ""
    while after is not None:
        page = call(client, f"/entries?limit=2{after and f'&after={after}'}", user).json()
        seen += [row["idx"] for row in page["results"]]
        after = page["next"]
    expected = selectors.entries_for(user).filter(idx__isnull=False).order_by("-idx").values_list("idx", flat=True)
    assert seen == list(expected)
    assert of(two["clinic"]).idx not in seen


def test_filter_by_subject_of_another_team_finds_nothing(two, as_user, client):
    user, hidden = reader(), of(two["clinic"])
    query = {"subject_type": "model", "subject_id": hidden.subject_id}
    page = as_user(user).get(reverse("audit-log"), query)
    assert page.context["entries"] == []
    assert "Entries of other teams are not shown to you" in page.content.decode()
    assert call(client, f"/entries?subject_type=model&subject_id={hidden.subject_id}", user).json()["results"] == []


def test_choices_of_the_filters_name_only_what_can_be_read(two):
    with transaction.atomic():
        record(
            actor=None,
            event="clinic:trial:begun",
            subject=Subject("clinic.trial", "1", people.team("clinic").pk),
            body={},
        )
    mine, all_of_it = reader(), reader(None, "auditor")
    assert "clinic:trial:begun" in selectors.known_events(all_of_it)
    assert "clinic:trial:begun" not in selectors.known_events(mine)
    assert "clinic.trial" not in selectors.known_subject_types(mine)
    assert "catalog:model:registered" in selectors.known_events(mine)
    assert selectors.known_events(people.person("viewer")) == selectors.known_events(None) == []


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_export_leaves_other_teams_out(two, as_user, form):
    page = as_user(reader()).get(reverse("audit-log-export", args=[form]))
    text = b"".join(page.streaming_content).decode()
    assert bytes(of(two["lending"]).leaf_hash).hex() in text
    assert bytes(of(two["clinic"]).leaf_hash).hex() not in text


def test_proof_of_a_visible_entry_needs_nothing_else(two, as_user):
    proof = json.loads(as_user(reader()).get(reverse("ledger-entry-json", args=[of(two["lending"]).idx])).content)
    root = notes.open_checkpoint(proof["note"], verifier()).root
    path = [bytes.fromhex(step) for step in proof["proof"]]
    merkle.verify_inclusion(merkle.leaf_hash(proof["raw"].encode()), proof["index"], proof["size"], path, root)
    assert "clinic" not in json.dumps(proof)


def test_history_beside_an_entry_holds_what_can_be_read(as_user):
    lending, clinic = people.team("lending").pk, people.team("clinic").pk
    with transaction.atomic():
        for team in (lending, clinic, lending):
            record(actor=None, event="test:thing:happened", subject=Subject("test.thing", "1", team), body={})
    log.seal()
    mine = LedgerEntry.objects.filter(team_id=lending, subject_type="test.thing").first()
    page = as_user(reader()).get(reverse("ledger-entry", args=[mine.idx]))
    assert {one.team_id for one in page.context["history"]} == {lending}
    assert len(page.context["history"]) == 2


def test_entry_whose_team_nobody_knows_is_for_readers_of_all():
    row = log.entry()
    assert row.team_id is None
    assert row not in selectors.entries_for(reader())
    assert row in selectors.entries_for(reader(None, "auditor"))


def test_token_of_somebody_is_for_readers_of_all():
    people.token(reader("clinic"))
    rows = LedgerEntry.objects.filter(subject_type="token")
    assert rows
    assert not selectors.entries_for(reader()).filter(subject_type="token")


def test_ended_role_reads_nothing_more():
    user = reader()
    services.end_membership(user.memberships.get(), actor=None)
    assert not selectors.entries_for(User.objects.get(pk=user.pk))


def test_job_and_erasure_follow_the_team_of_their_subject():
    lending = people.team("lending")
    with transaction.atomic():
        row = record(
            actor=None,
            event="test:thing:happened",
            subject=Subject("test.thing", "1", lending.pk),
            body={},
            personal={"reason": "private"},
        )
    erase_personal(row.personal.get(), actor=None, ground="art17")
    erased = LedgerEntry.objects.get(subject_type="ledger.entry")
    assert erased.team_id == lending.pk


def test_team_costs_no_query_where_the_way_is_loaded(django_assert_num_queries):
    who = governance.cast()
    release = governance.release_in_review(who)
    approval = governance.decide(release, who.reviewers["validator"], "validator")
    with django_assert_num_queries(0):
        assert teams.team_of(approval) == who.team.pk
    with django_assert_num_queries(1):
        assert teams.team_of(Release(version_id=release.version_id)) == who.team.pk


def test_whole_release_looks_no_team_up(monkeypatch):
    """From the model's registration to the deployment every service has the way to the team at hand."""

    def refuse(model, key, steps):
        raise AssertionError(f"a query for the team by {model.__name__} {steps}")

    monkeypatch.setattr(teams, "_fetched", refuse)
    assert governance.live_release(governance.cast()).state == "live"


def test_every_governed_model_says_whose_its_entries_are():
    """Who adds a model decides here: a manager made by `scoped`, a path, or the organisation; tokens are nobody's."""
    silent = {states.ledger_type(model) for model in states.governed_models() if not teams.is_decided(model)}
    assert silent <= {"token"}, "register them in the app's ledger_states.py (portal.ledger.teams)"
    assert teams.check_registrations() == []


def test_two_ways_for_one_model_are_refused():
    with pytest.raises(ValueError, match="already"):
        teams.register("accounts.Membership", "user__team")


def test_way_that_no_model_has_is_named(monkeypatch):
    monkeypatch.setitem(teams._paths, "accounts.user", "no_such__team")
    assert teams.check_registrations() == ["accounts.user: there is no no_such in no_such__team"]


def test_migration_gives_old_entries_the_team_of_their_subject():
    """Entries as an earlier release left them, without a team: filled as the owner, past the guard and only then."""
    who = governance.cast()
    release = governance.live_release(who)
    assert release.state == "live"
    log.seal()
    before = dict(LedgerEntry.objects.values_list("pk", "team_id"))
    assert len(set(before.values())) > 1
    log.as_superuser("UPDATE ledger_ledgerentry SET team_id = NULL")
    migration = importlib.import_module("portal.ledger.migrations.0002_entry_team")
    name = connection.settings_dict["NAME"]
    with psycopg.connect(databases.url_for(name)) as owner:
        migration.fill(apps, _Editor(owner))
    assert dict(LedgerEntry.objects.values_list("pk", "team_id")) == before
    outcome = verify()
    assert not outcome.by_kind, outcome.by_kind
    with pytest.raises(Exception, match="append-only"), psycopg.connect(databases.url_for(name)) as owner:
        owner.execute("UPDATE ledger_ledgerentry SET team_id = 1")


class _Editor:
    """What a migration's function uses of a schema editor."""

    def __init__(self, connection):
        self.connection = connection
