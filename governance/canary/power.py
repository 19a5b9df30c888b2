"""How many requests are still needed before the test can speak: an estimate, said as one, never a verdict.

The expected growth of a log e-value per bad event, at the true ratio τ, is the divergence
s·log(p(θ)/p(ρ)) + (1−s)·log((1−p(θ))/(1−p(ρ))) with s = p(τ); the need over the growth gives bad events, and the bad
rate seen so far turns them into requests. With no bad event yet the rate is taken as 1/(n + 2): the number is then a
lower bound, and grows as quiet traffic goes on.
"""

from __future__ import annotations

import math

import numpy as np

from governance.canary.eprocess import DISTANCES, Counts, Floats, alternatives
from governance.canary.windows import Window, total

NEVER = None


def requests_to_find(windows: list[Window], tolerance: float, alpha: float, effect: float) -> int | None:
    """Further requests of the canary until a ratio of `effect` is expected to be found; 0 when it is found now.

    None without traffic, and where the effect lies too near the tolerance for the mixture ever to find it.
    """
    others = np.log(alternatives(tolerance))
    return _needed(windows, math.log(tolerance), others, math.log(1 / alpha), math.log(effect))


def requests_to_pass(windows: list[Window], tolerance: float, alpha: float) -> int | None:
    """Further requests of the canary until the interval is expected to lie below the tolerance, if the arms are alike.

    None without traffic, and where the tolerance lies too near 1 for that.
    """
    null = math.log(tolerance)
    return _needed(windows, null, null - np.array(DISTANCES), math.log(2 / alpha), 0.0)


def _needed(windows: list[Window], null: float, others: Floats, need: float, truth: float) -> int | None:
    sums = total(windows)
    offset = math.log(sums.canary_n / sums.baseline_n) if sums.compares else 0.0
    share = _logistic(offset + truth)
    gains = share * (_log_p(offset + others) - _log_p(offset + null)) + (1 - share) * (
        _log_p(-offset - others) - _log_p(-offset - null)
    )
    has = Counts(windows).log_ratios(null, others)
    left = need + math.log(len(others)) - has
    if np.any(left <= 0):
        return 0
    growing = gains > 1e-12
    if not np.any(growing):
        return NEVER
    events = float(np.min(left[growing] / gains[growing]))
    n = sums.canary_n + sums.baseline_n
    if not n:
        return NEVER
    bad = sums.canary_bad + sums.baseline_bad
    rate = bad / n if bad else 1 / (n + 2)
    canary_part = sums.canary_n / n if sums.compares else 0.5
    return math.ceil(events / rate * canary_part)


def _logistic(at: float) -> float:
    return 1 / (1 + math.exp(-at))


def _log_p(at: Floats | float) -> Floats:
    found: Floats = -np.logaddexp(0, -np.asarray(at, dtype=float))
    return found
