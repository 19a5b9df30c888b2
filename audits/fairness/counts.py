"""Counts: the sufficient statistics of a bias test.

Four integers for each finest cell (one value of every attribute) give every rate, every marginal and
every intersection by addition, so the counts are what is stored and everything else is derived from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from audits.fairness.errors import PredictionsError

COUNTS_SCHEMA = "gatehouse.counts/1"
MISSING = "(missing)"


class Confusion(NamedTuple):
    """Rows of one group by label and prediction; 1 is the positive class in both."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    @property
    def n(self) -> int:
        return self.tp + self.fp + self.fn + self.tn

    @property
    def n_pos(self) -> int:
        """Rows whose label is 1: the denominator of the true positive rate."""
        return self.tp + self.fn

    @property
    def n_neg(self) -> int:
        """Rows whose label is 0: the denominator of the false positive rate."""
        return self.fp + self.tn

    @property
    def selected(self) -> int:
        """Rows predicted 1: the denominator of the precision."""
        return self.tp + self.fp

    @property
    def correct(self) -> int:
        return self.tp + self.tn

    def favoured(self, favourable: int) -> int:
        """Rows predicted to be `favourable` (0 or 1)."""
        return self.selected if favourable == 1 else self.n - self.selected

    def plus(self, other: Confusion) -> Confusion:
        return Confusion(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of one predictions file.

    cells maps the tuple of attribute values, in the order of `attributes`, to its four integers. Cells are
    kept sorted, so equal data give equal documents. A missing value is the group "(missing)".
    """

    attributes: tuple[str, ...]
    cells: Mapping[tuple[str, ...], Confusion]
    label: str = "y_true"
    prediction: str = "y_pred"

    @classmethod
    def of(
        cls,
        attributes: Sequence[str],
        cells: Iterable[tuple[tuple[str, ...], Confusion]],
        *,
        label: str = "y_true",
        prediction: str = "y_pred",
    ) -> Counts:
        """Counts from cells in any order; cells with the same values are added."""
        merged: dict[tuple[str, ...], Confusion] = {}
        for values, confusion in cells:
            if len(values) != len(attributes):
                raise ValueError(f"a cell has {len(values)} values for {len(attributes)} attributes")
            if min(confusion) < 0:
                raise ValueError(f"a cell has a negative count: {confusion}")
            merged[values] = merged.get(values, Confusion()).plus(confusion)
        return cls(tuple(attributes), dict(sorted(merged.items())), label, prediction)

    @property
    def n(self) -> int:
        return self.total().n

    def total(self) -> Confusion:
        """All rows together."""
        return _sum(self.cells.values())

    def by(self, *attributes: str) -> dict[tuple[str, ...], Confusion]:
        """Marginal counts over the named attributes; raises PredictionsError for one that was not counted."""
        places = [self._place(name) for name in attributes]
        groups: dict[tuple[str, ...], Confusion] = {}
        for values, confusion in self.cells.items():
            key = tuple(values[place] for place in places)
            groups[key] = groups.get(key, Confusion()).plus(confusion)
        return dict(sorted(groups.items()))

    def merge(self, other: Counts) -> Counts:
        """Counts of both files together, for parts of one data set counted where they lie."""
        if self.attributes != other.attributes:
            raise ValueError("only counts over the same attributes can be merged")
        both = [*self.cells.items(), *other.cells.items()]
        return Counts.of(self.attributes, both, label=self.label, prediction=self.prediction)

    def as_document(self) -> dict[str, Any]:
        """JSON-able form; `from_document` reads it back."""
        return {
            "schema": COUNTS_SCHEMA,
            "attributes": list(self.attributes),
            "label": self.label,
            "prediction": self.prediction,
            "n": self.n,
            "cells": [{"values": list(values), **c._asdict()} for values, c in self.cells.items()],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Counts:
        """Counts from `as_document()`; raises ValueError for another schema or a bad cell."""
        if document.get("schema") != COUNTS_SCHEMA:
            raise ValueError(f"not a {COUNTS_SCHEMA} document: {document.get('schema')!r}")
        cells = [
            (tuple(cell["values"]), Confusion(cell["tp"], cell["fp"], cell["fn"], cell["tn"]))
            for cell in document["cells"]
        ]
        return cls.of(document["attributes"], cells, label=document["label"], prediction=document["prediction"])

    def _place(self, attribute: str) -> int:
        try:
            return self.attributes.index(attribute)
        except ValueError:
            raise PredictionsError(
                f"Attribute {attribute!r} was not counted.",
                code="unknown_attribute",
                column=attribute,
                how=f"Counted attributes: {', '.join(self.attributes) or 'none'}.",
            ) from None


def _sum(confusions: Iterable[Confusion]) -> Confusion:
    total = Confusion()
    for confusion in confusions:
        total = total.plus(confusion)
    return total
