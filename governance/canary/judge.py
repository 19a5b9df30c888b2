"""What a rollout may do next: yes, wait or roll back, with its reasons as data.

Roll back: a metric's e-process reached 1/α (Bonferroni: α over metrics), or the canary is silent past the deadline.
Yes: the least time and sample are there and the interval of every metric lies wholly below its tolerance. Everything
else is wait: not enough evidence is never a pass. The caller gives the time; there is no clock in here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from governance.canary import eprocess, power
from governance.canary.windows import Window, total


class Answer(StrEnum):
    YES = "yes"
    WAIT = "wait"
    ROLL_BACK = "roll_back"


class State(StrEnum):
    """Where a metric stands to its tolerance."""

    PASS = "pass"  # noqa: S105 (a verdict)
    BREACH = "breach"
    MORE = "not_enough_evidence"


@dataclass(frozen=True)
class Metric:
    """One thing that is compared. tolerance: the ratio of bad rates that is still all right (≥ 1); effect: the ratio
    whose finding must not take long; limit: the bad rate (share) that is held against where there is no baseline."""

    name: str
    tolerance: float = 1.25
    effect: float = 2.0
    limit: float | None = None


@dataclass(frozen=True)
class StepRule:
    """What a step asks before the next: least time (minutes), least sample (requests of the canary), and the minutes
    of silence that are a breach."""

    least_minutes: float
    least_requests: int
    silence_minutes: float


@dataclass(frozen=True)
class Progress:
    """How long the step has run and since when the canary is silent, in minutes; requests: the canary's, since then."""

    minutes: float
    silent_minutes: float
    requests: int


@dataclass(frozen=True)
class Reading:
    """A metric as the counts have it now. ratio, lower, upper: of the bad rates, None where undefined or without bound;
    without a baseline they are the canary's bad rate over the limit."""

    metric: str
    state: State
    ratio: float | None
    lower: float | None
    upper: float | None
    tolerance: float
    log_e: float
    needs_log_e: float
    canary_bad: int
    canary_n: int
    baseline_bad: int
    baseline_n: int
    to_pass: int | None
    to_find: int | None
    effect: float
    against: str = "baseline"

    def document(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "state": str(self.state)}


@dataclass(frozen=True)
class Reason:
    """code: stable, for machines; message: one sentence; data: the numbers behind it."""

    code: str
    message: str
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, **self.data}


def read_metric(metric: Metric, windows: Sequence[Window], alpha: float) -> Reading:
    """The metric at level α (already divided by the number of metrics). Raises ValueError for odd α or tolerance."""
    sums = total(windows)
    if not sums.baseline_n and metric.limit is not None:
        return _against_limit(metric, sums, alpha)
    rows = list(windows)
    log_e = eprocess.log_e(rows, metric.tolerance)
    lower, upper = eprocess.interval(rows, alpha)
    ratio = None
    if sums.compares and sums.baseline_bad:
        ratio = (sums.canary_bad / sums.canary_n) / (sums.baseline_bad / sums.baseline_n)
    state = _state(log_e, math.log(1 / alpha), upper < metric.tolerance)
    return Reading(
        metric=metric.name,
        state=state,
        ratio=ratio,
        lower=lower or None,
        upper=upper if math.isfinite(upper) else None,
        tolerance=metric.tolerance,
        log_e=log_e,
        needs_log_e=math.log(1 / alpha),
        **dataclasses.asdict(sums),
        to_pass=power.requests_to_pass(rows, metric.tolerance, alpha) if state == State.MORE else 0,
        to_find=power.requests_to_find(rows, metric.tolerance, alpha, metric.effect) if state == State.MORE else 0,
        effect=metric.effect,
    )


def _state(log_e: float, need: float, below: bool) -> State:
    if log_e >= need:
        return State.BREACH
    return State.PASS if below else State.MORE


def _against_limit(metric: Metric, sums: Window, alpha: float) -> Reading:
    """The first version at an endpoint has no baseline: its bad rate is held against the limit of the plan."""
    limit = metric.limit or 1.0
    log_e = eprocess.log_e_limit(sums.canary_bad, sums.canary_n, limit)
    upper = eprocess.limit_upper(sums.canary_bad, sums.canary_n, alpha)
    state = _state(log_e, math.log(1 / alpha), upper < limit)
    return Reading(
        metric=metric.name,
        state=state,
        ratio=sums.canary_bad / sums.canary_n / limit if sums.canary_n else None,
        lower=None,
        upper=upper / limit if sums.canary_n else None,
        tolerance=1.0,
        log_e=log_e,
        needs_log_e=math.log(1 / alpha),
        **dataclasses.asdict(sums),
        to_pass=None if state == State.MORE else 0,
        to_find=None if state == State.MORE else 0,
        effect=metric.effect,
        against="limit",
    )


def judge(
    rule: StepRule, progress: Progress, metrics: Mapping[Metric, Sequence[Window]], alpha: float
) -> tuple[Answer, list[Reason], list[Reading]]:
    """Whether the step is done. α is for the whole step; each metric gets its part of it."""
    level = alpha / max(1, len(metrics))
    readings = [read_metric(metric, windows, level) for metric, windows in metrics.items()]
    breaches = [_breach(one) for one in readings if one.state == State.BREACH]
    if rule.silence_minutes and progress.silent_minutes >= rule.silence_minutes:
        breaches.append(
            Reason(
                "no-data",
                f"The canary has reported nothing for {progress.silent_minutes:.0f} minutes.",
                {"silent_minutes": round(progress.silent_minutes, 1), "deadline_minutes": rule.silence_minutes},
            )
        )
    if breaches:
        return Answer.ROLL_BACK, breaches, readings
    waits = [*_short(rule, progress), *(_more(one) for one in readings if one.state == State.MORE)]
    return (Answer.WAIT if waits else Answer.YES), waits, readings


def _breach(one: Reading) -> Reason:
    told = f"{one.ratio:.2f} times" if one.ratio is not None else "far above"
    of = "the baseline" if one.against == "baseline" else "its limit"
    return Reason(
        "breach",
        f"{one.metric} is {told} {of}; at most {one.tolerance:g} times is tolerated.",
        {"metric": one.metric, "ratio": one.ratio, "lower": one.lower, "upper": one.upper, "tolerance": one.tolerance},
    )


def _short(rule: StepRule, progress: Progress) -> list[Reason]:
    found = []
    if progress.minutes < rule.least_minutes:
        left = rule.least_minutes - progress.minutes
        data = {"minutes": round(progress.minutes, 1), "least_minutes": rule.least_minutes}
        found.append(Reason("too-early", f"The step lasts {math.ceil(left)} more minutes at least.", data))
    if progress.requests < rule.least_requests:
        data = {"requests": progress.requests, "least_requests": rule.least_requests}
        left_over = rule.least_requests - progress.requests
        found.append(Reason("sample-too-small", f"The step needs {left_over:,} more requests at least.", data))
    return found


def _more(one: Reading) -> Reason:
    if not one.canary_n:
        said = f"{one.metric}: the canary has sent no counts."
    elif one.against == "baseline" and not one.baseline_n:
        said = f"{one.metric}: the baseline has sent no counts, so there is nothing to compare with."
    elif one.to_pass:
        said = f"{one.metric}: not enough evidence; about {one.to_pass:,} more requests, if it is like the baseline."
    else:
        said = f"{one.metric}: not enough evidence yet."
    data = {"metric": one.metric, "requests_to_pass": one.to_pass, "requests_to_find": one.to_find}
    return Reason("not-enough-evidence", said, {**data, "effect": one.effect, "upper": one.upper})
