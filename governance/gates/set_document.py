"""A policy set as data: loaded from YAML, checked whole, with the place of everything that is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from governance.gates.applies import applies
from governance.gates.document import Policy
from governance.gates.errors import GateError, PolicyError
from governance.gates.facts import canonical_bytes
from governance.gates.parts import PARAM_NAME, Parts, lookalike
from governance.gates.policy import read_policy
from governance.gates.rego import KIND as REGO
from governance.gates.rego import read_rego
from governance.gates.yaml_source import Node, Source, read

KIND = "PolicySet"
LEVELS = ("organisation", "team", "model")
MAX_ENTRIES = 200
# Where a setting may come from, beside a set.
POLICY, GIVEN = "policy", "given"


@dataclass(frozen=True)
class SetEntry:
    """What a set says about one policy. locked: narrower scopes may not change what is given here."""

    policy: str
    params: Mapping[str, Any]
    mode: str | None
    from_date: date | None
    locked: bool
    reason: str
    # Line and column of the policy's name, and of each parameter, in the source.
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class PolicySet:
    """A loaded set. scope: (organisation | team | model, its name; empty for the organisation)."""

    name: str
    owner: str
    description: str
    review_by: date | None
    scope: tuple[str, str]
    applies_to: Mapping[str, tuple[Any, ...]]
    entries: tuple[SetEntry, ...]
    source: str
    digest: str

    @property
    def level(self) -> int:
        """0 for the widest scope."""
        return LEVELS.index(self.scope[0])

    def applies(self, facts: Mapping[str, Any]) -> bool | str:
        """True, False, or the path of a fact that is needed to say and is not known."""
        kind, name = self.scope
        scope = {} if kind == "organisation" else {kind: (name,)}
        return _both(applies(scope, facts), applies(self.applies_to, facts))


def _both(one: bool | str, other: bool | str) -> bool | str:
    if one is False or other is False:
        return False
    return other if one is True else one


def load_set(text: str, *, filename: str = "<set>") -> PolicySet:
    """The set of a YAML text. Raises PolicyError with line, column and caret for the first thing wrong."""
    return _Loader(*read(text, filename)).load()


def load_any(text: str, *, filename: str = "<policy>") -> Policy | PolicySet:
    """The policy or the set of a YAML text, told apart by `kind`. Raises PolicyError."""
    source, root = read(text, filename)
    kind = root.value.get("kind") if isinstance(root.value, dict) else None
    if kind and kind.value == REGO:
        return read_rego(source, root)
    return _Loader(source, root).load() if kind and kind.value == KIND else read_policy(source, root)


class _Loader(Parts):
    def load(self) -> PolicySet:
        top = self.map(
            self.root,
            "The set",
            required=("apiVersion", "kind", "metadata", "scope", "policies"),
            optional=("appliesTo",),
        )
        self.head(top, KIND)
        name, owner, description, review_by = self.metadata(top["metadata"])
        if name in (POLICY, GIVEN):
            raise self.source.at(top["metadata"], f"A set may not be called {name!r}.", how="Use another name.")
        return PolicySet(
            name=name,
            owner=owner,
            description=description,
            review_by=review_by,
            scope=self._scope(top["scope"]),
            applies_to=self.selectors(top.get("appliesTo")),
            entries=self._entries(top["policies"]),
            source=self.source.text,
            digest=hashlib.sha256(canonical_bytes(self.root.plain())).hexdigest(),
        )

    def _scope(self, node: Node) -> tuple[str, str]:
        parts = self.map(node, "scope", optional=LEVELS)
        if len(parts) != 1:
            how = "Write {organisation: true}, {team: NAME} or {model: NAME}."
            raise self.source.at(node, f"scope names {len(parts)} things; it must name one.", how=how)
        ((kind, value),) = parts.items()
        if kind == "organisation":
            if value.value is not True:
                raise self.source.at(value, f"organisation is {value.shown}.", how="Write organisation: true.")
            return kind, ""
        return kind, self.text(value, f"scope.{kind}", empty=False)

    def _entries(self, node: Node) -> tuple[SetEntry, ...]:
        found: dict[str, SetEntry] = {}
        items = self.items(node, "policies", MAX_ENTRIES)
        if not items:
            raise self.source.at(node, "The set names no policy.", how="Add one: - policy: NAME")
        for item in items:
            entry = self._entry(item)
            if entry.policy in found:
                how = "Put its settings into one entry."
                raise self.source.at(item, f"The policy {entry.policy!r} is named twice.", how=how)
            found[entry.policy] = entry
        return tuple(found.values())

    def _entry(self, node: Node) -> SetEntry:
        parts = self.map(node, "An entry", required=("policy",), optional=("params", "enforcement", "locked", "reason"))
        name = self.name(parts["policy"], "policy", "name of a policy")
        given = self._params(parts["params"]) if "params" in parts else {}
        mode, start = self.mode(parts["enforcement"]) if "enforcement" in parts else (None, None)
        locked = parts["locked"].value if "locked" in parts else False
        if type(locked) is not bool:
            raise self.source.at(parts["locked"], f"locked is {parts['locked'].shown}.", how="Write true or false.")
        if locked and not given and mode is None:
            how = "Give params or enforcement here, or leave locked out."
            raise self.source.at(parts["locked"], "Nothing is given here that could be locked.", how=how)
        return SetEntry(
            policy=name,
            params={key: value.value for key, value in given.items()},
            mode=mode,
            from_date=start,
            locked=locked,
            reason=self.text(parts["reason"], "reason", empty=False) if "reason" in parts else "",
            places={"": (parts["policy"].line, parts["policy"].column)}
            | {key: (value.line, value.column) for key, value in given.items()},
        )

    def _params(self, node: Node) -> dict[str, Node]:
        given = self.map(node, "params", names=True)
        for key, value in given.items():
            if not PARAM_NAME.fullmatch(key):
                how = f"{lookalike(key)}Use lower-case letters, digits, _."
                raise self.source.error(f"{key!r} is no parameter name.", value.key_line, value.key_column, how=how)
            if isinstance(value.value, dict | list):
                raise self.source.at(value, f"{key} must be one value.", how="Give a number, a text, true or false.")
        return given


def set_problems(policy_set: PolicySet, policies: Iterable[Policy]) -> list[PolicyError]:
    """What of the set does not fit the policies: names that are not there, parameters that they do not take."""
    known = {one.name: one for one in policies}
    source = Source(policy_set.source, policy_set.name)
    found: list[PolicyError] = []
    for entry in policy_set.entries:
        policy = known.get(entry.policy)
        if policy is None:
            how = f"There are: {', '.join(sorted(known)) or 'none'}."
            found.append(source.error(f"There is no policy {entry.policy!r}.", *entry.places[""], how=how))
            continue
        for name, value in entry.params.items():
            try:
                policy.values({name: value})
            except GateError as error:
                found.append(source.error(error.message, *entry.places[name], how=error.how))
    return found
