"""Which seats a release has: those that policies name, those that rules ask, and those that always must be there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from governance.choices import DECIDING_ROLES, Materiality, Verdict
from governance.gates.seating import demand_of
from governance.models import Decision, MaterialityClass
from portal.accounts.choices import Role

# Where no policy names anybody, validation looks at the release all the same, so there is always a named person.
DEFAULT_ROLES = (Role.VALIDATOR,)
# Days that an approval holds, by the risk tier of the model; any other tier as the last.
VALID_DAYS = {"high": 180, "": 365}


@dataclass(frozen=True)
class Demand:
    """One role's seats. policies: who asks it; none, or reads_all: it looks at everything.

    opinion: whether it says fit, fit with conditions or not fit. why: where it comes from when no policy names it.
    """

    role: str
    count: int = 1
    after: frozenset[str] = frozenset()
    valid_days: int = 0
    quorum: int = 0
    opinion: bool = False
    reads_all: bool = False
    policies: frozenset[str] = frozenset()
    why: str = ""

    def __or__(self, other: Demand) -> Demand:
        days = [one for one in (self.valid_days, other.valid_days) if one]
        return Demand(
            self.role,
            max(self.count, other.count),
            self.after | other.after,
            min(days, default=0),
            max(self.quorum, other.quorum),
            self.opinion or other.opinion,
            self.reads_all or other.reads_all,
            self.policies | other.policies,
            self.why or other.why,
        )


def plan_of(decision: Decision, materiality: MaterialityClass | None = None) -> list[Demand]:
    """The seats in the order of the roles, never none."""
    found: dict[str, Demand] = {}
    for demand in _asked(decision.result):
        known = found.get(demand.role)
        found[demand.role] = known | demand if known else demand
    if not found:
        found = {str(role): Demand(str(role), reads_all=True) for role in DEFAULT_ROLES}
    for demand in _always(decision, materiality):
        known = found.get(demand.role)
        found[demand.role] = known | demand if known else demand
    return _in_order([found[str(role)] for role in DECIDING_ROLES if str(role) in found])


def valid_days(demand: Demand, decision: Decision) -> int:
    """How long an approval of this seat holds: the shorter of what its policies and the risk tier say."""
    tier = VALID_DAYS.get(str(decision.facts.get("model", {}).get("risk_tier", "")), VALID_DAYS[""])
    return min(demand.valid_days or tier, tier)


def _asked(result: dict[str, Any]) -> Iterable[Demand]:
    for policy in result.get("policies", []):
        for stored in policy.get("approvals", ()):
            one = demand_of(stored)
            names = frozenset({policy["name"]})
            yield Demand(one.role, one.count, frozenset(one.after), one.valid_days, one.quorum, policies=names)
    for rule in result.get("rules", []):
        if rule["verdict"] == Verdict.ASK and rule["enforcement"] == "block" and rule["role"]:
            yield Demand(rule["role"], policies=frozenset({rule["policy"]}))


def _always(decision: Decision, materiality: MaterialityClass | None) -> Iterable[Demand]:
    model = decision.facts.get("model", {})
    validator, compliance = str(Role.VALIDATOR), str(Role.COMPLIANCE)
    if model.get("risk_tier") == "high":
        yield Demand(validator, opinion=True, reads_all=True, why="a model of the high tier is validated")
    level = materiality.level if materiality is not None else ""
    if level in (Materiality.MATERIAL, Materiality.SUBSTANTIAL):
        yield Demand(validator, opinion=True, reads_all=True, why="it differs materially from what is live")
    if level == Materiality.SUBSTANTIAL:
        yield Demand(compliance, reads_all=True, why="it may be a substantial modification (EU AI Act, art. 3(23))")


def _in_order(demands: list[Demand]) -> list[Demand]:
    """`after` without roles that are not here, and without what two policies together would make a ring of."""
    roles = {one.role for one in demands}
    before = {one.role: set(one.after & roles) - {one.role} for one in demands}
    left = dict(before)
    while left:
        free = [role for role, waits in left.items() if not waits & left.keys()]
        if not free:
            # Two policies want it both ways: then nobody waits.
            for role in left:
                before[role] -= left.keys()
            break
        for role in free:
            del left[role]
    return [replace(one, after=frozenset(before[one.role])) for one in demands]
