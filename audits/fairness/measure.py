"""Counts to report: rates by group with intervals, and each group against its reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations

from audits.fairness.counts import MISSING, Confusion, Counts
from audits.fairness.errors import PredictionsError
from audits.fairness.intervals import newcombe, normal_quantile, ratio_interval, wilson
from audits.fairness.report import (
    UNDEFINED,
    AttributeResult,
    Comparison,
    Estimate,
    Extreme,
    GroupResult,
    IntersectionResult,
    Report,
)

Groups = Mapping[tuple[str, ...], Confusion]


def measure(
    counts: Counts,
    *,
    favourable: int,
    reference: Mapping[str, str] | None = None,
    min_group: int,
    confidence: float = 0.95,
    intersections: bool = False,
) -> Report:
    """Rates, ratios and gaps by group.

    favourable: the prediction (0 or 1) that is good for the person; the impact ratio is about it.
    reference: per attribute the group the others are compared with; where none is named, the group with the
    best favourable rate among those of at least min_group rows (29 CFR 1607.4 D compares with the highest
    rate), never "(missing)". min_group: groups with fewer rows are shown but not judged.
    confidence: of every interval, two-sided, one at a time. intersections: also find the worst one.
    Raises PredictionsError for a reference that is not in the data, ValueError for other bad arguments.
    """
    if favourable not in (0, 1):
        raise ValueError(f"favourable must be 0 or 1, not {favourable!r}")
    if min_group < 1:
        raise ValueError(f"min_group must be at least 1, not {min_group}")
    normal_quantile(confidence)
    named = dict(reference or {})
    for attribute in named:
        counts.by(attribute)
    ruler = _Ruler(favourable, min_group, confidence)
    total = counts.total()
    return Report(
        favourable=favourable,
        min_group=min_group,
        confidence=confidence,
        confusion=total,
        overall=ruler.overall(total),
        attributes=tuple(ruler.attribute(counts, name, named.get(name)) for name in counts.attributes),
        worst_intersection=ruler.worst_intersection(counts) if intersections else None,
        intersections=intersections,
    )


class _Ruler:
    """The arguments of one test, with the measures that depend on them."""

    def __init__(self, favourable: int, min_group: int, confidence: float) -> None:
        self.favourable = favourable
        self.min_group = min_group
        self.confidence = confidence

    def estimate(self, k: int, n: int) -> Estimate:
        if n == 0:
            return Estimate(None, None, None, k, n)
        return Estimate(k / n, *wilson(k, n, self.confidence), k, n)

    def overall(self, c: Confusion) -> dict[str, Estimate]:
        return {
            "accuracy": self.estimate(c.correct, c.n),
            "tpr": self.estimate(c.tp, c.n_pos),
            "fpr": self.estimate(c.fp, c.n_neg),
            "precision": self.estimate(c.tp, c.selected),
            "selection_rate": self.estimate(c.selected, c.n),
            "favourable_rate": self.estimate(c.favoured(self.favourable), c.n),
        }

    def ratio(self, group: Confusion, base: Confusion) -> Comparison:
        k1, k2 = group.favoured(self.favourable), base.favoured(self.favourable)
        if group.n == 0 or base.n == 0 or k2 == 0:
            return UNDEFINED
        (lower, upper), method = ratio_interval(k1, group.n, k2, base.n, self.confidence)
        return Comparison((k1 / group.n) / (k2 / base.n), lower, upper, method)

    def gap(self, k1: int, n1: int, k2: int, n2: int) -> Comparison:
        if n1 == 0 or n2 == 0:
            return UNDEFINED
        return Comparison(k1 / n1 - k2 / n2, *newcombe(k1, n1, k2, n2, self.confidence), "newcombe")

    def best(self, groups: Groups) -> tuple[str, ...] | None:
        """The group with the best favourable rate; of equals the largest, then the first by name."""
        fit = [key for key, c in groups.items() if c.n >= self.min_group and MISSING not in key]
        if not fit:
            return None
        return min(fit, key=lambda key: (-groups[key].favoured(self.favourable) / groups[key].n, -groups[key].n, key))

    def attribute(self, counts: Counts, name: str, named: str | None) -> AttributeResult:
        groups = counts.by(name)
        if named is not None and (named,) not in groups:
            raise _no_such_reference(name, named, groups)
        key = (named,) if named is not None else self.best(groups)
        results = tuple(self._group(values[0], c, groups, key) for values, c in groups.items())
        others = [group for group in results if group.judged and (group.group,) != key]
        return AttributeResult(
            attribute=name,
            reference=key[0] if key else None,
            reference_chosen="named" if named is not None else "best rate" if key else None,
            groups=results,
            lowest_ratio=_extreme(others, lambda group: group.ratio, lambda value: value),
            largest_gap_tpr=_extreme(others, lambda group: group.gap_tpr, lambda value: -abs(value)),
            largest_gap_fpr=_extreme(others, lambda group: group.gap_fpr, lambda value: -abs(value)),
            equalized_odds_difference=_equalized_odds([group for group in results if group.judged]),
            fairlearn_equalized_odds_difference=_fairlearn_equalized_odds(groups.values()),
        )

    def _group(self, name: str, c: Confusion, groups: Groups, key: tuple[str, ...] | None) -> GroupResult:
        why_not = self._why_not(c, groups[key] if key else None)
        ratio = gap_tpr = gap_fpr = UNDEFINED
        if key == (name,):
            rate_exists = c.favoured(self.favourable) > 0
            ratio = Comparison(1.0, 1.0, 1.0, "identity") if rate_exists else UNDEFINED
            gap_tpr = Comparison(0.0, 0.0, 0.0, "identity") if c.n_pos else UNDEFINED
            gap_fpr = Comparison(0.0, 0.0, 0.0, "identity") if c.n_neg else UNDEFINED
        elif key:
            base = groups[key]
            ratio = self.ratio(c, base)
            gap_tpr = self.gap(c.tp, c.n_pos, base.tp, base.n_pos)
            gap_fpr = self.gap(c.fp, c.n_neg, base.fp, base.n_neg)
        return GroupResult(
            group=name,
            confusion=c,
            judged=why_not is None,
            why_not=why_not,
            rate=self.estimate(c.favoured(self.favourable), c.n),
            accuracy=self.estimate(c.correct, c.n),
            tpr=self.estimate(c.tp, c.n_pos),
            fpr=self.estimate(c.fp, c.n_neg),
            precision=self.estimate(c.tp, c.selected),
            ratio=ratio,
            gap_tpr=gap_tpr,
            gap_fpr=gap_fpr,
        )

    def _why_not(self, c: Confusion, base: Confusion | None) -> str | None:
        if c.n < self.min_group:
            return f"fewer than {self.min_group} rows"
        if base is None or base.n < self.min_group:
            return f"the reference has fewer than {self.min_group} rows"
        return None

    def worst_intersection(self, counts: Counts) -> IntersectionResult | None:
        """The lowest ratio over all sets of two or more attributes, each against the best of its own set."""
        found: list[tuple[float, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = []
        too_small = 0
        for names in _attribute_sets(counts.attributes):
            groups = counts.by(*names)
            too_small += sum(c.n < self.min_group for c in groups.values())
            base = self.best(groups)
            if base is None or not groups[base].favoured(self.favourable):
                continue
            best_rate = groups[base].favoured(self.favourable) / groups[base].n
            found += [
                (c.favoured(self.favourable) / c.n / best_rate, names, key, base)
                for key, c in groups.items()
                if key != base and c.n >= self.min_group
            ]
        if not found:
            return None
        _, names, key, base = min(found)
        groups = counts.by(*names)
        worst = groups[key]
        return IntersectionResult(
            attributes=names,
            values=key,
            reference=base,
            n=worst.n,
            rate=self.estimate(worst.favoured(self.favourable), worst.n),
            ratio=self.ratio(worst, groups[base]),
            compared=len(found),
            too_small=too_small,
        )


def _attribute_sets(attributes: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    for size in range(2, len(attributes) + 1):
        yield from combinations(attributes, size)


def _no_such_reference(attribute: str, named: str, groups: Groups) -> PredictionsError:
    present = ", ".join(repr(values[0]) for values in list(groups)[:20])
    return PredictionsError(
        f"The reference group {named!r} does not occur in column {attribute!r}.",
        code="unknown_reference",
        column=attribute,
        how=f"Groups in the data: {present}.",
    )


def _extreme(
    groups: list[GroupResult],
    take: Callable[[GroupResult], Comparison],
    order: Callable[[float], float],
) -> Extreme | None:
    """The group whose defined comparison comes first in `order`; of equals the first by name."""
    worst: tuple[float, str, Comparison] | None = None
    for group in groups:
        comparison = take(group)
        if comparison.value is None:
            continue
        rank = order(comparison.value)
        if worst is None or (rank, group.group) < worst[:2]:
            worst = (rank, group.group, comparison)
    return Extreme(worst[1], worst[2]) if worst else None


def _equalized_odds(groups: list[GroupResult]) -> float | None:
    spreads = []
    for rates in ([group.tpr.value for group in groups], [group.fpr.value for group in groups]):
        defined = [rate for rate in rates if rate is not None]
        if len(defined) > 1:
            spreads.append(max(defined) - min(defined))
    return max(spreads, default=None)


def _fairlearn_equalized_odds(groups: Iterable[Confusion]) -> float:
    groups = list(groups)
    tpr = [c.tp / c.n_pos if c.n_pos else 0.0 for c in groups]
    fpr = [c.fp / c.n_neg if c.n_neg else 0.0 for c in groups]
    return max(max(tpr) - min(tpr), max(fpr) - min(fpr)) if groups else math.nan
