"""Latency, confidence and input shift as counts: how many requests lie beyond a fixed edge.

The edges are fixed before the first window, because an edge chosen after looking has no false-alarm rate. With edges
e₁ < … < e_m there are m + 1 bins; bin i holds values in [e_i, e_{i+1}), so "beyond the edge e" is value ≥ e.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

ABOVE, BELOW = "above", "below"
MAX_EDGES = 64


class BinsError(ValueError):
    """Bins that do not belong together: edges out of order, another number of counts, an edge that is none."""


def check_edges(edges: Sequence[float]) -> None:
    """Raises BinsError unless these are 1 to 64 finite numbers in rising order."""
    if not 1 <= len(edges) <= MAX_EDGES:
        raise BinsError(f"{len(edges)} edges: between 1 and {MAX_EDGES} are possible")
    if not all(isinstance(edge, int | float) and math.isfinite(edge) for edge in edges):
        raise BinsError("an edge is not a finite number")
    if any(left >= right for left, right in itertools.pairwise(edges)):
        raise BinsError("the edges do not rise")


def exceedances(edges: Sequence[float], counts: Sequence[int], edge: float, side: str = ABOVE) -> tuple[int, int]:
    """(bad, n): the counted values on the bad side of the edge, and all of them.

    side: "above" (latency, share of unknown tokens) or "below" (confidence). Raises BinsError when the edge is not
    one of the edges, or when there is not one count more than edges.
    """
    check_edges(edges)
    if len(counts) != len(edges) + 1:
        raise BinsError(f"{len(edges)} edges have {len(edges) + 1} bins, not {len(counts)}")
    if any(not isinstance(one, int) or isinstance(one, bool) or one < 0 for one in counts):
        raise BinsError("a bin holds a whole number from 0")
    if side not in (ABOVE, BELOW):
        raise BinsError(f"a side is above or below, not {side!r}")
    try:
        place = list(edges).index(edge)
    except ValueError:
        raise BinsError(f"{edge} is not one of the edges") from None
    n = sum(counts)
    below = sum(counts[: place + 1])
    return (n - below if side == ABOVE else below), n


def merge_bins(left: Sequence[int], right: Sequence[int]) -> list[int]:
    """Both counted together. Raises BinsError for bins of other numbers."""
    if len(left) != len(right):
        raise BinsError("bins of other edges cannot be added")
    return [a + b for a, b in zip(left, right, strict=True)]
