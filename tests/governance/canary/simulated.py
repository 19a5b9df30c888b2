"""One-minute windows of two metrics in two arms, with shocks that both arms share; looked at every minute."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from governance.canary import Window
from governance.canary.eprocess import log_e

ERRORS, SPREAD = 0.01, 0.5
EDGE = math.exp(SPREAD * 1.6449)  # the baseline's 95th percentile, fixed beforehand


@dataclass(frozen=True)
class Case:
    """n: requests a minute and arm; errors: the canary's error rate; slower: its latency over the baseline's."""

    n: int
    errors: float = ERRORS
    slower: float = 1.0


def counts(case, rng, minutes=60):
    """[(canary bad by minute, baseline bad by minute)] of errors and of latency beyond the edge."""
    shock, shift = np.exp(rng.normal(0, 0.2, minutes)), rng.normal(0, 0.05, minutes)
    slow = norm.sf((math.log(EDGE) - shift - np.array([[math.log(case.slower)], [0.0]])) / SPREAD)
    rates = [(case.errors * shock, ERRORS * shock), tuple(slow)]
    return [tuple(rng.binomial(case.n, np.clip(rate, 0, 1)) for rate in pair) for pair in rates]


def first_alarm(case, rng, *, tolerance=1.1, alpha=0.01, minutes=60):
    """The minute in which the canary is rolled back, or None."""
    found = []
    for canary, baseline in counts(case, rng, minutes):
        sums = np.cumsum(canary), np.cumsum(baseline)
        for minute in range(1, minutes + 1):
            n = case.n * minute
            window = Window(int(sums[0][minute - 1]), n, int(sums[1][minute - 1]), n)
            if log_e([window], tolerance) >= math.log(2 / alpha):
                found.append(minute)
                break
    return min(found, default=None)


def alarms(case, runs, seed=20261125, **more):
    """The minutes of alarm of all runs, None where there was none."""
    rng = np.random.default_rng(seed)
    return [first_alarm(case, rng, **more) for _ in range(runs)]
