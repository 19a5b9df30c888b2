"""The palette finds what the person may see, and nothing else."""

import pytest
from django.urls import reverse

from portal.shell import search
from tests.factories import people

pytestmark = pytest.mark.django_db


def found(client, q):
    return client.get(reverse("search"), {"q": q}).json()["results"]


def test_administrator_finds_people(as_user):
    anna = people.person("viewer", username="anna")
    rows = found(as_user(people.person("admin")), "ANN")
    url = reverse("person-edit", kwargs={"key": anna.uuid})
    assert {"label": "Anna", "url": url, "kind": "person"} in rows


def test_others_do_not(as_user):
    people.person("viewer", username="anna")
    assert [row for row in found(as_user(people.person("fairness")), "anna") if row["kind"] == "person"] == []


@pytest.mark.parametrize("q", ["", "   ", "\x00", "%", "'; --", "x" * 5000, "é😀"])
def test_odd_words_are_harmless(as_user, q):
    assert isinstance(found(as_user(people.person("admin")), q), list)


def test_sources_are_asked_in_order_and_cut(monkeypatch):
    user = people.person("viewer")
    monkeypatch.setattr(search, "_functions", [])
    search.register(lambda actor, q: [(f"{q} {n}", "/", "thing") for n in range(50)])
    search.register(lambda actor, q: [("last", "/", "other")])
    rows = search.find(user, "  model ")
    assert len(rows) == search.MAX_PER_SOURCE + 1
    assert (rows[0][0], rows[-1][0]) == ("model 0", "last")


def test_nobody_is_sent_to_log_in(client):
    assert client.get(reverse("search"), {"q": "x"}).status_code == 302
