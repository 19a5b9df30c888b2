"""What was live when, on whose word: pages, API, files, hostile times."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Deployment
from governance import selectors_history as reads
from tests.factories import catalog, governance, people

pytestmark = pytest.mark.django_db
HOSTILE = (
    "never",
    "2026-13-45",
    "9" * 400,
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-11-24T10:00:00\x00",
    "'; DROP TABLE x; --",
    "2026-02-30T10:00",
    "٢٠٢٦-١١-٢٤",
    "\ud800",
)


@pytest.fixture
def who():
    return governance.cast()


@pytest.fixture
def pair(who):
    """Two releases to one endpoint, one after the other, and a moment at which the first was live."""
    endpoint = catalog.endpoint(owner=who.owner, team=who.team)
    first = governance.live_release(who, endpoint=endpoint)
    between = timezone.now()
    version = governance.ready_version(who, model=first.version.model, accuracy=0.86)
    second = governance.release_in_review(who, version=version, endpoint=endpoint)
    for role, person in who.second.items():
        governance.decide(second, person, role)
    first.refresh_from_db()
    second.refresh_from_db()
    return first, second, between


@pytest.fixture
def api(who):
    token = people.token(who.owner)
    return lambda path, **data: Client().get(f"/api/v1/{path}", data, HTTP_AUTHORIZATION=f"Bearer {token}")


def test_live_at_each_moment_and_who_approved_it(who, pair, api):
    first, second, between = pair
    name = first.endpoint.name
    now = api(f"endpoints/{name}/live").json()["live"]
    assert now["release"] == second.public_id
    assert {row["person"] for row in now["approvals"]} == {user.username for user in who.second.values()}
    assert now["until"] is None
    then = api(f"endpoints/{name}/live", at=between.isoformat()).json()["live"]
    assert then["release"] == first.public_id
    assert {row["person"] for row in then["approvals"]} == {user.username for user in who.reviewers.values()}
    assert then["version"] == first.version.version
    before = first.live_at - timedelta(days=1)
    assert api(f"endpoints/{name}/live", at=before.isoformat()).json()["live"] is None


def test_bounds_belong_to_the_later(pair, api):
    first, second, _ = pair
    deployment = Deployment.objects.get(release_ref=second.public_id)
    exact = deployment.during.lower.isoformat()
    assert api(f"endpoints/{first.endpoint.name}/live", at=exact).json()["live"]["release"] == second.public_id


def test_an_approval_given_later_is_not_part_of_the_answer(who, pair):
    first, _, between = pair
    asked = first.live_at - timedelta(microseconds=1)
    assert reads.answer_at(who.owner, first.endpoint, asked).deployment is None
    assert len(reads.answer_at(who.owner, first.endpoint, between).approvals) == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_times_are_named_and_refused(who, pair, api, as_user, text):
    name = pair[0].endpoint.name
    answer = api(f"endpoints/{name}/live", at=text.encode("utf-8", "surrogatepass"))
    assert answer.status_code in (200, 422)
    page = as_user(who.owner).get(f"/endpoints/{name}/at/", {"t": text.encode("utf-8", "surrogatepass")})
    assert page.status_code == 200
    history = as_user(who.owner).get(f"/endpoints/{name}/history/", {"from": text.encode("utf-8", "surrogatepass")})
    assert history.status_code == 200


def test_a_moment_to_come_is_not_known(who, pair, api, as_user):
    name, later = pair[0].endpoint.name, (timezone.now() + timedelta(days=1)).isoformat()
    answer = api(f"endpoints/{name}/live", at=later)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("future-moment")
    assert "has not come yet" in as_user(who.owner).get(f"/endpoints/{name}/at/", {"t": later}).content.decode()


def test_a_lost_plus_is_a_zone():
    assert reads.moment_of("2026-11-24T10:00:00 02:00") == reads.moment_of("2026-11-24T08:00:00+00:00")
    assert reads.moment_of("2026-11-24 10:00:00") == reads.moment_of("2026-11-24T10:00:00Z")


def test_pages_say_it_in_words(who, pair, as_user):
    first, second, between = pair
    browser, name = as_user(who.owner), first.endpoint.name
    page = browser.get(f"/endpoints/{name}/at/").content.decode()
    assert f"{second.version} answers here since" in page
    assert str(who.second["validator"]) in page
    page = browser.get(f"/endpoints/{name}/at/", {"t": between.isoformat()}).content.decode()
    assert f"it was {first.version}" in page
    for path in (f"/endpoints/{name}/history/", f"/models/{first.version.model.name}/history/"):
        page = browser.get(path).content.decode()
        assert first.public_id in page
        assert second.public_id in page
        assert "still does" in page
    assert "history" in browser.get(f"/endpoints/{name}/").content.decode()


def test_filters_narrow_page_and_file_alike(who, pair, as_user):
    first, second, _ = pair
    browser, path = as_user(who.owner), f"/models/{first.version.model.name}/history"
    page = browser.get(f"{path}/", {"state": "superseded"}).content.decode()
    assert first.public_id in page
    assert second.public_id not in page
    rows = list(csv.DictReader(io.StringIO(browser.get(f"{path}.csv", {"state": "superseded"}).content.decode())))
    assert [row["release"] for row in rows] == [first.public_id]
    assert who.reviewers["validator"].name in rows[0]["decisions"]
    whole = json.loads(browser.get(f"{path}.json").content)
    assert [row["release"] for row in whole["results"]] == [second.public_id, first.public_id]
    assert "No release matches" in browser.get(f"{path}/", {"q": "no-such"}).content.decode()
    assert browser.get(f"{path}.exe").status_code == 404


def test_api_history_pages(pair, api):
    first, second, _ = pair
    one = api(f"endpoints/{first.endpoint.name}/history", limit=1).json()
    assert [row["release"] for row in one["results"]] == [second.public_id]
    two = api(f"endpoints/{first.endpoint.name}/history", after=one["next"]).json()
    assert [row["release"] for row in two["results"]] == [first.public_id]
    assert two["next"] is None
    assert len(two["results"][0]["approvals"]) == 2
    assert api(f"models/{first.version.model.name}/history", **{"from": "never"}).status_code == 422


def test_another_team_sees_nothing(pair, as_user):
    stranger = people.person("developer", people.team("clinic"))
    first = pair[0]
    for path in (f"endpoints/{first.endpoint.name}/at/", f"models/{first.version.model.name}/history/"):
        assert as_user(stranger).get(f"/{path}").status_code == 404


def test_number_of_queries_is_fixed(who, pair):
    first, _, _ = pair
    actor = type(who.owner).objects.get(pk=who.owner.pk)
    assert actor.grants
    assert first.endpoint
    with CaptureQueriesContext(connection) as seen:
        reads.answer_at(actor, first.endpoint, timezone.now())
    assert len(seen) <= 6, [row["sql"][:150] for row in seen]
    with CaptureQueriesContext(connection) as seen:
        reads.chapters(list(reads.history(actor, endpoint=first.endpoint)))
    assert len(seen) == 3
