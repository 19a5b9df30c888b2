"""Canary against baseline by an always-valid test. Pure: no Django, no clock, no network.

Looking often raises no false alarms, little traffic is never a pass, and silence past a deadline is a breach.
"""

from governance.canary.bins import BinsError, exceedances, merge_bins
from governance.canary.judge import Answer, Metric, Progress, Reading, Reason, StepRule, judge, read_metric
from governance.canary.windows import Window, WindowError

__all__ = [
    "Answer",
    "BinsError",
    "Metric",
    "Progress",
    "Reading",
    "Reason",
    "StepRule",
    "Window",
    "WindowError",
    "exceedances",
    "judge",
    "merge_bins",
    "read_metric",
]
