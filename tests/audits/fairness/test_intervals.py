"""Intervals against the tables of the papers they come from, and against independent computations."""

from __future__ import annotations

import math

import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import binomtest, norm
from scipy.stats.contingency import relative_risk

from audits.fairness.intervals import katz, koopman, newcombe, normal_quantile, ratio_interval, wilson

# Newcombe 1998, Stat Med 17:857, table I, method 3.
SINGLE = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
]
# Newcombe 1998, Stat Med 17:873, table II, method 10.
DIFFERENCE = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0),
    (10, 10, 0, 10, 0.6075, 1.0),
]
PAIRS = [(36, 40, 16, 80), (3, 997, 1, 999), (12, 20, 5, 20), (1, 12, 9, 10), (10, 10, 3, 10), (4, 9, 9, 9)]


@pytest.mark.parametrize(("k", "n", "lower", "upper"), SINGLE)
def test_wilson_gives_the_published_table(k: int, n: int, lower: float, upper: float) -> None:
    assert wilson(k, n) == pytest.approx((lower, upper), abs=5e-5)


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (3, 7), (50, 50), (0, 400), (123456, 1000000)])
def test_wilson_equals_scipy(k: int, n: int, confidence: float) -> None:
    expected = binomtest(k, n).proportion_ci(confidence, method="wilson")
    assert wilson(k, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("k1", "n1", "k2", "n2", "lower", "upper"), DIFFERENCE)
def test_newcombe_gives_the_published_table(k1: int, n1: int, k2: int, n2: int, lower: float, upper: float) -> None:
    assert newcombe(k1, n1, k2, n2) == pytest.approx((lower, upper), abs=5e-5)


@pytest.mark.parametrize("pair", [(36, 40, 16, 80), (189, 11034, 104, 11037), (12, 20, 5, 20)])
def test_katz_equals_scipy(pair: tuple[int, int, int, int]) -> None:
    expected = relative_risk(*pair).confidence_interval(0.95)
    assert katz(*pair) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_koopman_gives_the_published_example() -> None:
    """Koopman 1984: 36 of 40 against 16 of 80; and the aspirin trial in Agresti's textbook (1.43 to 2.30)."""
    assert koopman(36, 40, 16, 80) == pytest.approx((2.94, 7.15), abs=5e-3)
    assert koopman(189, 11034, 104, 11037) == pytest.approx((1.43, 2.30), abs=6e-3)


@pytest.mark.parametrize("pair", PAIRS)
def test_koopman_limits_are_where_the_profiled_score_reaches_the_quantile(
    pair: tuple[int, int, int, int],
) -> None:
    """The restricted likelihood is maximised numerically here, the package has a closed form for it."""
    k1, n1, k2, n2 = pair
    target = norm.ppf(0.975) ** 2

    def score(ratio: float) -> float:
        def loss(p2: float) -> float:
            p1 = ratio * p2
            terms = [(k1, p1), (n1 - k1, 1 - p1), (k2, p2), (n2 - k2, 1 - p2)]
            return -sum(k * math.log(p) for k, p in terms if k)

        end = min(1.0, 1 / ratio) - 1e-12
        p2 = minimize_scalar(loss, bounds=(1e-12, end), method="bounded", options={"xatol": 1e-12}).x
        p1 = ratio * p2
        found = (k1 - n1 * p1) ** 2 / (n1 * p1 * (1 - p1)) + (k2 - n2 * p2) ** 2 / (n2 * p2 * (1 - p2))
        return float(found) - target

    point = (k1 / n1) / (k2 / n2)
    expected = (brentq(score, point / 1e4, point * 0.999), brentq(score, point * 1.001, point * 1e4))
    assert koopman(*pair) == pytest.approx(expected, rel=1e-4)


def test_koopman_agrees_with_pearsons_test_at_equality() -> None:
    """The interval holds 1 exactly when the chi-squared test of equal rates does not reject."""
    for k1, k2 in [(10, 19), (10, 20), (10, 21), (30, 20), (31, 20), (5, 12), (5, 13)]:
        pooled = (k1 + k2) / 100
        chi2 = (k1 - k2) ** 2 / 2500 / (pooled * (1 - pooled) * (2 / 50))
        lower, upper = koopman(k1, 50, k2, 50)
        assert (lower <= 1 <= upper) == (chi2 <= norm.ppf(0.975) ** 2)


def test_koopman_lives_with_zeros_and_full_counts() -> None:
    assert koopman(0, 10, 5, 10)[0] == 0.0
    assert koopman(5, 10, 0, 10)[1] == math.inf
    assert koopman(0, 10, 0, 10) == (0.0, math.inf)
    lower, upper = koopman(10, 10, 10, 10)
    assert lower < 1 < upper
    assert lower == pytest.approx(1 / upper)


def test_ratio_interval_leaves_katz_where_a_count_is_below_five() -> None:
    assert ratio_interval(5, 10, 5, 10)[1] == "katz"
    assert ratio_interval(4, 10, 5, 10)[1] == "koopman"
    assert ratio_interval(5, 10, 6, 10)[1] == "koopman"
    assert ratio_interval(4, 10, 5, 10)[0] == koopman(4, 10, 5, 10)
    assert ratio_interval(5, 10, 5, 10)[0] == katz(5, 10, 5, 10)


def test_katz_refuses_a_zero_count() -> None:
    with pytest.raises(ValueError, match="above zero"):
        katz(0, 10, 5, 10)


@pytest.mark.parametrize(("k", "n"), [(0, 0), (-1, 4), (5, 4)])
def test_interval_refuses_what_is_not_a_proportion(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="not a proportion"):
        wilson(k, n)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, 95.0])
def test_quantile_refuses_a_confidence_outside_its_range(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        normal_quantile(confidence)
