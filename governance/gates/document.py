"""A loaded policy as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from governance.gates.errors import GateError
from governance.gates.reads import Reads

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
    applies_to: Mapping[str, tuple[str, ...]]
    params: Mapping[str, Param]
    variables: tuple[tuple[str, str], ...]
    rules: tuple[Rule, ...]
    approvals: tuple[str, ...]
    tests: tuple[Case, ...]
    variable_reads: Mapping[str, Reads] = field(default_factory=dict)

    def mode_at(self, moment: str) -> str:
        """The enforcement in force at an ISO time: "block" counts only from its date on. Without a time it blocks."""
        start = self.from_date.isoformat() if self.from_date is not None else ""
        if self.enforcement == "block" and moment and moment[:10] < start:
            return "advisory"
        return self.enforcement

    def values(self, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The parameters' values: the defaults with `given` over them. Raises GateError for a wrong one."""
        found = {name: param.default for name, param in self.params.items()}
        for name, value in (given or {}).items():
            param = self.params.get(name)
            if param is None:
                raise GateError(f"{self.name} has no parameter {name!r}.", how=f"It has: {', '.join(found) or 'none'}.")
            found[name] = typed(param.type, value, f"parameter {name!r}")
        return found


def typed(kind: str, value: Any, what: str) -> Any:
    """The value as one of the parameter types. Raises GateError."""
    wanted = PARAM_TYPES[kind]
    if kind == "double" and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise GateError(f"The {what} is {value!r}, which is no {kind}.", how=f"Give a {kind}.")
    return value
