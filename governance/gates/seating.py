"""The seats that a policy asks: which role, how many people, after whom, by what body, and for which subjects.

A seat is written as a role (`validator`), or as a mapping where it says more. A role alone is stored in a decision
as it always was, so decisions made before seats could say more repeat to the byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance.gates.applies import applies
from governance.gates.parts import Parts
from governance.gates.yaml_source import Node

MAX_SEATS, MAX_COUNT, MAX_QUORUM, MAX_VALID_DAYS = 20, 5, 15, 1095


@dataclass(frozen=True)
class SeatDemand:
    """One seat asked. valid_days 0: as long as the risk tier allows; quorum 0: a person sits, no committee."""

    role: str
    count: int = 1
    after: tuple[str, ...] = ()
    applies_to: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    valid_days: int = 0
    quorum: int = 0

    def __hash__(self) -> int:
        return hash((self.role, self.count, self.after, self.valid_days, self.quorum))

    def __str__(self) -> str:
        return words_of(self)

    @property
    def is_plain(self) -> bool:
        return (self.count, self.after, self.valid_days, self.quorum) == (1, (), 0, 0)

    def document(self) -> str | dict[str, Any]:
        """What a decision stores of it: the role where it says no more."""
        if self.is_plain:
            return self.role
        found: dict[str, Any] = {"role": self.role}
        if self.count != 1:
            found["count"] = self.count
        if self.after:
            found["after"] = list(self.after)
        if self.valid_days:
            found["valid_days"] = self.valid_days
        if self.quorum:
            found["quorum"] = self.quorum
        return found


Asked = str | SeatDemand


def demand_of(stored: str | Mapping[str, Any]) -> SeatDemand:
    """The seat that a decision's document names."""
    if isinstance(stored, str):
        return SeatDemand(stored)
    return SeatDemand(
        str(stored["role"]),
        int(stored.get("count", 1)),
        tuple(stored.get("after", ())),
        valid_days=int(stored.get("valid_days", 0)),
        quorum=int(stored.get("quorum", 0)),
    )


def role_of(asked: Asked) -> str:
    return asked if isinstance(asked, str) else asked.role


def asked_of(approvals: Sequence[Asked], facts: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the subject of these facts is asked, as a decision stores it.

    Whether a seat is for the subject may not be known; it is asked then, because leaving it out would be a pass.
    """
    found: dict[Any, Any] = {}
    for one in approvals:
        if isinstance(one, str):
            found.setdefault(one, one)
        elif applies(one.applies_to, facts) is not False:
            found.setdefault(one.role if one.is_plain else one, one.document())
    return tuple(found.values())


def words_of(asked: Asked) -> str:
    """The seat in a few words, such as "2 × risk, after validator"."""
    if isinstance(asked, str):
        return asked
    who = f"{asked.count} × {asked.role}" if asked.count > 1 else asked.role
    found = [f"{who} as a committee, quorum {asked.quorum}" if asked.quorum else who]
    if asked.after:
        found.append(f"after {' and '.join(asked.after)}")
    found += [f"where {name} is {' or '.join(map(str, values))}" for name, values in asked.applies_to.items()]
    if asked.valid_days:
        found.append(f"valid {asked.valid_days} days")
    return ", ".join(found)


def read_seats(parts: Parts, node: Node | None) -> tuple[Asked, ...]:
    """The seats of a policy's `approvals`. Raises PolicyError at the node for what it does not take."""
    items = parts.items(node, "approvals", MAX_SEATS)
    read = [_seat(parts, item) if isinstance(item.value, dict) else parts.role(item) for item in items]
    named = {role_of(asked) for asked in read}
    for item, asked in zip(items, read, strict=True):
        for role in asked.after if isinstance(asked, SeatDemand) else ():
            if role not in named or role == role_of(asked):
                how = "Name another role that the same policy asks."
                raise parts.source.at(item, f"{role_of(asked)} cannot come after {role}.", how=how)
    _no_ring(parts, node, read)
    return tuple(dict.fromkeys(read))


def _no_ring(parts: Parts, node: Node | None, asked: Sequence[Asked]) -> None:
    before: dict[str, set[str]] = {}
    for one in asked:
        before.setdefault(role_of(one), set()).update(one.after if isinstance(one, SeatDemand) else ())
    while before:
        free = [role for role, roles in before.items() if not roles & before.keys()]
        if not free:
            how = "Let one of them come first."
            assert node is not None
            raise parts.source.at(node, f"{', '.join(sorted(before))} wait for each other.", how=how)
        for role in free:
            del before[role]


def _seat(parts: Parts, item: Node) -> SeatDemand:
    keys = ("count", "after", "appliesTo", "validDays", "committee")
    given = parts.map(item, "A seat", required=("role",), optional=keys)
    quorum = 0
    if "committee" in given:
        body = parts.map(given["committee"], "A committee", required=("quorum",))
        quorum = _number(parts, body["quorum"], "quorum", 2, MAX_QUORUM)
    count = _number(parts, given["count"], "count", 1, MAX_COUNT) if "count" in given else 1
    if quorum and count > 1:
        raise parts.source.at(given["count"], "A committee fills one seat.", how="Leave count out.")
    return SeatDemand(
        parts.role(given["role"]),
        count,
        tuple(dict.fromkeys(parts.role(one) for one in parts.items(given.get("after"), "after"))),
        parts.selectors(given.get("appliesTo")),
        _number(parts, given["validDays"], "validDays", 1, MAX_VALID_DAYS) if "validDays" in given else 0,
        quorum,
    )


def _number(parts: Parts, node: Node, what: str, least: int, most: int) -> int:
    value = node.value
    if type(value) is not int or not least <= value <= most:
        raise parts.source.at(node, f"{node.shown} is no {what}.", how=f"Write a whole number, {least} to {most}.")
    return value
