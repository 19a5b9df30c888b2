"""What holds for any counts: order, merging, scale, monotony, and errors of the input."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.canary import BinsError, Metric, Window, WindowError, eprocess, exceedances, merge_bins, read_metric
from governance.canary.eprocess import RATIO_MAX

ALPHA = 0.005


@st.composite
def windows(draw, most=2000):
    canary_n, baseline_n = draw(st.integers(0, most)), draw(st.integers(0, most))
    return Window(draw(st.integers(0, canary_n)), canary_n, draw(st.integers(0, baseline_n)), baseline_n)


LISTS = st.lists(windows(), max_size=12)


@settings(max_examples=60, deadline=None)
@given(LISTS, st.randoms(use_true_random=False))
def test_order_of_windows_within_a_look_is_not_to_be_seen(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert read_metric(Metric("m"), rows, ALPHA) == read_metric(Metric("m"), shuffled, ALPHA)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 4), st.integers(1, 4), st.data())
def test_windows_of_one_traffic_ratio_merge_to_the_last_bit(canary_n, baseline_n, times_a, times_b, data):
    parts = []
    for times in (times_a, times_b):
        n, m = canary_n * times, baseline_n * times
        parts.append(Window(data.draw(st.integers(0, n)), n, data.draw(st.integers(0, m)), m))
    a, b = parts
    whole = Window(
        a.canary_bad + b.canary_bad,
        a.canary_n + b.canary_n,
        a.baseline_bad + b.baseline_bad,
        a.baseline_n + b.baseline_n,
    )
    assert eprocess.log_e(parts, 1.1) == eprocess.log_e([whole], 1.1)
    assert eprocess.interval(parts, ALPHA) == eprocess.interval([whole], ALPHA)


@settings(max_examples=60, deadline=None)
@given(LISTS)
def test_interval_holds_the_estimate_and_is_ordered(rows):
    lower, upper = eprocess.interval(rows, ALPHA)
    assert 0 <= lower < upper
    sums = read_metric(Metric("m"), rows, ALPHA)
    one_ratio = len({(r.canary_n, r.baseline_n) for r in rows if r.compares}) == 1
    if one_ratio and sums.ratio and all(r.compares for r in rows) and sums.ratio < RATIO_MAX:
        assert lower <= sums.ratio <= upper


@settings(max_examples=40, deadline=None)
@given(LISTS, st.floats(1, 3), st.floats(0.01, 2))
def test_a_wider_tolerance_is_never_more_against_the_canary_in_the_interval(rows, tolerance, more):
    narrow, wide = (read_metric(Metric("m", t), rows, ALPHA) for t in (tolerance, tolerance + more))
    assert (narrow.lower, narrow.upper) == (wide.lower, wide.upper)
    if narrow.state == "pass":
        assert wide.state == "pass"


@settings(max_examples=40, deadline=None)
@given(LISTS)
def test_one_more_bad_request_of_the_canary_never_helps_it(rows):
    rows = [row for row in rows if row.canary_bad < row.canary_n]
    if not rows:
        return
    first = rows[0]
    worse = [Window(first.canary_bad + 1, first.canary_n, first.baseline_bad, first.baseline_n), *rows[1:]]
    assert eprocess.log_e(worse, 1.1) >= eprocess.log_e(rows, 1.1) - 1e-9
    assert eprocess.interval(worse, ALPHA)[1] >= eprocess.interval(rows, ALPHA)[1] * (1 - 1e-9)


def test_nothing_is_never_a_pass():
    found = read_metric(Metric("m"), [], ALPHA)
    assert (found.state, found.ratio, found.upper, found.to_pass) == ("not_enough_evidence", None, None, None)


def test_windows_of_one_arm_compare_nothing():
    found = read_metric(Metric("m"), [Window(50, 100, 0, 0), Window(0, 0, 5, 100)], ALPHA)
    assert found.state == "not_enough_evidence"
    assert (found.log_e, found.upper) == (0, None)
    assert found.canary_bad == 50


@pytest.mark.parametrize("counts", [(2, 1, 0, 1), (-1, 1, 0, 1), (0, 1, True, 1), (0, 1.0, 0, 1), (0, 10**13, 0, 1)])
def test_odd_counts_are_refused(counts):
    with pytest.raises(WindowError):
        Window(*counts)


@pytest.mark.parametrize("tolerance", [0.9, 0, -1, math.nan, math.inf])
def test_odd_tolerance_is_refused(tolerance):
    with pytest.raises(ValueError, match="tolerance"):
        eprocess.log_e([], tolerance)


def test_exceedances_count_from_the_edge_on():
    edges, counts = [100.0, 250.0, 500.0], [5, 3, 2, 1]
    assert exceedances(edges, counts, 250.0) == (3, 11)
    assert exceedances(edges, counts, 250.0, "below") == (8, 11)


@given(st.lists(st.tuples(*[st.integers(0, 99)] * 4), min_size=2, max_size=2))
def test_bins_add_as_their_exceedances_do(pair):
    edges = [1.0, 2.0, 3.0]
    left, right = (exceedances(edges, list(counts), 2.0) for counts in pair)
    both = exceedances(edges, merge_bins(*map(list, pair)), 2.0)
    assert both == (left[0] + right[0], left[1] + right[1])


@pytest.mark.parametrize(
    ("edges", "counts", "edge", "side"),
    [
        ([1.0, 2.0], [1, 1, 1], 1.5, "above"),
        ([1.0, 2.0], [1, 1], 1.0, "above"),
        ([2.0, 1.0], [1, 1, 1], 1.0, "above"),
        ([1.0], [1, -1], 1.0, "above"),
        ([1.0], [1, 1], 1.0, "beside"),
        ([], [1], 1.0, "above"),
        ([math.inf], [1, 1], math.inf, "above"),
    ],
)
def test_odd_bins_are_refused(edges, counts, edge, side):
    with pytest.raises(BinsError):
        exceedances(edges, counts, edge, side)
