"""The numbers of a release's page: intervals on both sides, what a rule read in the reader's order."""

from __future__ import annotations

import pytest

from governance.pages.readfacts import in_order
from governance.pages.reading import changes, newest_evidence, worsened


def bias(group, ratio, evidence, reference="Male", **more):
    numbers = {"n": 400, "ratio": ratio, "ratio_lower": ratio - 0.05, "ratio_upper": ratio + 0.05}
    row = {"attribute": "sex", "group": group, "reference": reference, "tpr": 0.8, "fpr": 0.1, "evidence": evidence}
    return row | numbers | more


def document(now, live, group="Female"):
    change = {"attribute": "sex", "group": group, "n": 400, "ratio": now["ratio"], "ratio_live": live["ratio"]}
    change |= {"ratio_change": now["ratio"] - live["ratio"], "evidence": "EV-2", "evidence_live": "EV-1"}
    return {"baseline_metrics": [], "bias": [now], "bias_changes": [change]}


def test_the_live_ratio_has_its_interval_too():
    now, live = bias("Female", 0.7, "EV-2"), bias("Female", 0.9, "EV-1")
    (row,) = changes(document(now, live), [live])
    assert (row.before.value, row.before.lower, row.before.upper) == (0.9, pytest.approx(0.85), pytest.approx(0.95))
    assert (row.before.n, row.before.evidence, row.before.note) == (400, "EV-1", "to Male")
    assert (row.after.value, row.after.evidence) == (0.7, "EV-2")
    assert row.direction == "worse"
    assert row.clear
    assert row.must_be_read
    assert worsened([row]) == [row]


def test_without_its_evidence_the_live_ratio_stands_alone():
    now = bias("Female", 0.7, "EV-2")
    (row,) = changes(document(now, {"ratio": 0.9}))
    assert row.before.value == 0.9
    assert not row.before.has_interval
    assert not row.clear


def test_overlapping_intervals_are_no_clear_difference():
    now, live = bias("Female", 0.88, "EV-2"), bias("Female", 0.9, "EV-1")
    (row,) = changes(document(now, live), [live])
    assert row.both_have_intervals
    assert not row.must_be_read


def test_the_reference_is_not_compared_with_itself():
    now, live = bias("Male", 1.0, "EV-2"), bias("Male", 1.0, "EV-1")
    assert changes(document(now, live, "Male"), [live]) == []


def test_another_reference_is_said():
    now, live = bias("Male", 0.95, "EV-2", reference="Female"), bias("Male", 1.0, "EV-1")
    (row,) = changes(document(now, live, "Male"), [live])
    assert row.before.note == "the reference group"
    assert not row.before.has_interval
    assert "another group" in row.note


def test_a_gap_says_over_whom():
    now, live = bias("Female", 0.9, "EV-2"), bias("Female", 0.9, "EV-1", tpr=None)
    facts = document(now, live) | {
        "odds": [{"attribute": "sex", "min_group": 100}],
        "odds_changes": [
            {"attribute": "sex", "gap": 0.3, "gap_live": 0.1, "evidence": "EV-2", "evidence_live": "EV-1"}
        ],
    }
    row = changes(facts, [live])[-1]
    assert row.direction == "worse"
    assert (row.after.n, row.after.note) == (400, "widest of 1 groups")
    assert row.before.n is None
    assert not row.after.has_interval


def test_newest_evidence_by_number_not_by_text():
    rows = [{"evidence": "EV-9"}, {"evidence": "EV-10"}, {"evidence": None}, {"evidence": "AT-99"}, {}]
    assert newest_evidence(rows) == "EV-10"
    assert newest_evidence([]) == ""


def fact(path, value, evidence="EV-2"):
    return {"path": path, "value": value, "evidence": evidence}


FACTS = [
    fact("bias[attribute=sex, group=Female].n", 400),
    fact("bias[attribute=race, group=Black].n", 90),
    fact("bias[attribute=race, group=a.b].n", 30),
    fact("bias[attribute=sex, group=Female].ratio_upper", 0.8),
    fact("bias[attribute=sex, group=Female].ratio_lower", 0.71239),
    fact("bias[attribute=race, group=Black].ratio_lower", 0.4),
    {"path": "endpoint.regions", "value": ["eu-central-1"]},
]


def names(rows):
    return [(row.row.rpartition("group=")[2].rstrip("]"), [one.name for one in row.facts]) for row in rows]


def test_what_is_compared_stands_first_then_its_n():
    rows = in_order(FACTS)
    assert names(rows) == [
        ("", ["endpoint.regions"]),
        ("Black", ["ratio_lower", "n"]),
        ("Female", ["ratio_lower", "n", "ratio_upper"]),
        ("a.b", ["n"]),
    ]
    assert rows[2].facts[0].shown == "0.7124"
    assert rows[2].facts[0].value == 0.71239
    assert rows[2].evidence == "EV-2"


def test_the_message_says_which_rows_come_first():
    rows = in_order(FACTS, "Below 0.80 by sex: Female 0.712.")
    assert names(rows)[0][0] == "Female"


def test_the_largest_gap_is_the_worst():
    rows = in_order(
        [fact(f"odds_changes[attribute={name}].gap_change", gap) for name, gap in (("a", -0.1), ("b", 0.2))]
    )
    assert [row.facts[0].value for row in rows] == [0.2, -0.1]


def test_the_stored_document_keeps_its_order():
    before = [dict(one) for one in FACTS]
    in_order(FACTS)
    assert before == FACTS
