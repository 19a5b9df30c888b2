"""How old the rows of a list may be for a policy. A list with one row too old is not known as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any


def not_fresh(limits: Mapping[str, int], facts: Mapping[str, Any]) -> dict[str, str]:
    """{list: why it is not known} of the lists that the limits (days) name and that are not fresh.

    Fresh is a list whose every row was measured at most so many days before the document's moment, and not after it.
    """
    found: dict[str, str] = {}
    for name, days in limits.items():
        rows = facts.get(name)
        if rows:
            why = _why(name, days, rows, str(facts.get("evaluated_at", "")))
            if why:
                found[name] = why
    return found


def _why(name: str, days: int, rows: list[Mapping[str, Any]], moment: str) -> str:
    limit = f"the limit is {days} days"
    if not moment:
        return f"How old {name} is cannot be said: evaluated_at is missing ({limit})."
    if any("measured_at" not in row for row in rows):
        return f"A row of {name} does not say when it was measured ({limit})."
    times = [(datetime.fromisoformat(row["measured_at"]), row["measured_at"]) for row in rows]
    now = datetime.fromisoformat(moment)
    oldest, newest = min(times), max(times)
    if oldest[0] < now - timedelta(days=days):
        return f"Rows of {name} are too old: {limit}, the oldest was measured at {oldest[1]}."
    if newest[0] > now:
        return f"A row of {name} was measured at {newest[1]}, after the moment of the document."
    return ""
