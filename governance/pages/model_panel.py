"""The releases of a model, as a panel on its page: what is live where, what is open and for what it waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from catalog.models import RegisteredModel
from governance import seats, selectors
from governance.choices import ReleaseState, Verdict
from governance.models import Release
from governance.pages import banner, gatelist
from portal.access import Permission, can
from portal.accounts.models import User

ENDED_SHOWN = 5


@dataclass(frozen=True)
class Line:
    """One release with what a reader of the model's page wants to know about it."""

    release: Release
    words: str
    look: str


def releases_panel(request: HttpRequest, model: RegisteredModel) -> tuple[str, Mapping[str, Any]] | None:
    """The panel for this reader: the same number of queries however many releases there are."""
    actor: User = request.user  # type: ignore[assignment]
    if not can(actor, Permission.GOVERNANCE_RELEASE_READ, model.team_id):
        return None
    current = [_line(row) for row in selectors.releases_of_model(actor, model)]
    ended = list(selectors.ended_releases_of_model(actor, model)[: ENDED_SHOWN + 1])
    context = {
        "live": [line for line in current if line.release.state == ReleaseState.LIVE],
        "open": [line for line in current if line.release.state != ReleaseState.LIVE],
        "ended": ended[:ENDED_SHOWN],
        "more_ended": len(ended) > ENDED_SHOWN,
        "may_request": can(actor, Permission.GOVERNANCE_RELEASE_REQUEST, model.team_id),
    }
    return "governance/parts/model_releases.html", context


def _line(release: Release) -> Line:
    states = seats.seats_of(release, selectors.approvals_of(release))
    if release.state == ReleaseState.LIVE:
        if any(seat.stale for seat in states):
            return Line(release, "It stands on an approval that no longer counts.", "stale")
        return Line(release, "Every approval is for the facts that hold now.", release.state)
    waits = banner.role_words([seat.role for seat in states if not seat.is_filled])
    words = {
        ReleaseState.CHECKING: "A fact is still being computed.",
        ReleaseState.IN_REVIEW: f"Waits for {waits}." if waits else "Waits.",
        ReleaseState.CHANGES_ASKED: "Waits for new facts; then the gates run again.",
        ReleaseState.BLOCKED: _refused(release),
    }
    return Line(release, words.get(ReleaseState(release.state), ""), release.state)


def _refused(release: Release) -> str:
    """Which facts would have to change: the first rule that refuses, and how many more do."""
    rules = release.decision.result.get("rules", []) if release.decision else []
    named = [one for verdict in (Verdict.FAIL, Verdict.UNKNOWN) for one in gatelist.blocking(rules, verdict)]
    if not named:
        return "A gate refuses it."
    more = f" {banner.counted(len(named) - 1, 'more rule').capitalize()} as well." if len(named) > 1 else ""
    said = named[0].get("message") or named[0].get("title") or named[0]["id"]
    return f"{said if said.endswith('.') else said + '.'}{more}"
