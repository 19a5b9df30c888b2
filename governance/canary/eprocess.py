"""An e-process for "the canary's bad rate is at most r times the baseline's", and a confidence sequence for the ratio.

Given k bad events in both arms in a window, the canary's share of them is Binomial(k, p(ρ)) at the ratio ρ of the two
bad rates, with p(ρ) = ρ·n_c / (ρ·n_c + n_b) from the traffic of the arms: no baseline rate is needed, and a shock that
both arms share cancels (Lindon & Malek, Anytime-Valid Inference for Multinomial Count Data, NeurIPS 2022, arXiv
2011.03567). The likelihood ratio of an alternative θ > r to r is (p(θ)/p(r))^x · ((1−p(θ))/(1−p(r)))^y with x, y the
bad events of canary and baseline. Its mean is at most 1 not for Poisson counts alone: for independent Binomial counts
with rates of ratio ≤ r it is ∏(1+q(a−1))^n ≤ exp(Σ n·q·(a−1)) ≤ 1, whatever the rates are, even when they change by
the window. A weighted mean of such products over alternatives is again an e-process, so by Ville's inequality it
reaches 1/α at any time, however often one looks, with probability at most α. Inverting the same test at every ratio
gives a confidence sequence (Waudby-Smith & Ramdas, Estimating means of bounded random variables by betting, JRSS B
2024).

Units: ratios are pure numbers (1 = no difference), log e-values are natural logarithms, α is a probability.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from governance.canary.windows import Window, gathered

# The mixture of the breach test: ratios that are worth a rollback, 1.5 to 10 times the baseline.
LOWEST, HIGHEST, ALTERNATIVES = 1.5, 10.0, 12
# The mixture of the interval: how far, in log ratio, an alternative lies from the ratio that is tested.
DISTANCES = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0)
# Ratios beyond these are drawn, and said, as "at least" and "at most".
RATIO_MIN, RATIO_MAX = 1e-3, 1e3
_STEPS = 44  # halvings of log(RATIO_MAX / RATIO_MIN): an error under 1e-12

Floats = NDArray[np.float64]


def alternatives(tolerance: float) -> Floats:
    """The ratios θ of the breach test, evenly in the logarithm; all lie above the tolerance.

    Raises ValueError for a tolerance that is not a finite number of at least 1.
    """
    if not (math.isfinite(tolerance) and tolerance >= 1):
        raise ValueError(f"a tolerance ratio is a number of at least 1, not {tolerance}")
    lowest = max(LOWEST, 1.2 * tolerance)
    return np.geomspace(lowest, max(HIGHEST, 5 * lowest), ALTERNATIVES)


class Counts:
    """Gathered windows as arrays; what order they came in is not to be seen in any result."""

    def __init__(self, windows: Sequence[Window]) -> None:
        rows = gathered(windows)
        self.x: Floats = np.array([row.canary_bad for row in rows], dtype=float)
        self.y: Floats = np.array([row.baseline_bad for row in rows], dtype=float)
        # log of the traffic ratio: p(ρ) is its logistic function moved by log ρ.
        self.offset: Floats = np.array([math.log(row.canary_n / row.baseline_n) for row in rows], dtype=float)

    def log_ratios(self, null: float, others: Floats) -> Floats:
        """log of the likelihood ratio of each of `others` (log ratios) to `null` (a log ratio)."""
        if not len(self.x):
            return np.zeros(len(others))
        at = self.offset + null
        to = self.offset[None, :] + others[:, None]
        # log p and log(1−p) of the logistic function, without loss near 0 and 1
        gain_x = np.logaddexp(0, -at)[None, :] - np.logaddexp(0, -to)
        gain_y = np.logaddexp(0, at)[None, :] - np.logaddexp(0, to)
        found: Floats = gain_x @ self.x + gain_y @ self.y
        return found


def log_e(windows: Sequence[Window], tolerance: float) -> float:
    """log of the e-value against "ratio ≤ tolerance". 0 without data; log(1/α) or more is a breach at level α."""
    others = np.log(alternatives(tolerance))
    return log_mean(Counts(windows).log_ratios(math.log(tolerance), others))


def log_mean(logs: Floats) -> float:
    """log of the mean of exp(logs)."""
    top = float(np.max(logs))
    return top + math.log(float(np.mean(np.exp(logs - top))))


def interval(windows: Sequence[Window], alpha: float) -> tuple[float, float]:
    """(lower, upper): a confidence sequence for the ratio of the bad rates; it holds at all looks at once with 1 − α.

    (0, ∞) while nothing is known. Each end spends α/2. Raises ValueError for an α outside (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"α is a probability between 0 and 1, not {alpha}")
    counts, need = Counts(windows), math.log(2 / alpha)
    distances = np.array(DISTANCES)
    # Each end is monotone in the ratio, so bisection finds it.
    upper = _end(lambda at: log_mean(counts.log_ratios(at, at - distances)) >= need, rising=True)
    lower = _end(lambda at: log_mean(counts.log_ratios(at, at + distances)) >= need, rising=False)
    return (0.0 if lower is None else math.exp(lower)), (math.inf if upper is None else math.exp(upper))


def _end(refused: Callable[[float], bool], *, rising: bool) -> float | None:
    """The log ratio from which on (or up to which) every ratio is refused; None where none within the range is."""
    near, far = math.log(RATIO_MIN), math.log(RATIO_MAX)
    if not rising:
        near, far = far, near
    if not refused(far):
        return None
    for _ in range(_STEPS):
        middle = (near + far) / 2
        if refused(middle):
            far = middle
        else:
            near = middle
    return far


def log_e_limit(bad: int, n: int, limit: float, tolerance: float = 1.0) -> float:
    """log of the e-value against "bad rate ≤ limit × tolerance", for a canary without a baseline.

    The mean of θ^bad · exp(−(θ−1)·limit·n) is at most 1 for Poisson and Binomial counts alike. `limit` is a share in
    (0, 1]. Raises ValueError for another.
    """
    if not 0 < limit <= 1:
        raise ValueError(f"a limit is a share above 0 and up to 1, not {limit}")
    others = alternatives(1.0)
    return log_mean(bad * np.log(others) - (others - 1) * limit * tolerance * n)


def limit_upper(bad: int, n: int, alpha: float) -> float:
    """The upper end of a confidence sequence for a bad rate, 1 while nothing is known: holds at all looks at once."""
    if not 0 < alpha < 1:
        raise ValueError(f"α is a probability between 0 and 1, not {alpha}")
    if n == 0:
        return 1.0
    factors = np.exp(-np.array(DISTANCES))
    low, high = 0.0, 1.0

    def refused(rate: float) -> bool:
        return log_mean(bad * np.log(factors) + (1 - factors) * rate * n) >= math.log(1 / alpha)

    if not refused(high):
        return 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if refused(middle) else (middle, high)
    return high
