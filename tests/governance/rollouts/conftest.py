"""A house whose endpoint has a live version, and a second version on its way with a rollout plan."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.utils import timezone

from governance.models import Release, Rollout
from governance.services.approvals import decide_release
from governance.services.rollout_plans import plan_rollout
from governance.services.rollouts import ask, reached
from governance.services.signals import record_signals
from tests.governance.house import House

METRICS = [
    {"name": "errors", "tolerance": 1.5, "effect": 3.0},
    {"name": "latency_ms", "measure": "above", "edge": 250.0, "tolerance": 1.5, "effect": 3.0},
]
STEPS = [
    {"share": 0, "least_minutes": 10, "least_requests": 1000},
    {"share": 5, "least_minutes": 10, "least_requests": 1000},
    {"share": 25, "least_minutes": 10, "least_requests": 1000},
    {"share": 100, "least_minutes": 10, "least_requests": 1000},
]
EDGES = [100.0, 250.0, 500.0]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Clock:
    """The portal's clock, moved by hand; it starts now."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Ahead of the database, whose clock stamps rows: nothing was made in the future.
        self.at = timezone.now().replace(second=0, microsecond=0) + dt.timedelta(minutes=2)
        monkeypatch.setattr(timezone, "now", self.tick)

    def tick(self) -> dt.datetime:
        self.at += dt.timedelta(microseconds=1)
        return self.at

    def minutes(self, minutes: float) -> None:
        self.at += dt.timedelta(minutes=minutes)


@dataclass
class Way:
    """A release with a plan, and the deployer's calls."""

    house: House
    clock: Clock
    release: Release
    live: Release | None = None
    batches: Any = field(default_factory=lambda: itertools.count(1))

    def plan(self, **more: Any) -> Rollout:
        given = {"metrics": METRICS, "steps": STEPS, "burn_in_minutes": 10, **more}
        return plan_rollout(self.fresh(), actor=self.house["model_owner"], **given)

    def fresh(self) -> Release:
        rows = Release.objects.select_related("version__model", "endpoint", "decision", "fallback_version")
        return rows.get(pk=self.release.pk)

    def rollout(self) -> Rollout:
        row = Rollout.objects.get(release=self.release)
        row.release = self.fresh()
        return row

    def approve(self) -> None:
        approve(self.house, self.fresh())

    def ask(self, share: int, **more: Any) -> Any:
        given = {"digest": self.release.version.digest, **more}
        return ask(self.fresh(), actor=self.house["developer"], share=share, **given)

    def reached(self, share: int, **more: Any) -> Any:
        given = {"digest": self.release.version.digest, **more}
        return reached(self.fresh(), actor=self.house["developer"], share=share, **given)

    def traffic(
        self, minutes: int = 12, *, n: int = 20_000, errors: float = 0.01, slow: float = 0.05, baseline: bool = True
    ) -> None:
        """Counts of both arms, a delivery a minute; the clock moves on. errors, slow: the canary's bad rates."""
        for _ in range(minutes):
            rows = self.rows("canary", self.release.version.version, n, errors, slow)
            if baseline and self.live is not None:
                rows += self.rows("baseline", self.live.version.version, n, 0.01, 0.05)
            self.clock.minutes(1)
            self.send(rows)

    def rows(self, arm: str, version: str, n: int, errors: float, slow: float) -> list[dict[str, Any]]:
        start = self.clock.at.replace(second=0, microsecond=0) + dt.timedelta(minutes=1)
        place = {"arm": arm, "version": version, "window_start": start}
        late = round(n * slow)
        bins = {"edges": EDGES, "counts": [n - late, 0, late, 0]}
        return [
            {"name": "errors", **place, "counts": {"n": n, "bad": round(n * errors)}},
            {"name": "latency_ms", **place, "bins": bins},
        ]

    def send(self, rows: list[dict[str, Any]], **more: Any) -> Any:
        given = {"producer": "pod-1", "batch_id": f"b{next(self.batches)}", "model": self.house.model.name, **more}
        return record_signals(self.house.endpoint, actor=self.house["developer"], signals=rows, **given)

    def go(self, share: int, **traffic: Any) -> None:
        """Ask, arrive, and let the step have the traffic that it needs."""
        told = self.ask(share)
        assert told.answer == "yes", told.reasons
        self.reached(share)
        self.traffic(**traffic)


def approve(house: House, release: Release) -> None:
    release.refresh_from_db()
    decide_release(
        release,
        actor=house["validator"],
        role="validator",
        choice="approve",
        decision_digest=Release.objects.get(pk=release.pk).decision.digest,
    )


@pytest.fixture
def way(db: Any, clock: Clock) -> Way:
    """1.0.0 is live; 2.0.0 is in review."""
    house = House()
    live = house.release("1.0.0")
    approve(house, live)
    return Way(house, clock, house.release("2.0.0"), live)


@pytest.fixture
def first(db: Any, clock: Clock) -> Way:
    """Nothing is live; 1.0.0 is in review."""
    house = House()
    return Way(house, clock, house.release("1.0.0"))
