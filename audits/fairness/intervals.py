"""Confidence intervals for rates, differences of rates and ratios of rates.

All take counts (k of n), not rates, and a two-sided confidence such as 0.95. They are pure arithmetic and
know nothing of groups. A function is called only where the quantity exists (n > 0); otherwise ValueError.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

Interval = tuple[float, float]
KATZ_MIN = 5


@lru_cache(maxsize=32)
def normal_quantile(confidence: float) -> float:
    """z with P(-z < Z < z) = confidence. ValueError unless 0 < confidence < 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(k: int, n: int, confidence: float = 0.95) -> Interval:
    """Score interval of one proportion.

    Wilson 1927, J Am Stat Assoc 22:209; method 3 in Newcombe 1998, Stat Med 17:857. It is right at small n
    and never has zero width at k = 0 or k = n, where the Wald interval does.
    """
    _check(k, n)
    z2 = normal_quantile(confidence) ** 2
    middle = 2 * k + z2
    spread = math.sqrt(z2 * (z2 + 4 * k * (n - k) / n))
    lower = 0.0 if k == 0 else (middle - spread) / (2 * (n + z2))
    upper = 1.0 if k == n else (middle + spread) / (2 * (n + z2))
    return lower, upper


def newcombe(k1: int, n1: int, k2: int, n2: int, confidence: float = 0.95) -> Interval:
    """Interval of p1 - p2 for independent proportions, joined from the two Wilson intervals.

    Newcombe 1998, Stat Med 17:873, method 10 (hybrid score, without continuity correction).
    """
    lower1, upper1 = wilson(k1, n1, confidence)
    lower2, upper2 = wilson(k2, n2, confidence)
    p1, p2 = k1 / n1, k2 / n2
    down = math.hypot(p1 - lower1, upper2 - p2)
    up = math.hypot(upper1 - p1, p2 - lower2)
    return max(-1.0, p1 - p2 - down), min(1.0, p1 - p2 + up)


def katz(k1: int, n1: int, k2: int, n2: int, confidence: float = 0.95) -> Interval:
    """Interval of p1 / p2 for independent proportions, normal on the log scale.

    Katz, Baptista, Azen, Pike 1978, Biometrics 34:469. ValueError when a count is 0: the log does not exist.
    """
    _check(k1, n1)
    _check(k2, n2)
    if k1 == 0 or k2 == 0:
        raise ValueError("the Katz interval needs both counts above zero")
    error = math.sqrt(max(0.0, 1 / k1 - 1 / n1 + 1 / k2 - 1 / n2))
    ratio = (k1 / n1) / (k2 / n2)
    factor = math.exp(normal_quantile(confidence) * error)
    return ratio / factor, ratio * factor


def koopman(k1: int, n1: int, k2: int, n2: int, confidence: float = 0.95) -> Interval:
    """Interval of p1 / p2 for independent proportions, by inverting the score test.

    Koopman 1984, Biometrics 40:513. It lives with zero counts: the lower limit is 0 when k1 = 0, the upper
    is infinite when k2 = 0.
    """
    _check(k1, n1)
    _check(k2, n2)
    target = normal_quantile(confidence) ** 2
    upper = _koopman_upper(k1, n1, k2, n2, target)
    # The ratio p2 / p1 has the same interval turned over, so one search serves both ends.
    turned = _koopman_upper(k2, n2, k1, n1, target)
    return (0.0 if math.isinf(turned) else 1 / turned), upper


def ratio_interval(k1: int, n1: int, k2: int, n2: int, confidence: float = 0.95) -> tuple[Interval, str]:
    """The interval of p1 / p2 that fits the counts, and its name: "katz" or "koopman".

    Katz needs at least 5 favourable and 5 other outcomes on both sides: with few favourable ones the log is
    not normal, and with no other ones (k = n) its width is zero. Koopman serves everywhere else.
    """
    if min(k1, n1 - k1, k2, n2 - k2) >= KATZ_MIN:
        return katz(k1, n1, k2, n2, confidence), "katz"
    return koopman(k1, n1, k2, n2, confidence), "koopman"


def _koopman_upper(k1: int, n1: int, k2: int, n2: int, target: float) -> float:
    """Largest ratio whose score statistic does not exceed `target`; infinite when no ratio is too large."""
    if k2 == 0:
        return math.inf
    inside = math.log(k1 / n1 * n2 / k2) if k1 else -40.0
    outside, step = inside, 0.5
    while _koopman_score(math.exp(outside), k1, n1, k2, n2) <= target:
        inside, outside, step = outside, outside + step, step * 2
    for _ in range(200):
        middle = (inside + outside) / 2
        if middle in (inside, outside):
            break
        if _koopman_score(math.exp(middle), k1, n1, k2, n2) <= target:
            inside = middle
        else:
            outside = middle
    return math.exp(inside)


def _koopman_score(ratio: float, k1: int, n1: int, k2: int, n2: int) -> float:
    """Pearson's statistic of both samples at the likeliest rates with p1 = ratio * p2."""
    half = ratio * (n1 + k2) + k1 + n2
    root = math.sqrt(max(0.0, half * half - 4 * ratio * (n1 + n2) * (k1 + k2)))
    # The smaller root of the quadratic, written without the difference that would cancel.
    p2 = 2 * (k1 + k2) / (half + root)
    return _pearson(k1, n1, min(1.0, ratio * p2)) + _pearson(k2, n2, min(1.0, p2))


def _pearson(k: int, n: int, p: float) -> float:
    if k == n:
        return n * (1 - p) / p if p > 0 else math.inf
    if k == 0:
        return n * p / (1 - p) if p < 1 else math.inf
    if p <= 0 or p >= 1:
        return math.inf
    return float((k - n * p) ** 2 / (n * p * (1 - p)))


def _check(k: int, n: int) -> None:
    if not 0 <= k <= n or n == 0:
        raise ValueError(f"{k} of {n} is not a proportion")
