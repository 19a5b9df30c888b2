"""Which policies in force read which facts of a subject, and for which of them a list is too old."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from governance.gates.applies import applies
from governance.gates.evaluate import plan
from governance.gates.facts import Facts
from governance.gates.freshness import not_fresh
from governance.gates.policy import Policy
from governance.services.policies import in_force, split

Names = tuple[str, ...]


@dataclass(frozen=True)
class Readers:
    """by_path: policies that read a path, as in `bias[].ratio`; stale: for a list, (policy, why it takes it not)."""

    by_path: dict[str, Names]
    stale: dict[str, list[tuple[str, str]]]

    def of(self, path: str) -> Names:
        """Who reads this path."""
        return self.by_path.get(path, ())

    def of_section(self, name: str) -> Names:
        """Who reads anything of this section."""
        found = {one for path, names in self.by_path.items() if _section(path) == name for one in names}
        return tuple(sorted(found))


def readers(facts: Facts) -> Readers:
    """The policies that are in force and are for this subject at one moment or another, and what they read.

    What says whether a policy is for a subject is read by all of them.
    """
    policies, sets = split(in_force())
    found: dict[str, list[str]] = {}
    stale: dict[str, list[tuple[str, str]]] = {}
    for one in plan(policies, facts, sets, {})[0]:
        policy = one.policy
        is_for = applies(_lasting(policy), facts)
        paths = set(_selectors(policy))
        if is_for is not False:
            paths |= policy.reads.paths
            for name, why in not_fresh(policy.freshness, facts).items():
                stale.setdefault(name, []).append((policy.name, why))
        for path in sorted(paths):
            found.setdefault(path, []).append(policy.name)
    return Readers({path: tuple(names) for path, names in found.items()}, stale)


def _lasting(policy: Policy) -> dict[str, tuple[Any, ...]]:
    """The selectors that do not change while the subject stays what it is."""
    return {name: values for name, values in policy.applies_to.items() if name != "moment"}


def _selectors(policy: Policy) -> list[str]:
    """The paths that decide for which subjects the policy is: of a document with nothing in it, the one that lacks."""
    return [str(applies({name: values}, {})) for name, values in policy.applies_to.items()]


def _section(path: str) -> str:
    return path.split(".")[0].removesuffix("[]")
