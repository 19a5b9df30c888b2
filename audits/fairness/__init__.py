"""Bias tests: predictions file to counts, counts to report. Pure: no Django, no clock, no network."""

from audits.fairness.counting import count_file
from audits.fairness.counts import MISSING, Confusion, Counts
from audits.fairness.errors import PredictionsError
from audits.fairness.limits import Limits
from audits.fairness.measure import measure
from audits.fairness.report import (
    AttributeResult,
    Comparison,
    Estimate,
    Extreme,
    GroupResult,
    IntersectionResult,
    Report,
)

__all__ = [
    "MISSING",
    "AttributeResult",
    "Comparison",
    "Confusion",
    "Counts",
    "Estimate",
    "Extreme",
    "GroupResult",
    "IntersectionResult",
    "Limits",
    "PredictionsError",
    "Report",
    "count_file",
    "measure",
]
