"""The result of a bias test, and its JSON-able document.

An undefined value is None in both: a rate without a denominator is not zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from audits.fairness.counts import Confusion

REPORT_SCHEMA = "gatehouse.fairness/1"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A rate k / n with its Wilson interval; all three None when n is 0."""

    value: float | None
    lower: float | None
    upper: float | None
    k: int
    n: int

    def as_document(self) -> dict[str, Any]:
        return {"value": self.value, "lower": self.lower, "upper": self.upper, "k": self.k, "n": self.n}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A group against its reference: a ratio or a signed difference (group minus reference).

    method: "katz", "koopman", "newcombe", "identity" (the reference itself) or "undefined". Value and limits
    are None together; a ratio to a rate of zero is undefined.
    """

    value: float | None
    lower: float | None
    upper: float | None
    method: str

    def as_document(self) -> dict[str, Any]:
        return {"value": self.value, "lower": self.lower, "upper": self.upper, "method": self.method}


UNDEFINED = Comparison(None, None, None, "undefined")


@dataclass(frozen=True, slots=True)
class GroupResult:
    """One group.

    judged: it and its reference have enough rows to conclude from; why_not: the reason when they have not.
    rate: of the favourable outcome; ratio: of these rates. precision: positive predictive value; its
    denominator is the rows predicted 1.
    """

    group: str
    confusion: Confusion
    judged: bool
    why_not: str | None
    rate: Estimate
    accuracy: Estimate
    tpr: Estimate
    fpr: Estimate
    precision: Estimate
    ratio: Comparison
    gap_tpr: Comparison
    gap_fpr: Comparison

    @property
    def n(self) -> int:
        return self.confusion.n

    def as_document(self) -> dict[str, Any]:
        c = self.confusion
        document: dict[str, Any] = {"group": self.group, "n": c.n, "n_pos": c.n_pos, "n_neg": c.n_neg}
        document |= {"selected": c.selected, **c._asdict(), "judged": self.judged, "why_not": self.why_not}
        for name in ("rate", "accuracy", "tpr", "fpr", "precision", "ratio", "gap_tpr", "gap_fpr"):
            document[name] = getattr(self, name).as_document()
        return document


@dataclass(frozen=True, slots=True)
class Extreme:
    """The group at which a comparison is worst, among the judged groups other than the reference."""

    group: str
    comparison: Comparison

    def as_document(self) -> dict[str, Any]:
        return {"group": self.group, **self.comparison.as_document()}


@dataclass(frozen=True, slots=True)
class AttributeResult:
    """One attribute and its groups.

    reference_chosen: "named", "best rate", or None when no group is large enough.
    equalized_odds_difference: the larger of the spreads (max - min) of the true and the false positive rates
    over judged groups whose rate is defined. fairlearn_equalized_odds_difference: the same over all groups
    with undefined rates taken as 0, as fairlearn does; for comparison only, never for a decision.
    """

    attribute: str
    reference: str | None
    reference_chosen: str | None
    groups: tuple[GroupResult, ...]
    lowest_ratio: Extreme | None
    largest_gap_tpr: Extreme | None
    largest_gap_fpr: Extreme | None
    equalized_odds_difference: float | None
    fairlearn_equalized_odds_difference: float

    def group(self, name: str) -> GroupResult:
        """The named group; KeyError if there is none."""
        for found in self.groups:
            if found.group == name:
                return found
        raise KeyError(name)

    def as_document(self) -> dict[str, Any]:
        extremes = ("lowest_ratio", "largest_gap_tpr", "largest_gap_fpr")
        found = {name: getattr(self, name) for name in extremes}
        return {
            "attribute": self.attribute,
            "reference": self.reference,
            "reference_chosen": self.reference_chosen,
            **{name: extreme and extreme.as_document() for name, extreme in found.items()},
            "equalized_odds_difference": self.equalized_odds_difference,
            "fairlearn_equalized_odds_difference": self.fairlearn_equalized_odds_difference,
            "not_judged": sum(not group.judged for group in self.groups),
            "groups": [group.as_document() for group in self.groups],
        }


@dataclass(frozen=True, slots=True)
class IntersectionResult:
    """The intersection with the lowest ratio among those of at least min_group rows.

    Every set of two or more attributes is searched. Exploratory: the lowest of `compared` groups lies below
    its true value by chance, and its interval does not correct for the search. values and reference are in
    the order of attributes.
    """

    attributes: tuple[str, ...]
    values: tuple[str, ...]
    reference: tuple[str, ...]
    n: int
    rate: Estimate
    ratio: Comparison
    compared: int
    too_small: int

    def as_document(self) -> dict[str, Any]:
        return {
            "attributes": list(self.attributes),
            "values": list(self.values),
            "reference": list(self.reference),
            "n": self.n,
            "rate": self.rate.as_document(),
            "ratio": self.ratio.as_document(),
            "compared": self.compared,
            "too_small": self.too_small,
            "exploratory": True,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """A bias test over one set of counts.

    overall: accuracy, tpr, fpr, precision, selection_rate, favourable_rate. intersections: whether they were
    searched, so that a worst_intersection of None can be told from one not looked for.
    """

    favourable: int
    min_group: int
    confidence: float
    confusion: Confusion
    overall: dict[str, Estimate]
    attributes: tuple[AttributeResult, ...]
    worst_intersection: IntersectionResult | None = None
    intersections: bool = field(default=False)

    @property
    def n(self) -> int:
        return self.confusion.n

    def attribute(self, name: str) -> AttributeResult:
        """The named attribute; KeyError if there is none."""
        for found in self.attributes:
            if found.attribute == name:
                return found
        raise KeyError(name)

    def as_document(self) -> dict[str, Any]:
        """JSON-able, without NaN or infinity; equal counts give equal documents."""
        document: dict[str, Any] = {
            "schema": REPORT_SCHEMA,
            "favourable": self.favourable,
            "min_group": self.min_group,
            "confidence": self.confidence,
            "n": self.n,
            **self.confusion._asdict(),
            "overall": {name: estimate.as_document() for name, estimate in self.overall.items()},
            "attributes": [attribute.as_document() for attribute in self.attributes],
        }
        if self.intersections:
            worst = self.worst_intersection
            document["worst_intersection"] = worst and worst.as_document()
        return document

    def as_facts(self) -> list[dict[str, Any]]:
        """One `bias` fact a group; what is undefined is left out, so a gate reads it as unknown."""
        return [
            _fact(attribute.attribute, group, self.favourable)
            for attribute in self.attributes
            for group in attribute.groups
        ]


def _fact(attribute: str, group: GroupResult, favourable: int) -> dict[str, Any]:
    found = {
        "attribute": attribute,
        "group": group.group,
        "n": group.n,
        "rate": group.rate.value,
        "ratio": group.ratio.value,
        "ratio_lower": group.ratio.lower,
        "ratio_upper": group.ratio.upper,
        "gap_tpr": group.gap_tpr.value,
        "gap_fpr": group.gap_fpr.value,
        "favourable": favourable,
    }
    return {key: value for key, value in found.items() if value is not None}
