"""False rollbacks and delays, simulated with a look each minute."""

import statistics

import numpy as np
import pytest

from governance.canary import Metric, Window, read_metric
from tests.governance.canary.simulated import ERRORS, Case, alarms, counts


@pytest.mark.slow
@pytest.mark.parametrize("case", [Case(50), Case(500), Case(500, slower=1.03), Case(500, errors=ERRORS * 1.03)])
def test_false_rollbacks_stay_within_one_percent(case):
    found = alarms(case, 400)
    # At most 1 % of the 400 runs, each with 60 looks at two metrics.
    assert sum(one is not None for one in found) <= 4, found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "share", "minute"),
    [
        (Case(500, errors=0.05), 1.0, 2),
        (Case(500, slower=1.2), 1.0, 3),
        (Case(50, errors=0.05), 1.0, 9),
        (Case(50, slower=1.2), 0.95, 25),
        (Case(500, errors=0.02), 1.0, 10),
    ],
)
def test_what_matters_is_found_in_time(case, share, minute):
    found = alarms(case, 100)
    hits = [one for one in found if one is not None]
    assert len(hits) / len(found) >= share
    assert statistics.median(hits) <= minute


@pytest.mark.slow
def test_interval_holds_the_truth_at_all_looks_at_once():
    rng, missed = np.random.default_rng(7), 0
    for _ in range(100):
        (canary, baseline), _ = counts(Case(500, errors=0.013), rng)
        rows = []
        for minute in range(60):
            rows.append(Window(int(canary[minute]), 500, int(baseline[minute]), 500))
            if minute % 5 == 4:
                found = read_metric(Metric("errors", 1.5), rows, 0.05)
                if (found.lower or 0) > 1.3 or (found.upper or 1e9) < 1.3:
                    missed += 1
                    break
    # 12 of 100 is beyond the 99 % point of a rate of 5 %.
    assert missed <= 11


def test_a_pass_needs_evidence_and_comes_with_it():
    few = read_metric(Metric("errors", 1.5), [Window(5, 500, 5, 500)] * 5, 0.005)
    many = read_metric(Metric("errors", 1.5), [Window(5, 500, 5, 500)] * 60, 0.005)
    assert few.state == "not_enough_evidence"
    assert few.to_pass > 10_000
    assert many.state == "pass"


def test_the_need_that_is_told_is_about_right():
    """Going on as told, with no difference, ends in a pass; going on for half of it does not."""
    rows = [Window(5, 500, 5, 500)] * 4
    told = read_metric(Metric("errors", 1.5), rows, 0.005).to_pass
    for factor, state in ((0.5, "not_enough_evidence"), (1.2, "pass")):
        more = round(told * factor / 500)
        assert read_metric(Metric("errors", 1.5), rows + [Window(5, 500, 5, 500)] * more, 0.005).state == state


def test_uneven_traffic_is_compared_by_rate():
    found = read_metric(Metric("errors", 1.5), [Window(5, 500, 95, 9500)] * 120, 0.005)
    assert found.ratio == 1.0
    assert found.state == "pass"


def test_without_a_baseline_the_limit_is_held_against():
    metric = Metric("errors", limit=0.02)
    assert read_metric(metric, [Window(5, 500, 0, 0)] * 40, 0.005).state == "pass"
    assert read_metric(metric, [Window(30, 500, 0, 0)] * 10, 0.005).state == "breach"
    assert read_metric(metric, [Window(1, 50, 0, 0)], 0.005).state == "not_enough_evidence"
