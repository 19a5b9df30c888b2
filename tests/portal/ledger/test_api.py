import pytest

from portal.ledger import merkle, notes
from portal.ledger.services import sequence
from tests.factories import people
from tests.portal.ledger import log

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def headers():
    return {"authorization": f"Bearer {people.token(people.person('auditor'))}"}


def test_entries_page_by_number(client, headers):
    log.fill(5)
    first = client.get("/api/v1/ledger/entries?limit=3", headers=headers).json()
    numbers = [row["idx"] for row in first["results"]]
    assert numbers == sorted(numbers, reverse=True)
    rest = client.get(f"/api/v1/ledger/entries?after={first['next']}", headers=headers).json()
    assert rest["results"][0]["idx"] == first["next"] - 1
    assert rest["next"] is None
    assert rest["results"][-1]["idx"] == 0


def test_entries_narrow_by_subject(client, headers):
    log.entry({}, subject="special")
    log.fill(2)
    found = client.get("/api/v1/ledger/entries?subject_type=test.thing&subject_id=special", headers=headers).json()
    assert [row["subject_id"] for row in found["results"]] == ["special"]


def test_entry_comes_with_a_proof_that_verifies(client, headers):
    log.fill(6)
    body = client.get("/api/v1/ledger/entries/2", headers=headers).json()
    proof = body["proof"]
    root = notes.open_checkpoint(proof["note"], notes.Verifier.parse(proof["key"])).root
    path = [bytes.fromhex(step) for step in proof["proof"]]
    merkle.verify_inclusion(merkle.leaf_hash(body["leaf"].encode()), 2, proof["size"], path, root)


def test_entry_without_checkpoint_has_no_proof_yet(client, headers):
    sequence()
    assert client.get("/api/v1/ledger/entries/0", headers=headers).json()["proof"] is None


def test_unknown_entry_is_a_problem(client, headers):
    answer = client.get("/api/v1/ledger/entries/999", headers=headers)
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_bad_page_is_a_problem(client, headers):
    assert client.get("/api/v1/ledger/entries?after=x", headers=headers).status_code == 422


def test_checkpoint_names_the_level_of_assurance(client, headers):
    assert client.get("/api/v1/ledger/checkpoint", headers=headers).status_code == 404
    log.seal()
    body = client.get("/api/v1/ledger/checkpoint", headers=headers).json()
    assert (body["size"] > 0, body["assurance"]) == (True, "beside")


def test_viewer_and_stranger_are_refused(client):
    token = people.token(people.person("viewer"))
    assert client.get("/api/v1/ledger/entries", headers={"authorization": f"Bearer {token}"}).status_code == 403
    assert client.get("/api/v1/ledger/entries").status_code == 401
