"""The section telemetry of the facts document, from the signals that the endpoint reports."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from catalog.models import Endpoint
from catalog.selectors import live_deployment
from governance.canary import merge_bins
from governance.models import Signal, SignalForm
from portal.ledger.encoding import instant


def measured_telemetry(endpoint: Endpoint, *, now: datetime) -> dict[str, Any]:
    """The section telemetry of the facts, from the signals of what answers there in the last hour; {} without any.

    Calls and error rate come from the signal "errors" (counts), the 95th percentile of latency from the edges of
    "latency_ms" (bins): the edge below which at least 95 % of the requests lie, so never too good a number.
    """
    live = live_deployment(endpoint)
    if live is None:
        return {}
    since = (now - timedelta(hours=1)).replace(second=0, microsecond=0)
    rows = list(
        Signal.objects.filter(
            kind__endpoint=endpoint,
            kind__name__in=("errors", "latency_ms"),
            version=live.version_id,
            window_start__gte=since,
        ).select_related("kind")
    )
    if not rows:
        return {}
    found: dict[str, Any] = {
        "wired": True,
        "since": instant(since),
        "last_seen_at": instant(max(row.window_start for row in rows)),
    }
    errors = [row for row in rows if row.kind.form == SignalForm.COUNTS and row.kind.name == "errors"]
    if calls := sum(row.n for row in errors):
        found |= {"calls": calls, "error_rate": sum(row.bad or 0 for row in errors) / calls}
    slow = [row for row in rows if row.kind.form == SignalForm.BINS and row.kind.name == "latency_ms"]
    if slow and (p95 := _p95(slow)) is not None:
        found["p95_ms"] = p95
    return found


def _p95(rows: list[Signal]) -> float | None:
    counts = list(rows[0].bins or ())
    for row in rows[1:]:
        counts = merge_bins(counts, list(row.bins or ()))
    n, seen = sum(counts), 0
    for edge, count in zip(rows[0].kind.edges, counts, strict=False):
        seen += count
        if n and seen >= 0.95 * n:
            return float(edge)
    return None
