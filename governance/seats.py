"""The seats of a release: which roles must approve, who did, and whether what they saw still holds.

Works on rows that were loaded already; `load` fetches them in at most two queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects

from governance.choices import DECIDING_ROLES, Verdict
from governance.gates.schema import FACTS, SCHEMAS, narrowed, schema_of
from governance.models import Approval, Decision, DecisionPolicy, Release
from governance.services.facts import inputs_of
from portal.accounts.choices import Role

MAX_CHANGES = 200
# Where no policy names anybody, validation looks at the release all the same.
DEFAULT_ROLES = (Role.VALIDATOR,)


@dataclass(frozen=True)
class FieldChange:
    """One fact (or policy) that differs between two decisions; None where it was not known."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True)
class SeatState:
    """A role that must approve. `changed` is empty while the approval counts."""

    role: str
    approval: Approval | None
    changed: tuple[FieldChange, ...] = ()
    stale: bool = False

    @property
    def is_filled(self) -> bool:
        return self.approval is not None and not self.stale


def load(release: Release) -> list[Approval]:
    """All that was decided on the release, newest first, with what `seats_of` needs."""
    approvals = list(release.approvals.select_related("person", "decision").order_by("-pk"))
    attach_bundles(release, approvals)
    return approvals


def attach_bundles(release: Release, approvals: Iterable[Approval]) -> None:
    """Fetch the policies behind the decisions, when there is more than one decision to compare."""
    decisions = [row.decision for row in approvals if row.decision_id != release.decision_id]
    if decisions and release.decision is not None:
        prefetch_related_objects([release.decision, *decisions], bundles())


def bundles() -> Prefetch:
    return Prefetch("bundle", queryset=DecisionPolicy.objects.select_related("policy_version__policy"))


def roles_needed(decision: Decision) -> list[str]:
    """The roles that must approve: those named by the policies that apply, and those that rules ask. Never none."""
    result = decision.result
    named = {role for policy in result.get("policies", []) for role in policy.get("approvals", ())}
    asked = {
        rule["role"]
        for rule in result.get("rules", [])
        if rule["verdict"] == Verdict.ASK and rule["enforcement"] == "block" and rule["role"]
    }
    found = [str(role) for role in DECIDING_ROLES if role in named | asked]
    return found or [str(role) for role in DEFAULT_ROLES]


def verdicts_of(result: dict[str, Any]) -> tuple[Any, ...]:
    """What a decision says, without the facts' text: verdicts, who must approve, who is asked."""
    policies = [(one["name"], one["enforcement"], tuple(one["approvals"])) for one in result.get("policies", [])]
    rules = [(one["policy"], one["id"], one["verdict"], one["role"]) for one in result.get("rules", [])]
    return result.get("verdict"), policies, rules


def same_question(one: Decision, other: Decision) -> bool:
    """Whether an approval of the one is an approval of the other: same facts, same policies, same verdicts.

    Asked at another moment, policies of that moment apply: it is the same question while they ask nothing more.
    """
    if one.pk == other.pk:
        return True
    if not _same_inputs(one, other) or one.policies != other.policies:
        return False
    if verdicts_of(one.result) == verdicts_of(other.result):
        return True
    return _moment(one) != _moment(other) and _asks_no_more(one.result, other.result)


def _same_inputs(one: Decision, other: Decision) -> bool:
    """The same facts; of documents of two schemas, as far as the older one goes."""
    if one.inputs_digest == other.inputs_digest:
        return True
    before, after = _comparable(one, other)
    return schema_of(one.facts) != schema_of(other.facts) and inputs_of(before) == inputs_of(after)


