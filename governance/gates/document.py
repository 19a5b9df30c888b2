"""A loaded policy as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from governance.gates.cost import Meter
from governance.gates.errors import GateError
from governance.gates.reads import Reads
from governance.gates.seating import Asked

MAX_SAFE_INTEGER = 2**53 - 1
PARAM_TYPES = {"double": float, "int": int, "bool": bool, "string": str}


@dataclass(frozen=True)
class Param:
    """A setting of the policy: double, int, bool or string, with its default."""

    name: str
    type: str
    default: Any


@dataclass(frozen=True)
class Otherwise:
    """What holds when `require` does not: with `when`, the verdict "ask" and the role asked."""

    when: str
    role: str
    message: str = ""


@dataclass(frozen=True)
class Rule:
    """One thing that must hold. require, message: CEL. The reads are what the texts name in the document."""

    id: str
    title: str
    require: str
    message: str
    otherwise: Otherwise | None
    controls: tuple[str, ...]
    unknown_passes: str
    empty_passes: str
    reads: Reads
    message_reads: Reads = field(default_factory=Reads)


@dataclass(frozen=True)
class Case:
    """One test of the policy: partial facts in, the verdict of the policy or of single rules expected."""

    name: str
    facts: Mapping[str, Any]
    params: Mapping[str, Any]
    expect: Mapping[str, str]
    line: int


@dataclass(frozen=True)
class Policy:
    """A loaded policy. `digest` is the SHA-256 of the canonical form of its source."""

    name: str
    description: str
    owner: str
    source: str
    digest: str
    enforcement: str
    from_date: date | None
    applies_to: Mapping[str, tuple[Any, ...]]
    params: Mapping[str, Param]
    variables: tuple[tuple[str, str], ...]
    rules: tuple[Rule, ...]
    approvals: tuple[Asked, ...]
    tests: tuple[Case, ...]
    variable_reads: Mapping[str, Reads] = field(default_factory=dict)
    review_by: date | None = None
    # Days that the rows of a list may be old.
    freshness: Mapping[str, int] = field(default_factory=dict)
    # What each variable and rule may cost, and whether some document could be too dear for it (see bounds).
    meters: Mapping[str, tuple[Meter, ...]] = field(default_factory=dict, compare=False, repr=False)
    dear: bool = False
    # By class of document sizes: whether nothing of the policy is too dear.
    fits: dict[tuple[int, int], bool] = field(default_factory=dict, compare=False, repr=False)

    def mode_at(self, moment: str) -> str:
        """The enforcement in force at an ISO time: "block" counts only from its date on. Without a time it blocks."""
        return mode_at(self.enforcement, self.from_date, moment)

    @cached_property
    def reads(self) -> Reads:
        """What any of its expressions reads, messages among them."""
        found = Reads()
        for one in (*self.variable_reads.values(), *(rule.reads | rule.message_reads for rule in self.rules)):
            found |= one
        return found

    @cached_property
    def names(self) -> frozenset[str]:
        """The last names of the paths that it reads, such as `ratio` of `bias[].ratio`."""
        return frozenset(path.rpartition(".")[2] for path in self.reads.paths)

    def values(self, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The parameters' values: the defaults with `given` over them. Raises GateError for a wrong one."""
        found = {name: param.default for name, param in self.params.items()}
        for name, value in (given or {}).items():
            param = self.params.get(name)
            if param is None:
                raise GateError(f"{self.name} has no parameter {name!r}.", how=f"It has: {', '.join(found) or 'none'}.")
            found[name] = typed(param.type, value, f"parameter {name!r}")
        return found


def mode_at(mode: str, start: date | None, moment: str) -> str:
    """The mode in force at an ISO time: "block" only from its date on, and always where the time is not known."""
    before = start is not None and moment != "" and moment[:10] < start.isoformat()
    return "advisory" if mode == "block" and before else mode


def typed(kind: str, value: Any, what: str) -> Any:
    """The value as one of the parameter types. Raises GateError."""
    wanted = PARAM_TYPES[kind]
    # What is not a number is neither above nor below any limit, so a rule could pass by it.
    if (type(value) is float and not math.isfinite(value)) or (type(value) is int and abs(value) > MAX_SAFE_INTEGER):
        raise GateError(f"The {what} is no number that a policy can hold.", how="Whole numbers go up to 2**53 - 1.")
    if kind == "double" and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise GateError(f"The {what} is {value!r:.80}, which is no {kind}.", how=f"Give a {kind}.")
    return value
