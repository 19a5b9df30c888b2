"""Counts of one metric in one window of time, of both arms."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

MAX_COUNT = 10**12


class WindowError(ValueError):
    """Counts that no window can have: below nought, or more bad requests than requests."""


@dataclass(frozen=True)
class Window:
    """Requests and bad ones among them, canary and baseline. A window without one of the arms compares nothing.

    Raises WindowError when a count is not a whole number from 0 to 10¹², or bad exceeds n.
    """

    canary_bad: int
    canary_n: int
    baseline_bad: int
    baseline_n: int

    def __post_init__(self) -> None:
        for bad, n in ((self.canary_bad, self.canary_n), (self.baseline_bad, self.baseline_n)):
            whole = all(isinstance(one, int) and not isinstance(one, bool) for one in (bad, n))
            if not whole or not 0 <= bad <= n <= MAX_COUNT:
                raise WindowError(f"{bad} bad of {n} requests is no count")

    @property
    def compares(self) -> bool:
        """Whether both arms had traffic."""
        return self.canary_n > 0 and self.baseline_n > 0


def gathered(windows: Iterable[Window]) -> list[Window]:
    """The windows that compare, those of one traffic ratio added up, in an order of their own.

    What is computed from the result is the same to the last bit in whatever order the windows came, and the same
    for two windows of one traffic ratio as for their sum: given the ratio, the counts are all that matters.
    """
    sums: dict[tuple[int, int], list[int]] = {}
    for one in windows:
        if not one.compares:
            continue
        divisor = math.gcd(one.canary_n, one.baseline_n)
        row = sums.setdefault((one.canary_n // divisor, one.baseline_n // divisor), [0, 0, 0, 0])
        for place, value in enumerate((one.canary_bad, one.canary_n, one.baseline_bad, one.baseline_n)):
            row[place] += value
    return [Window(*sums[ratio]) for ratio in sorted(sums)]


def total(windows: Iterable[Window]) -> Window:
    """All windows as one, those of one arm too."""
    sums = [0, 0, 0, 0]
    for one in windows:
        for place, value in enumerate((one.canary_bad, one.canary_n, one.baseline_bad, one.baseline_n)):
            sums[place] += value
    return Window(*sums)
