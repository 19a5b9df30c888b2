"""What changed between two texts of a policy or a policy set, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from governance.gates.policy import Policy
from governance.gates.sets import PolicySet
from governance.gates.yaml_source import read

# Lists of named things: key in the file → (what names one, what one is called).
_LISTS = {
    "variables": ("name", "Variable"),
    "rules": ("id", "Rule"),
    "policies": ("policy", "Policy"),
    "tests": ("name", "Test"),
}
_MAPS = {
    "metadata": "Policy's",
    "scope": "Scope's",
    "appliesTo": "Applies to",
    "freshness": "Freshness of",
    "params": "Parameter",
    "opa": "OPA",
    "mustDeny": "Must deny",
}
_WHOLE = {"apiVersion": "API version", "kind": "Kind", "approvals": "Approvals", "enforcement": "Enforcement"}
_LONG = 160


@dataclass(frozen=True)
class Change:
    """One change. what: such as "Rule four-fifths: require"; was or became is empty for what is new or gone."""

    kind: str
    what: str
    was: str
    became: str

    @property
    def words(self) -> str:
        """The change as a sentence."""
        if self.kind == "added":
            return f"{self.what} is new: {self.became}." if self.became else f"{self.what} is new."
        if self.kind == "removed":
            return f"{self.what} is gone: {self.was}." if self.was else f"{self.what} is gone."
        if self.kind == "moved":
            return f"{self.what} stand in another order."
        return f"{self.what}: {self.was} → {self.became}."


def differences(old: Policy | PolicySet, new: Policy | PolicySet) -> list[Change]:
    """Every change of meaning and of tests, in the order of a policy's file. Comments and layout are none."""
    before, after = (read(one.source, one.name)[1].plain() for one in (old, new))
    return list(_changes(before, after))


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in ("apiVersion", "kind"):
        yield from _one(_WHOLE[name], old.get(name), new.get(name))
    for name in ("metadata", "scope", "appliesTo", "freshness", "params", "opa", "mustDeny"):
        yield from _map(name, old.get(name) or {}, new.get(name) or {})
    for name in ("variables", "rules", "policies"):
        yield from _list(name, old.get(name) or [], new.get(name) or [])
    yield from _one("Approvals", old.get("approvals"), new.get("approvals"))
    yield from _one("Enforcement", _enforcement(old), _enforcement(new))
    yield from _list("tests", old.get("tests") or [], new.get("tests") or [])


def _enforcement(policy: Mapping[str, Any]) -> str:
    found = policy.get("enforcement", "block")
    if isinstance(found, Mapping):
        return f"{found['mode']} from {found['from']}" if "from" in found else str(found["mode"])
    return str(found)


def _map(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key in dict.fromkeys((*old, *new)):
        what = f"{_MAPS[name]} {key}"
        if isinstance(old.get(key), Mapping) and isinstance(new.get(key), Mapping):
            yield from _parts(what, old[key], new[key])
        else:
            yield from _one(what, old.get(key), new.get(key))


def _list(name: str, old: list[Any], new: list[Any]) -> Iterator[Change]:
    key, called = _LISTS[name]
    before, after = ({row[key]: row for row in rows} for rows in (old, new))
    for one in dict.fromkeys((*before, *after)):
        what = f"{called} {one}"
        if one not in before:
            yield Change("added", what, "", _brief(after[one]))
        elif one not in after:
            yield Change("removed", what, _brief(before[one]), "")
        else:
            yield from _parts(what, before[one], after[one])
    if [one for one in before if one in after] != [one for one in after if one in before]:
        yield Change("moved", f"{called}s", "", "")


def _brief(row: Mapping[str, Any]) -> str:
    """What one new or removed thing says: its title, expression or settings."""
    for key in ("title", "require", "expression"):
        if key in row:
            return _shown(row[key])
    return _shown(row.get("expect", {key: value for key, value in row.items() if key != "policy"}))


def _parts(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key in dict.fromkeys((*old, *new)):
        yield from _one(f"{what}: {key}", old.get(key), new.get(key))


def _one(what: str, old: Any, new: Any) -> Iterator[Change]:
    # 1 and 1.0 and true are equal to Python and not to a policy.
    if json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True):
        return
    kind = "added" if old is None else "removed" if new is None else "changed"
    yield Change(kind, what, "" if old is None else _shown(old), "" if new is None else _shown(new))


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        text = ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
    elif isinstance(value, list):
        text = ", ".join(_shown(item) for item in value) or "none"
    else:
        text = value if isinstance(value, str) else json.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"
