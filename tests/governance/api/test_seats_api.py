"""The API of seats: opinions, deputies, standing back, committees, the class of a difference."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from governance.models import Release
from tests.factories import governance, people
from tests.governance.api.test_api import Api, problem
from tests.governance.house import House
from tests.governance.test_seats import SEATED

pytestmark = pytest.mark.django_db
MINUTES = hashlib.sha256(b"minutes").hexdigest()


def digest(release: Release) -> str:
    release.refresh_from_db()
    return release.decision.digest


def decide(house, release, person, **body):
    body = {"choice": "approve", "role": "validator", "decision_digest": digest(release)} | body
    return Api(person).post(f"/releases/{release.public_id}/decisions", body)


def test_opinion_stands_in_the_answer_and_not_fit_blocks():
    house = House()
    release = house.release()
    problem(decide(house, release, house["validator"], opinion="not_fit"), 422, "opinion-odd")
    answer = decide(house, release, house["validator"], choice="reject", reason="No.", opinion="not_fit")
    assert answer.json()["approvals"][0]["opinion"] == "not_fit"
    again = Api(house["model_owner"]).post(
        "/releases",
        {"model": house.model.name, "version": "1.0.0", "endpoint": house.endpoint.name},
    )
    release = Release.objects.get(pk=int(again.json()["id"][2:]))
    second = people.person("validator", house.team)
    body = problem(decide(house, release, second), 409, "not-fit")
    assert "outvoted" in body["detail"]
    seat = Api(second).get(f"/releases/{release.public_id}").json()["seats"][0]
    assert (seat["state"], seat["opinion"], seat["line"]) == ("not_fit", True, "second line")


def test_deputy_is_named_decides_and_is_ended():
    house = House()
    release = house.release()
    deputy = people.person("risk", house.team)
    until = (timezone.now() + timedelta(days=3)).isoformat()
    body = {"deputy": deputy.username, "role": "validator", "team": house.team.slug, "until": until, "reason": "Away."}
    problem(Api(house["viewer"]).post("/delegations", body), 403, "permission-refused")
    problem(Api(house["validator"]).post("/delegations", body | {"deputy": "nobody"}), 422, "no-such-person")
    problem(Api(house["validator"]).post("/delegations", body | {"role": "legal"}), 403, "role-not-held")
    made = Api(house["validator"]).post("/delegations", body)
    assert (made.status_code, made.json()["in_force"]) == (201, True)
    answer = decide(house, release, deputy).json()
    assert answer["approvals"][0]["in_place_of"] == house["validator"].username
    assert answer["state"] == "live"
    number = made.json()["id"]
    ended = Api(house["validator"]).post(f"/delegations/{number}/revoke")
    assert ended.json()["in_force"] is False
    problem(Api(house["validator"]).post(f"/delegations/{number}/revoke"), 409, "delegation-over")
    problem(Api(house["fairness"]).post(f"/delegations/{number}/revoke"), 403, "not-yours")
    assert [row["id"] for row in Api(house["auditor"]).get("/delegations").json()["results"]] == [number]
    stranger = people.person("validator", people.team("clinic"))
    assert Api(stranger).get("/delegations").json()["results"] == []


def test_standing_back_opens_the_seat():
    house = House()
    release = house.release()
    path = f"/releases/{release.public_id}/recusals"
    problem(Api(house["model_owner"]).post(path, {"role": "validator", "reason": "x"}), 403, "permission-refused")
    answer = Api(house["validator"]).post(path, {"role": "validator", "reason": "I know them."})
    assert answer.status_code == 201
    problem(decide(house, release, house["validator"]), 403, "separation-of-duties")
    problem(Api(house["validator"]).post(path, {"role": "validator", "reason": "x"}), 409, "recused")


def test_committee_sits_votes_and_decides():
    house = House()
    governance.publish(SEATED.replace("SEATS", "[{role: risk, committee: {quorum: 2}}]"))
    release = house.release()
    first, second = people.person("risk", house.team), people.person("risk", house.team)
    decide(house, release, house["validator"])
    path = f"/releases/{release.public_id}/sittings"
    body = {"role": "risk", "agenda": "It.", "members": [second.username], "decision_digest": digest(release)}
    problem(Api(first).post(path, body | {"members": []}), 422, "members-few")
    made = Api(first).post(path, body).json()
    assert (made["quorum"], len(made["members"])) == (2, 2)
    sitting = f"/sittings/{made['id']}"
    for person in (first, second):
        answer = Api(person).post(f"{sitting}/votes", {"choice": "yes", "reason": "Good."})
        assert answer.status_code == 201, answer.content
    problem(Api(second).post(f"{sitting}/close", {"minutes_digest": MINUTES}), 403, "not-the-chair")
    closed = Api(first).post(f"{sitting}/close", {"minutes_digest": MINUTES}).json()
    assert (closed["minutes_digest"], [vote["choice"] for vote in closed["votes"]]) == (MINUTES, ["yes", "yes"])
    assert Api(house["auditor"]).get(f"/releases/{release.public_id}").json()["state"] == "live"
    stranger = people.person("risk", people.team("clinic"))
    assert Api(stranger).get(sitting).status_code == 404


def test_class_is_shown_and_set():
    house = House()
    decide(house, house.release(), house["validator"])
    release = house.release("2.0.0", accuracy=0.95)
    path = f"/releases/{release.public_id}/materiality"
    (row,) = Api(house["auditor"]).get(path).json()
    assert (row["level"], row["differences"][0]["path"]) == ("material", "metrics[accuracy, test, all].lower")
    problem(Api(house["model_owner"]).post(path, {"level": "minor", "reason": "x"}), 403, "permission-refused")
    body = {"level": "minor", "reason": "It is within the noise of the test."}
    made = Api(house["compliance"]).post(path, body).json()
    assert (made["level"], made["computed"], made["set_by"]) == ("minor", "material", house["compliance"].username)
