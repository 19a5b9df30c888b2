"""Measures on real data: equal to fairlearn where defined, to ProPublica's table, and to hand counts."""

from __future__ import annotations

import csv
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import (
    MetricFrame,
    equalized_odds_difference,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from sklearn.metrics import accuracy_score, precision_score

from audits.fairness import MISSING, Confusion, Counts, PredictionsError, count_file, measure
from audits.fairness.intervals import katz, newcombe, wilson

DEMO = Path(__file__).resolve().parents[3] / "demo" / "data"
RELEASES = [
    "adult_predictions.csv.gz",
    "adult_predictions_candidate.csv.gz",
    "adult_predictions_mitigated.csv.gz",
]
ATTRIBUTES = ["sex", "race", "age_band"]


def groups(**cells: tuple[int, int, int, int]) -> Counts:
    """Counts over one attribute "g" from tp, fp, fn, tn by group."""
    return Counts.of(["g"], [((name,), Confusion(*cell)) for name, cell in cells.items()])


def compas() -> Counts:
    with (DEMO / "compas_counts.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = ["sex", "race", "age_cat"]
    cells = [
        (tuple(row[name] for name in names), Confusion(*(int(row[k]) for k in ("tp", "fp", "fn", "tn"))))
        for row in rows
    ]
    return Counts.of(names, cells)


@pytest.mark.parametrize("name", RELEASES)
def test_rates_equal_fairlearn_where_it_is_defined(name: str) -> None:
    frame = pd.read_csv(DEMO / name)
    counts = count_file(DEMO / name, attributes=ATTRIBUTES)
    metrics = {
        "rate": selection_rate,
        "tpr": true_positive_rate,
        "fpr": false_positive_rate,
        "accuracy": accuracy_score,
        "precision": lambda y, p: precision_score(y, p, zero_division=0),
    }
    undefined = 0
    for size in (1, 2, 3):
        for names in combinations(ATTRIBUTES, size):
            theirs = MetricFrame(
                metrics=metrics,
                y_true=frame.y_true,
                y_pred=frame.y_pred,
                sensitive_features=frame[list(names)],
            ).by_group.dropna(how="all")
            joined = Counts.of(["g"], [(("|".join(key),), c) for key, c in counts.by(*names).items()])
            ours = measure(joined, favourable=1, min_group=1).attribute("g")
            assert len(theirs) == len(ours.groups)
            for key, row in theirs.iterrows():
                group = ours.group(key if isinstance(key, str) else "|".join(key))
                for metric in metrics:
                    value = getattr(group, metric).value
                    undefined += value is None
                    assert row[metric] == (0.0 if value is None else pytest.approx(value, abs=1e-15))
    assert undefined > 0


@pytest.mark.parametrize("name", RELEASES)
def test_equalized_odds_equals_fairlearn_by_its_own_rule(name: str) -> None:
    frame = pd.read_csv(DEMO / name)
    report = measure(count_file(DEMO / name, attributes=ATTRIBUTES), favourable=1, min_group=30)
    for attribute in ATTRIBUTES:
        theirs = equalized_odds_difference(frame.y_true, frame.y_pred, sensitive_features=frame[attribute])
        assert report.attribute(attribute).fairlearn_equalized_odds_difference == pytest.approx(theirs, abs=1e-15)


def test_release_story_has_its_known_numbers() -> None:
    """Known from the data's own description: accuracies, the race ratio's fall, the sex ratio's rise."""
    current, candidate, mitigated = (
        measure(count_file(DEMO / name, attributes=ATTRIBUTES), favourable=1, min_group=30) for name in RELEASES
    )
    accuracies = [report.overall["accuracy"].value for report in (current, candidate, mitigated)]
    assert accuracies == pytest.approx([0.8525, 0.8711, 0.8469], abs=5e-5)
    race = [report.attribute("race").lowest_ratio for report in (current, candidate)]
    assert [worst and worst.comparison.value for worst in race] == pytest.approx([0.384, 0.234], abs=5e-4)
    sex = [report.attribute("sex").lowest_ratio for report in (candidate, mitigated)]
    assert [worst and worst.comparison.value for worst in sex] == pytest.approx([0.324, 0.953], abs=5e-4)
    odds = [report.attribute("sex").equalized_odds_difference for report in (candidate, mitigated)]
    assert odds == pytest.approx([0.070, 0.303], abs=5e-4)


def test_compas_counts_reproduce_the_published_table() -> None:
    report = measure(compas(), favourable=0, min_group=30, reference={"race": "Caucasian"})
    race = report.attribute("race")
    black, white = race.group("African-American"), race.group("Caucasian")
    assert report.n == 7214
    assert [100 * (group.fpr.value or 0) for group in (black, white)] == pytest.approx([44.85, 23.45], abs=5e-3)
    missed = [100 * (1 - (group.tpr.value or 0)) for group in (black, white)]
    assert missed == pytest.approx([27.99, 47.72], abs=5e-3)
    assert [group.precision.value for group in (black, white)] == pytest.approx([0.630, 0.591], abs=5e-4)
    assert black.gap_fpr.value == pytest.approx(0.4485 - 0.2345, abs=1e-4)
    assert black.gap_fpr.lower is not None
    assert black.gap_fpr.lower > 0.18


def test_favourable_outcome_decides_rate_and_ratio() -> None:
    counts = groups(a=(20, 0, 0, 80), b=(10, 0, 0, 90))
    adverse = measure(counts, favourable=0, min_group=1).attribute("g")
    assert (adverse.reference, adverse.group("a").rate.k) == ("b", 80)
    assert adverse.group("a").ratio.value == pytest.approx(0.8 / 0.9)
    good = measure(counts, favourable=1, min_group=1).attribute("g")
    assert (good.reference, good.group("b").rate.k) == ("a", 10)
    assert good.group("b").ratio.value == pytest.approx(0.5)


def test_intervals_are_those_of_the_group_and_its_reference() -> None:
    report = measure(groups(a=(40, 10, 20, 30), b=(20, 10, 30, 60)), favourable=1, min_group=1, confidence=0.9)
    b = report.attribute("g").group("b")
    assert (b.rate.lower, b.rate.upper) == wilson(30, 120, 0.9)
    assert (b.ratio.lower, b.ratio.upper, b.ratio.method) == (*katz(30, 120, 50, 100, 0.9), "katz")
    assert b.gap_tpr.value == pytest.approx(20 / 50 - 40 / 60)
    assert (b.gap_tpr.lower, b.gap_tpr.upper) == newcombe(20, 50, 40, 60, 0.9)
    assert (b.gap_fpr.lower, b.gap_fpr.upper) == newcombe(10, 70, 10, 40, 0.9)


def test_undefined_rates_are_none_and_stay_out_of_the_maximum() -> None:
    """Two rows without positives, perfectly predicted: fairlearn says 1.0, which is no finding."""
    attribute = measure(groups(a=(2, 0, 0, 2), b=(0, 0, 0, 2)), favourable=1, min_group=1).attribute("g")
    b = attribute.group("b")
    assert (b.tpr.value, b.tpr.lower, b.tpr.upper, b.tpr.n) == (None, None, None, 0)
    assert (b.precision.value, b.gap_tpr.value, b.gap_tpr.method) == (None, None, "undefined")
    assert b.fpr.value == 0.0
    assert attribute.largest_gap_tpr is None
    assert attribute.equalized_odds_difference == 0.0
    assert attribute.fairlearn_equalized_odds_difference == 1.0


def test_ratio_to_a_rate_of_zero_is_undefined() -> None:
    attribute = measure(
        groups(a=(0, 0, 5, 5), b=(3, 3, 2, 2)), favourable=1, min_group=1, reference={"g": "a"}
    ).attribute("g")
    assert attribute.group("b").ratio.value is None
    assert attribute.group("a").ratio.value is None
    assert attribute.lowest_ratio is None


def test_small_group_is_shown_but_not_judged() -> None:
    attribute = measure(
        groups(a=(30, 10, 10, 50), b=(20, 10, 10, 60), c=(0, 0, 1, 8)), favourable=1, min_group=10
    ).attribute("g")
    small = attribute.group("c")
    assert (small.judged, small.why_not) == (False, "fewer than 10 rows")
    assert small.ratio.value == 0.0
    assert small.ratio.method == "koopman"
    assert attribute.lowest_ratio is not None
    assert attribute.lowest_ratio.group == "b"
    assert attribute.equalized_odds_difference == pytest.approx(30 / 40 - 20 / 30)
    assert attribute.as_document()["not_judged"] == 1


def test_best_rate_reference_is_large_enough_and_never_missing() -> None:
    counts = Counts.of(
        ["g"],
        [
            (("tiny",), Confusion(3, 0, 0, 0)),
            ((MISSING,), Confusion(90, 0, 5, 5)),
            (("x",), Confusion(50, 0, 0, 50)),
            (("y",), Confusion(100, 0, 0, 100)),
        ],
    )
    attribute = measure(counts, favourable=1, min_group=20).attribute("g")
    assert (attribute.reference, attribute.reference_chosen) == ("y", "best rate")


def test_named_reference_is_taken_and_said() -> None:
    counts = groups(a=(40, 0, 0, 60), b=(20, 0, 0, 80), c=(2, 0, 0, 1))
    named = measure(counts, favourable=1, min_group=10, reference={"g": "b"}).attribute("g")
    assert (named.reference, named.reference_chosen) == ("b", "named")
    assert named.group("a").ratio.value == pytest.approx(2.0)
    small = measure(counts, favourable=1, min_group=10, reference={"g": "c"}).attribute("g")
    assert not any(group.judged for group in small.groups)
    assert small.group("a").why_not == "the reference has fewer than 10 rows"


def test_no_group_large_enough_gives_no_reference() -> None:
    attribute = measure(groups(a=(1, 0, 0, 1), b=(1, 1, 1, 1)), favourable=1, min_group=10).attribute("g")
    assert (attribute.reference, attribute.reference_chosen) == (None, None)
    assert attribute.group("a").ratio.value is None
    assert attribute.equalized_odds_difference is None


def test_unknown_reference_names_the_groups_present() -> None:
    counts = groups(a=(1, 1, 1, 1), b=(1, 1, 1, 1))
    with pytest.raises(PredictionsError, match="does not occur") as caught:
        measure(counts, favourable=1, min_group=1, reference={"g": "z"})
    assert "'a', 'b'" in caught.value.how
    with pytest.raises(PredictionsError, match="was not counted"):
        measure(counts, favourable=1, min_group=1, reference={"h": "a"})


@pytest.mark.parametrize("bad", [{"favourable": 2}, {"min_group": 0}, {"confidence": 1.0}])
def test_bad_arguments_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        measure(groups(a=(1, 1, 1, 1)), **{"favourable": 1, "min_group": 1, **bad})  # type: ignore[arg-type]


def test_worst_intersection_equals_a_search_by_hand() -> None:
    frame = pd.read_csv(DEMO / RELEASES[1])
    ratios = {}
    for names in [*combinations(ATTRIBUTES, 2), tuple(ATTRIBUTES)]:
        rates = frame.groupby(list(names)).y_pred.agg(["mean", "size"])
        rates = rates[rates["size"] >= 100]
        ratios |= {(names, key): rate / rates["mean"].max() for key, rate in rates["mean"].items()}
    report = measure(
        count_file(DEMO / RELEASES[1], attributes=ATTRIBUTES), favourable=1, min_group=100, intersections=True
    )
    worst = report.worst_intersection
    assert worst is not None
    assert worst.n >= 100
    assert worst.ratio.value == pytest.approx(min(ratios.values()))
    assert ratios[worst.attributes, worst.values] == pytest.approx(worst.ratio.value)
    assert worst.compared + 4 == len(ratios)
    assert report.as_document()["worst_intersection"]["exploratory"] is True


def test_document_is_json_without_nan_and_the_same_every_time() -> None:
    for counts in (compas(), groups(a=(1, 0, 0, 0), b=(0, 0, 0, 1))):
        one, two = (
            json.dumps(measure(counts, favourable=0, min_group=1, intersections=True).as_document(), allow_nan=False)
            for _ in range(2)
        )
        assert one == two
    document = json.loads(one)
    assert document["schema"] == "gatehouse.fairness/1"
    assert document["attributes"][0]["groups"][0]["fpr"]["value"] is None


def test_facts_leave_out_what_is_undefined() -> None:
    facts = measure(groups(a=(4, 0, 0, 0), b=(0, 1, 0, 3)), favourable=1, min_group=1).as_facts()
    assert facts[0] == {
        "attribute": "g",
        "group": "a",
        "n": 4,
        "rate": 1.0,
        "ratio": 1.0,
        "ratio_lower": 1.0,
        "ratio_upper": 1.0,
        "gap_tpr": 0.0,
        "favourable": 1,
    }
    assert facts[1]["ratio"] == 0.25
    assert "gap_tpr" not in facts[1]
    assert "gap_fpr" not in facts[1]


@pytest.mark.slow
def test_wilson_newcombe_and_ratio_cover_what_they_promise() -> None:
    """Mean coverage of the 95 % intervals over random true rates is 94 to 96 %, by drawing counts."""
    random = np.random.default_rng(20261124)
    hits = np.zeros(3)
    draws = 4000
    for _ in range(draws):
        p1, p2 = random.uniform(0.1, 0.9, 2)
        n1, n2 = (int(n) for n in random.integers(40, 300, 2))
        k1, k2 = int(random.binomial(n1, p1)), int(random.binomial(n2, p2))
        counts = groups(a=(k1, 0, 0, n1 - k1), b=(k2, 0, 0, n2 - k2))
        group = measure(counts, favourable=1, min_group=1, reference={"g": "b"}).attribute("g").group("a")
        lower, upper = newcombe(k1, n1, k2, n2)
        hits += [
            (group.rate.lower or 0) <= p1 <= (group.rate.upper or 0),
            lower <= p1 - p2 <= upper,
            (group.ratio.lower or 0) <= p1 / p2 <= (group.ratio.upper or 0),
        ]
    assert np.all(np.abs(hits / draws - 0.95) < 0.01), hits / draws
