"""What a reviewer reads on one release, put together from rows that were read already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance import policies
from governance.choices import ConditionState, ReleaseState
from governance.models import Approval, Condition, Decision, Release
from governance.seats import FieldChange, SeatState
from governance.services.releases import fact_job
from portal.accounts.choices import Role
from portal.accounts.models import User
from portal.jobs.models import Job


@dataclass(frozen=True)
class Rule:
    """A rule's result as the decision stores it."""

    policy: str
    id: str
    title: str
    verdict: str
    message: str
    role: str
    enforcement: str
    controls: tuple[str, ...]
    facts: tuple[dict[str, Any], ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Seat:
    """A seat for this reader. state: open, mine, filled or stale; holders: who may fill it."""

    role: str
    label: str
    state: str
    approval: Approval | None
    changed: tuple[FieldChange, ...]
    holders: list[str]


@dataclass(frozen=True)
class Options:
    """Whether a person may decide, in which roles, and if not, why and who may."""

    may: bool
    roles: list[str]
    why_not: str
    who_may: list[str]


@dataclass(frozen=True)
class Review:
    """Rules by what they say; the seats; approvals newest first; open conditions; a job that still computes a fact."""

    release: Release
    decision: Decision | None
    rules: tuple[Rule, ...]
    seats: list[Seat]
    approvals: list[Approval]
    conditions: list[Condition]
    job: Job | None

    def _counting(self, *verdicts: str) -> list[Rule]:
        return [rule for rule in self.rules if rule.verdict in verdicts and rule.enforcement == "block"]

    @property
    def asks(self) -> list[Rule]:
        return self._counting("ask")

    @property
    def fails(self) -> list[Rule]:
        return self._counting("fail")

    @property
    def cannot_conclude(self) -> list[Rule]:
        return self._counting("unknown")

    @property
    def passes(self) -> list[Rule]:
        return self._counting("pass")

    @property
    def not_applicable(self) -> list[Rule]:
        return [rule for rule in self.rules if rule.verdict == "not_applicable"]

    @property
    def advisory(self) -> list[Rule]:
        """Rules that do not count and do not pass: worth a look."""
        return [rule for rule in self.rules if rule.enforcement == "advisory" and rule.verdict != "pass"]

    @property
    def open_conditions(self) -> list[Condition]:
        return [row for row in self.conditions if row.state == ConditionState.OPEN]


def review(
    release: Release,
    actor: User,
    approvals: list[Approval],
    state: Sequence[SeatState],
    holders: Mapping[str, list[User]],
) -> Review:
    """Gather it for one reader."""
    decision = release.decision
    rows = decision.result["rules"] if decision else []
    rules = tuple(
        Rule(
            **{
                **row,
                "controls": tuple(row["controls"]),
                "facts": tuple(row["facts"]),
                "missing": tuple(row["missing"]),
            }
        )
        for row in rows
    )
    mine = policies.roles_to_decide(actor, release, [seat.role for seat in state if not seat.is_filled])
    if policies.conflict_of(actor, release) or release.state != ReleaseState.IN_REVIEW:
        mine = []
    found = []
    for seat in state:
        kind = "filled" if seat.is_filled else "stale" if seat.changed else "mine" if seat.role in mine else "open"
        names = [str(user) for user in holders.get(seat.role, []) if not policies.conflict_of(user, release)]
        found.append(Seat(seat.role, str(Role(seat.role).label), kind, seat.approval, seat.changed, names))
    conditions = [row for approval in approvals for row in approval.conditions.all()]
    return Review(release, decision, rules, found, approvals, conditions, fact_job(release.version))
