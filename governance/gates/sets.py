"""Policy sets: the settings of policies for an organisation, a team or a model, and what holds for one subject.

The text of a policy is the default. Settings of sets are laid over it from the widest scope to the narrowest; the
narrower wins, unless a wider one is locked. What cannot be settled is never guessed: the policy is unknown then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from governance.gates.document import Policy, mode_at, typed
from governance.gates.errors import GateError
from governance.gates.set_document import (
    GIVEN,
    LEVELS,
    POLICY,
    PolicySet,
    SetEntry,
    load_any,
    load_set,
    set_problems,
)

__all__ = ["GIVEN", "PolicySet", "Resolved", "SetEntry", "Settings", "load_any", "load_set", "resolve", "set_problems"]

ENFORCEMENT = "enforcement"
_STRICTER = {"off": 0, "advisory": 1, "block": 2}


@dataclass(frozen=True)
class Shadowed:
    """A setting that does not hold, because the set `by` gives another value."""

    setting: str
    set: str
    value: Any
    by: str


@dataclass(frozen=True)
class Settings:
    """What holds for one policy on one subject. undecided: sets of which it is not known whether they apply."""

    params: Mapping[str, Any]
    mode: str
    from_date: date | None
    origin: Mapping[str, str]
    shadowed: tuple[Shadowed, ...] = ()
    conflicts: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def mode_at(self, moment: str) -> str:
        """The enforcement in force at an ISO time."""
        return mode_at(self.mode, self.from_date, moment)


@dataclass(frozen=True)
class Resolved:
    """settings by policy; applied: (set, whether); absent: (set, policy that it names and that is not here)."""

    settings: Mapping[str, Settings]
    applied: tuple[tuple[PolicySet, bool | str], ...]
    absent: tuple[tuple[str, str], ...]


@dataclass
class _Laying:
    """One setting while the scopes are laid over each other."""

    value: Any
    origin: str = POLICY
    locked: bool = False
    conflict: str = ""
    shadowed: list[Shadowed] = field(default_factory=list)


def resolve(policies: Sequence[Policy], sets: Sequence[PolicySet], facts: Mapping[str, Any]) -> Resolved:
    """What holds for each policy on the subject of the document. Raises GateError for two sets of one name."""
    if len({one.name for one in sets}) != len(sets):
        raise GateError("Two sets have the same name.", how="Give each its own name.")
    applied = tuple((one, one.applies(facts)) for one in sets)
    # By level, then name, so that the order in which the sets are given decides nothing.
    in_order = sorted(applied, key=lambda pair: (pair[0].level, pair[0].name))
    settings = {policy.name: _settle(policy, in_order) if sets else _own(policy) for policy in policies}
    absent = tuple((one.name, entry.policy) for one in sets for entry in one.entries if entry.policy not in settings)
    return Resolved(settings, applied, absent)


def _own(policy: Policy) -> Settings:
    """What its text says, where there are no sets."""
    params = {name: param.default for name, param in policy.params.items()}
    return Settings(params, policy.enforcement, policy.from_date, dict.fromkeys([*params, ENFORCEMENT], POLICY))


def _settle(policy: Policy, applied: Sequence[tuple[PolicySet, bool | str]]) -> Settings:
    named = [
        (one, entry, whether)
        for one, whether in applied
        if whether is not False
        for entry in one.entries
        if entry.policy == policy.name
    ]
    certain = [(one, entry) for one, entry, whether in named if whether is True]
    unsure = [(one, entry, str(whether)) for one, entry, whether in named if whether is not True]
    laid = {name: _Laying(param.default) for name, param in policy.params.items()}
    problems = list[str]()
    for level in range(len(LEVELS)):
        here = [(one, entry) for one, entry in certain if one.level == level]
        for name, values in _given(policy, here, problems).items():
            _lay(laid[name], name, values, policy.name)
    mode = _lay_modes(policy, certain, [entry for _, entry, _ in unsure])
    every = {**laid, ENFORCEMENT: mode}
    return Settings(
        params={name: one.value for name, one in laid.items()},
        mode=mode.value[0],
        from_date=mode.value[1],
        origin={name: one.origin for name, one in every.items()},
        shadowed=tuple(one for laying in every.values() for one in laying.shadowed),
        conflicts=tuple(sorted({*problems, *(one.conflict for one in laid.values() if one.conflict)})),
        undecided=tuple(one.name for one, _, _ in unsure),
        missing=tuple(sorted({path for _, _, path in unsure})),
    )


_Given = list[tuple[str, Any, bool]]


def _given(policy: Policy, here: Sequence[tuple[PolicySet, SetEntry]], problems: list[str]) -> dict[str, _Given]:
    """{parameter: (set, value, locked)} of the sets of one level; what the policy does not take is a problem."""
    found: dict[str, _Given] = {}
    for one, entry in here:
        for name, value in entry.params.items():
            param = policy.params.get(name)
            try:
                if param is None:
                    raise GateError(f"{policy.name} has no parameter {name!r}.")
                fit = typed(param.type, value, f"parameter {name!r}")
            except GateError as error:
                problems.append(f"The set {one.name} does not fit: {error.message}")
            else:
                found.setdefault(name, []).append((one.name, fit, entry.locked))
    return found


def _lay(laying: _Laying, setting: str, given: _Given, policy: str) -> None:
    """Lay the values of one level over what the wider ones gave."""
    if laying.locked:
        laying.shadowed += [
            Shadowed(setting, name, value, laying.origin) for name, value, _ in given if value != laying.value
        ]
        return
    first, value, _ = given[0]
    if laying.origin != POLICY and (laying.conflict or value != laying.value):
        laying.shadowed.append(Shadowed(setting, laying.origin, laying.value, first))
    other = next((name for name, another, _ in given if another != value), "")
    laying.value, laying.origin, laying.locked = value, first, any(locked for _, _, locked in given)
    laying.conflict = (
        f"The sets {first} and {other} give {policy} different values of {setting!r}: "
        f"{', '.join(sorted({str(another) for _, another, _ in given}))}."
        if other
        else ""
    )


def _lay_modes(policy: Policy, certain: Sequence[tuple[PolicySet, SetEntry]], unsure: Sequence[SetEntry]) -> _Laying:
    """The enforcement as (mode, from). Of sets of one level, and of those not known to apply, the stricter counts."""
    laying = _Laying((policy.enforcement, policy.from_date))
    for level in range(len(LEVELS)):
        here = [
            (one.name, (entry.mode, entry.from_date), entry.locked)
            for one, entry in certain
            if one.level == level and entry.mode is not None
        ]
        if laying.locked or not here:
            laying.shadowed += [
                Shadowed(ENFORCEMENT, name, _shown(value), laying.origin)
                for name, value, _ in here
                if value != laying.value
            ]
            continue
        name, value, _ = max(here, key=lambda one: (_strictness(one[1]), one[0]))
        if laying.origin != POLICY and value != laying.value:
            laying.shadowed.append(Shadowed(ENFORCEMENT, laying.origin, _shown(laying.value), name))
        laying.shadowed += [Shadowed(ENFORCEMENT, one, _shown(had), name) for one, had, _ in here if had != value]
        laying.value, laying.origin, laying.locked = value, name, any(locked for _, _, locked in here)
    possible = [(entry.mode, entry.from_date) for entry in unsure if entry.mode is not None]
    laying.value = max([laying.value, *possible], key=_strictness)
    return laying


def _strictness(value: tuple[Any, date | None]) -> tuple[int, int]:
    """A later start is less strict; none is the strictest."""
    mode, start = value
    return _STRICTER[mode], -start.toordinal() if start is not None else 0


def _shown(value: tuple[Any, date | None]) -> str:
    mode, start = value
    return f"{mode} from {start.isoformat()}" if start is not None else str(mode)
