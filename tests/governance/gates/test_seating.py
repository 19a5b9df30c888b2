"""The seats that a policy asks: how they are written, what a decision stores, what is refused."""

import pytest

from governance.gates.errors import PolicyError
from governance.gates.evaluate import evaluate
from governance.gates.facts import read_facts
from governance.gates.policy import load_policy
from governance.gates.seating import SeatDemand, demand_of
from tests.governance.house import POLICY


def policy(seats: str):
    return load_policy(POLICY.replace("approvals: [validator]", f"approvals: {seats}"))


def stored(seats: str, **model):
    facts = read_facts({"schema": "gatehouse.facts/2", "model": model}, partial=True)
    return evaluate([policy(seats)], facts).policies[0].document()["approvals"]


def test_plain_roles_are_stored_as_they_always_were() -> None:
    assert policy("[validator, risk, validator]").approvals == ("validator", "risk")
    assert stored("[validator, risk]") == ["validator", "risk"]
    assert stored("[{role: validator}]") == ["validator"]


def test_seat_says_how_many_in_which_order_and_how_long() -> None:
    text = (
        "[validator, {role: risk, count: 2, after: [validator], validDays: 90}, {role: legal, committee: {quorum: 3}}]"
    )
    assert stored(text) == [
        "validator",
        {"role": "risk", "count": 2, "after": ["validator"], "valid_days": 90},
        {"role": "legal", "quorum": 3},
    ]
    assert [demand_of(one).role for one in stored(text)] == ["validator", "risk", "legal"]
    assert demand_of(stored(text)[1]) == SeatDemand("risk", 2, ("validator",), valid_days=90)
    assert str(policy(text).approvals[1]) == "2 × risk, after validator, valid 90 days"


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ({"risk_tier": "high"}, ["risk"]),
        ({"risk_tier": "limited"}, []),
        # Whether it is for the subject is not known: then it is asked.
        ({}, ["risk"]),
    ],
)
def test_seat_is_for_some_subjects(model, asked) -> None:
    assert stored("[{role: risk, appliesTo: {riskTier: [high]}}]", **model) == asked


def test_seat_is_for_who_affects_rights_or_safety() -> None:
    text = "[{role: legal, appliesTo: {affectsLegalOrSafety: [true]}}]"
    assert stored(text, affects_legal_or_safety=True) == ["legal"]
    assert stored(text, affects_legal_or_safety=False) == []


@pytest.mark.parametrize(
    ("seats", "said"),
    [
        ("[{role: risk, after: [risk]}]", "cannot come after"),
        ("[{role: risk, after: [validator]}]", "cannot come after"),
        ("[{role: legal, after: [risk]}, {role: risk, after: [legal]}]", "wait for each other"),
        ("[{role: risk, count: 0}]", "no count"),
        ("[{role: risk, count: true}]", "no count"),
        ("[{role: risk, count: 9}]", "no count"),
        ("[{role: risk, validDays: 0}]", "no validDays"),
        ("[{role: risk, committee: {quorum: 1}}]", "no quorum"),
        ("[{role: risk, count: 2, committee: {quorum: 2}}]", "fills one seat"),
        ("[{role: developer}]", "no role that decides"),
        ("[{count: 2}]", "lacks 'role'"),
        ("[{role: risk, people: [ann]}]", "no key 'people'"),
        ("[[risk]]", "no role that decides"),
    ],
)
def test_what_is_no_seat_is_refused_with_its_place(seats, said) -> None:
    with pytest.raises(PolicyError, match=said) as caught:
        policy(seats)
    assert caught.value.line > 1