def _comparable(one: Decision, other: Decision) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both documents, by the older of their schemas: an upgrade alone is no change of the facts."""
    order = list(SCHEMAS)
    older = min(schema_of(one.facts), schema_of(other.facts), key=order.index)
    return narrowed(one.facts, older), narrowed(other.facts, older)


def _moment(decision: Decision) -> str | None:
    found: str | None = decision.facts.get("subject", {}).get("moment")
    return found


def _asks_no_more(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether the new result names no role and no rule that is not passed which the old one did not name too."""
    return _asked(new) <= _asked(old)


def _asked(result: dict[str, Any]) -> set[tuple[str, ...]]:
    roles = {("", role) for policy in result.get("policies", []) for role in policy["approvals"]}
    rules = {
        (rule["policy"], rule["id"], rule["verdict"], rule["role"])
        for rule in result.get("rules", [])
        if rule["enforcement"] == "block" and rule["verdict"] not in (Verdict.PASS, Verdict.NOT_APPLICABLE)
    }
    return roles | rules


def seats_of(release: Release, approvals: Sequence[Approval]) -> list[SeatState]:
    """The seats in the order of the roles. `approvals` are newest first."""
    decision = release.decision
    if decision is None:
        return []
    return [_seat(role, decision, [row for row in approvals if row.role == role]) for role in roles_needed(decision)]


def _seat(role: str, decision: Decision, given: Sequence[Approval]) -> SeatState:
    counting = [row for row in given if row.counts]
    for row in counting:
        if same_question(row.decision, decision):
            return SeatState(role, row)
    if not counting:
        return SeatState(role, None)
    return SeatState(role, counting[0], tuple(changes(counting[0].decision, decision)), stale=True)


def changes_since(digest: str, release: Release) -> list[FieldChange]:
    """What changed from the decision with this digest to the release's own; nothing when it is not known."""
    now = release.decision
    rows = Decision.objects.filter(version=release.version_id, endpoint=release.endpoint_id, digest=digest)
    old = rows.order_by("-pk").first()
    if now is None or old is None:
        return []
    prefetch_related_objects([now, old], bundles())
    return changes(old, now)


def changes(old: Decision, new: Decision) -> list[FieldChange]:
    """Every fact, policy and (where only time went by) verdict that differs, in the order of their paths."""
    before, after = (dict(flat_facts(inputs_of(facts))) for facts in _comparable(old, new))
    found = [
        FieldChange(path, before.get(path), after.get(path))
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    ]
    versions = [
        {row.policy_version.policy.name: row.policy_version.number for row in one.bundle.all()} for one in (old, new)
    ]
    for name in sorted({*versions[0], *versions[1]}):
        if versions[0].get(name) != versions[1].get(name):
            found.append(FieldChange(f"policy {name}", versions[0].get(name), versions[1].get(name)))
    if not found and verdicts_of(old.result) != verdicts_of(new.result):
        # Only the moment, the time or what production reports can have changed the answer then.
        found = [FieldChange(*one) for one in _momentary(old.facts, new.facts)]
    return found[:MAX_CHANGES]


def _momentary(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    parts = ("evaluated_at", "subject", "telemetry")
    before, after = (
        dict(pair for name in parts if name in facts for pair in _leaves(name, facts[name])) for facts in (old, new)
    )
    for path in sorted({*before, *after}):
        if before.get(path) != after.get(path):
            yield path, before.get(path), after.get(path)


_KEYS = {field.name: field.message.key for field in FACTS.fields if field.message is not None and field.repeated}


def flat_facts(facts: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every fact by its path, rows named by their key, without the moment they were read at."""
    for name, value in facts.items():
        if name in _KEYS:
            yield from _rows(name, value)
        else:
            yield from _leaves(name, value)


def _rows(name: str, rows: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    key = _KEYS[name]
    if not rows:
        yield name, "none"
    for row in rows:
        label = ", ".join(str(row.get(part, "")) for part in key)
        for field, value in row.items():
            if field not in key:
                yield from _leaves(f"{name}[{label}].{field}", value)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(f"{path}.{name}", item)
    else:
        yield path, ", ".join(map(str, value)) if isinstance(value, list) else value
