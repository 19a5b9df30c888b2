"""False rollbacks and delays of the canary's e-process beside a Mann-Whitney test, on the same simulated traffic.

    python bench/canary.py [--runs 200]

One-minute windows of two metrics in two arms with shocks that both share; every run is looked at each minute (the
e-process) and every five minutes or once at the end (scipy's Mann-Whitney on the rates of the windows, p < 1 %).
Prints the share rolled back and the median minute, and leaves with status 1 when a mark is missed: at most 1 % false
rollbacks of the e-process, errors 1 → 5 % found by minute 2, latency × 1.2 by minute 3 (500 requests a minute and arm).
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import mannwhitneyu

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from governance.canary import Metric, Window, read_metric  # noqa: E402
from governance.canary.eprocess import log_e  # noqa: E402
from tests.governance.canary.simulated import Case, counts  # noqa: E402

MINUTES, ALPHA, TOLERANCE = 60, 0.01, 1.1
CASES = {
    "no change, 50": Case(50),
    "no change, 500": Case(500),
    "latency × 1.03 (tolerable), 500": Case(500, slower=1.03),
    "errors 1 → 2 %, 500": Case(500, errors=0.02),
    "errors 1 → 5 %, 500": Case(500, errors=0.05),
    "latency × 1.2, 500": Case(500, slower=1.2),
    "errors 1 → 5 %, 50": Case(50, errors=0.05),
    "latency × 1.2, 50": Case(50, slower=1.2),
}
# (name of the case, at most this share rolled back) and (name, at least this share, by this minute)
FALSE = dict.fromkeys(list(CASES)[:3], 0.01)
FOUND = {"errors 1 → 5 %, 500": (1.0, 2), "latency × 1.2, 500": (1.0, 3), "errors 1 → 5 %, 50": (1.0, 9)}


def e_process(case: Case, metrics: list, alpha: float = ALPHA) -> int | None:
    """The minute of the alarm with a look each minute; Bonferroni over the metrics."""
    for minute in range(1, MINUTES + 1):
        for canary, baseline in metrics:
            n = case.n * minute
            window = Window(int(canary[:minute].sum()), n, int(baseline[:minute].sum()), n)
            if log_e([window], TOLERANCE) >= math.log(len(metrics) / alpha):
                return minute
    return None


def mann_whitney(metrics: list, every: int, alpha: float = ALPHA) -> int | None:
    """The same by a Mann-Whitney test of the windows' rates, with a look every so many minutes; no correction."""
    for minute in range(every, MINUTES + 1, every):
        for canary, baseline in metrics:
            if mannwhitneyu(canary[:minute], baseline[:minute], alternative="greater").pvalue < alpha:
                return minute
    return None


def line(found: list[int | None]) -> tuple[float, float | None]:
    hits = [one for one in found if one is not None]
    return len(hits) / len(found), statistics.median(hits) if hits else None


def words(share: float, minute: float | None) -> str:
    return f"{share:7.1%}" + (f", min {minute:<4g}" if minute is not None else " " * 10)


def marks(name: str, share: float, minute: float | None) -> bool:
    if name in FALSE:
        return share <= FALSE[name]
    if name in FOUND:
        least, latest = FOUND[name]
        return share >= least and minute is not None and minute <= latest
    return True


def speed() -> None:
    """A look at a day of one-minute windows of other traffic each."""
    rng = np.random.default_rng(1)
    rows = [Window(int(rng.integers(9)), int(400 + rng.integers(200)), int(rng.integers(9)), 500) for _ in range(1440)]
    began = time.perf_counter()
    for _ in range(5):
        read_metric(Metric("errors", 1.25), rows, 0.001)
    print(f"\na look at 1,440 windows of one metric: {(time.perf_counter() - began) / 5 * 1000:.0f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    within = True
    print(f"{runs} runs a case, {MINUTES} minutes, α = {ALPHA:.0%}, tolerance {TOLERANCE} ×")
    print(f"{'case, requests a minute and arm':34}{'Mann-Whitney, at 60':>20}{'each 5 min':>20}{'e-process':>20}")
    for name, case in CASES.items():
        rng = np.random.default_rng(20261125)
        traffic = [counts(case, rng, MINUTES) for _ in range(runs)]
        columns = [
            line([mann_whitney(one, 60) for one in traffic]),
            line([mann_whitney(one, 5) for one in traffic]),
            line([e_process(case, one) for one in traffic]),
        ]
        good = marks(name, *columns[-1])
        within &= good
        print(f"{name:34}" + "".join(f"{words(*one):>20}" for one in columns) + ("" if good else "  MISSED"))
    speed()
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
