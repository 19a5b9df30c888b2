"""Reads the signals of a rollout's step and lets the canary test judge them. Nothing is changed here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from catalog.models import ModelVersion
from catalog.selectors import live_deployment
from catalog.selectors.places import deployment_before
from governance.canary import (
    Answer,
    Metric,
    Progress,
    Reading,
    Reason,
    StepRule,
    Window,
    exceedances,
    judge,
)
from governance.canary.eprocess import limit_upper
from governance.canary.windows import total
from governance.models import Arm, Rollout, RolloutStep, Signal, SignalForm

WINDOW = timedelta(minutes=1)
Cells = dict[tuple[str, datetime], tuple[int, int]]


@dataclass(frozen=True)
class Judgement:
    """What the numbers of a step say at one moment."""

    answer: Answer
    reasons: list[Reason]
    readings: list[Reading]
    progress: Progress
    rule: StepRule


def metrics_of(rollout: Rollout) -> dict[Metric, dict[str, Any]]:
    """The metrics of the plan, each with the signal, measure and edge that it is read from."""
    return {Metric(label_of(one), one["tolerance"], one["effect"], one.get("limit")): one for one in rollout.metrics}


def label_of(one: dict[str, Any]) -> str:
    """A metric's name as people read it: the signal, and the edge beyond which a request counts as bad."""
    sign = {"above": "≥", "below": "<"}.get(one["measure"])
    return f"{one['name']} {sign} {one['edge']:g}" if sign else str(one["name"])


def baseline_version(rollout: Rollout) -> ModelVersion | None:
    """What the canary is compared with: what answers at the endpoint, or answered before the canary took over."""
    release = rollout.release
    live = live_deployment(release.endpoint)
    if live is not None and live.version_id != release.version_id:
        return live.version
    before = deployment_before(live) if live is not None else None
    return before.version if before is not None else None


def read_step(rollout: Rollout, step: RolloutStep, *, now: datetime) -> Judgement:
    """The step judged at this moment. α of the plan is divided over its steps, then over its metrics."""
    level = rollout.alpha / rollout.steps.count()
    since = step.reached_at or step.allowed_at or now
    metrics, baseline = metrics_of(rollout), baseline_version(rollout)
    cells = _cells(rollout, baseline, since=since)
    judged: dict[Metric, list[Window]] = {}
    for metric, plan in metrics.items():
        windows = _windows(cells.get(metric.name, {}))
        if step.share == 100 and metric.limit is None and not total(windows).baseline_n:
            metric = dataclasses.replace(metric, limit=_limit_before(rollout, baseline, metric, plan, since, level))
        judged[metric] = windows
    rule = _rule(rollout, step)
    progress = Progress(
        minutes=_minutes(now - step.reached_at) if step.reached_at else 0.0,
        silent_minutes=max((_silent(cells.get(one.name, {}), since, now) for one in metrics), default=0.0),
        requests=min((total(windows).canary_n for windows in judged.values()), default=0),
    )
    answer, reasons, readings = judge(rule, progress, judged, level)
    return Judgement(answer, reasons, readings, progress, rule)


def _rule(rollout: Rollout, step: RolloutStep) -> StepRule:
    """At all traffic the step is the burn-in as well: the longer time and the larger sample count."""
    minutes, requests = step.least_minutes, step.least_requests
    if step.share == 100:
        minutes, requests = max(minutes, rollout.burn_in_minutes), max(requests, rollout.burn_in_requests)
    return StepRule(minutes, requests, rollout.silence_minutes)


def _minutes(span: timedelta) -> float:
    return max(0.0, span.total_seconds() / 60)


def _silent(cells: Cells, since: datetime, now: datetime) -> float:
    """Minutes for which the canary has not reported this metric."""
    ends = [start + WINDOW for (arm, start), (n, _bad) in cells.items() if arm == Arm.CANARY and n]
    return _minutes(now - max([since, *ends]))


def _cells(rollout: Rollout, baseline: ModelVersion | None, *, since: datetime) -> dict[str, Cells]:
    """Counts by metric, then by arm and window, those of several producers added up."""
    found: dict[str, Cells] = {}
    plans = list(rollout.metrics)
    for row in _signals(rollout, baseline, {one["name"] for one in plans}).filter(window_start__gte=since):
        for plan in plans:
            if plan["name"] == row.kind.name and (pair := _pair(row, plan)) is not None:
                cells = found.setdefault(label_of(plan), {})
                key = (row.arm, row.window_start)
                old = cells.get(key, (0, 0))
                cells[key] = (old[0] + pair[0], old[1] + pair[1])
    return found


def _signals(rollout: Rollout, baseline: ModelVersion | None, names: Iterable[str]) -> Any:
    release = rollout.release
    rows = Signal.objects.filter(kind__endpoint=release.endpoint_id, kind__name__in=names).select_related("kind")
    canary = rows.filter(arm=Arm.CANARY, version=release.version_id)
    return canary if baseline is None else canary | rows.filter(arm=Arm.BASELINE, version=baseline)


def _pair(row: Signal, plan: dict[str, Any]) -> tuple[int, int] | None:
    """(n, bad) of a row under a metric of the plan; None where the signal has another form than the plan reads."""
    if plan["measure"] == "rate":
        return (row.n, row.bad or 0) if row.kind.form == SignalForm.COUNTS else None
    if row.kind.form != SignalForm.BINS or plan["edge"] not in row.kind.edges:
        return None
    bad, n = exceedances(row.kind.edges, list(row.bins or ()), plan["edge"], plan["measure"])
    return n, bad


def _windows(cells: Cells) -> list[Window]:
    starts = sorted({start for _, start in cells})
    rows = []
    for start in starts:
        canary_n, canary_bad = cells.get((Arm.CANARY, start), (0, 0))
        baseline_n, baseline_bad = cells.get((Arm.BASELINE, start), (0, 0))
        rows.append(Window(canary_bad, canary_n, baseline_bad, baseline_n))
    return rows


def _limit_before(
    rollout: Rollout,
    baseline: ModelVersion | None,
    metric: Metric,
    plan: dict[str, Any],
    before: datetime,
    level: float,
) -> float | None:
    """At all traffic no baseline is left: the tolerance times the upper end of its rate in the steps before."""
    first = rollout.steps.order_by("number").first()
    if baseline is None or first is None or first.reached_at is None:
        return None
    rows = _signals(rollout, baseline, {plan["name"]}).filter(
        arm=Arm.BASELINE, window_start__gte=first.reached_at, window_start__lt=before
    )
    pairs = [pair for row in rows if (pair := _pair(row, plan)) is not None]
    n, bad = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    return min(1.0, metric.tolerance * limit_upper(bad, n, level)) if n else None
