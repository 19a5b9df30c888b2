"""Which roles must approve a release, which have, and whose approval went stale on which field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.choices import DECIDING_ROLES
from governance.gates.schema import FACTS
from governance.models import Approval, Decision, Release
from governance.services.facts import MOMENTARY
from portal.accounts.choices import Role

DEFAULT_ROLE = Role.VALIDATOR


@dataclass(frozen=True)
class FieldChange:
    """One fact that went from what to what; "not known" where there was none."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class SeatState:
    """A role that must approve; its newest approval; the fields that changed since, when it is stale."""

    role: str
    approval: Approval | None = None
    changed: tuple[FieldChange, ...] = ()

    @property
    def is_filled(self) -> bool:
        return self.approval is not None and not self.changed


def roles_needed(decision: Decision) -> list[str]:
    """Roles that the applicable policies and the asking rules name; validation where nobody is named."""
    result = decision.result
    found = {role for policy in result["policies"] for role in policy["approvals"]}
    found |= {rule["role"] for rule in result["rules"] if rule["verdict"] == "ask" and rule["enforcement"] == "block"}
    return [str(role) for role in DECIDING_ROLES if role in found] or [str(DEFAULT_ROLE)]


def seats_of(release: Release, approvals: Sequence[Approval]) -> list[SeatState]:
    """The seats of the release as it stands. `approvals`: newest first."""
    if release.decision is None:
        return []
    found = []
    for role in roles_needed(release.decision):
        newest = next((row for row in approvals if row.role == role and row.counts), None)
        changed: tuple[FieldChange, ...] = ()
        if newest is not None and newest.decision_id != release.decision_id:
            changed = tuple(differences(newest.decision, release.decision))
        found.append(SeatState(role, newest, changed))
    return found


def changes_since(digest: str, release: Release) -> list[FieldChange]:
    """What differs between the decision with this digest and the one that stands now."""
    seen = Decision.objects.filter(version=release.version_id, endpoint=release.endpoint_id, digest=digest).first()
    return list(differences(seen, release.decision)) if seen and release.decision else []


def differences(before: Decision, after: Decision) -> Iterable[FieldChange]:
    """The facts and policies that differ between two decisions; never empty for two different ones."""
    old, new = _flat(before.facts), _flat(after.facts)
    count = 0
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            count += 1
            yield FieldChange(path, _words(old.get(path)), _words(new.get(path)))
    for name, (was, now) in sorted(_policies(before, after).items()):
        if was != now:
            count += 1
            yield FieldChange(f"policy {name}", was[:12] or "not in force", now[:12] or "not in force")
    if not count:
        yield FieldChange("decision", before.digest[:12], after.digest[:12])


def _policies(before: Decision, after: Decision) -> dict[str, tuple[str, str]]:
    old = {row["name"]: row["digest"] for row in before.result["policies"]}
    new = {row["name"]: row["digest"] for row in after.result["policies"]}
    return {name: (old.get(name, ""), new.get(name, "")) for name in old.keys() | new.keys()}


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Every scalar by its path; rows of lists by their key, so that their order means nothing."""
    found: dict[str, Any] = {}

    def walk(prefix: str, value: Any, keys: tuple[str, ...]) -> None:
        if isinstance(value, Mapping):
            for name, item in value.items():
                field = FACTS.field(name) if not prefix else None
                inner = field.message.key if field is not None and field.message is not None else ()
                walk(f"{prefix}.{name}" if prefix else name, item, inner)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for row in value:
                label = ", ".join(str(row.get(name, "?")) for name in keys)
                walk(f"{prefix}[{label}]", row, ())
        else:
            found[prefix] = value

    walk("", {name: value for name, value in facts.items() if name not in MOMENTARY}, ())
    return found


def _words(value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return value if isinstance(value, str) else json.dumps(value)
