"""What differs between two decisions, and whether it matters to what was approved: all of it, or what one policy reads.

Works on rows that were loaded already; `bundles` fetches the policies behind them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects

from governance.choices import Verdict
from governance.gates.policy import Policy as ParsedPolicy
from governance.gates.rego import RegoPolicy
from governance.gates.schema import FACTS, SCHEMAS, narrowed, schema_of
from governance.gates.seating import demand_of
from governance.models import Decision, DecisionPolicy, Release
from governance.services.facts import inputs_of
from governance.services.policies import read

MAX_CHANGES = 200
_ROW = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True)
class FieldChange:
    """One fact (or policy) that differs between two decisions; None where it was not known."""

    path: str
    before: Any
    after: Any


def bundles() -> Prefetch:
    return Prefetch("bundle", queryset=DecisionPolicy.objects.select_related("policy_version__policy"))


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
    before, after = comparable(one, other)
    return schema_of(one.facts) != schema_of(other.facts) and inputs_of(before) == inputs_of(after)


def comparable(one: Decision, other: Decision) -> tuple[dict[str, Any], dict[str, Any]]:
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
    roles = {("", str(demand_of(one))) for policy in result.get("policies", []) for one in policy["approvals"]}
    rules = {
        (rule["policy"], rule["id"], rule["verdict"], rule["role"])
        for rule in result.get("rules", [])
        if rule["enforcement"] == "block" and rule["verdict"] not in (Verdict.PASS, Verdict.NOT_APPLICABLE)
    }
    return roles | rules


def reads_the_same(old: Decision, new: Decision, policies: Collection[str]) -> bool:
    """Whether none of these policies would look at anything else now: same texts, same facts read, same verdicts."""
    if not policies or schema_of(old.facts) != schema_of(new.facts):
        return False
    texts = [_versions(one) for one in (old, new)]
    if any(texts[0].get(name) != texts[1].get(name) or name not in texts[1] for name in policies):
        return False
    if any(_settings(old.result, name) != _settings(new.result, name) for name in policies):
        return False
    return not relevant(changes(old, new), new, policies) and _said(old, policies) == _said(new, policies)


def relevant(found: list[FieldChange], decision: Decision, policies: Collection[str]) -> list[FieldChange]:
    """The changes that these policies read: of facts at their paths, and of their own texts."""
    paths = {path for name in policies for path in _paths(decision, name)}
    own = {f"policy {name}" for name in policies}
    return [one for one in found if one.path in own or any(_reads(path, one.path) for path in paths)]


def _paths(decision: Decision, name: str) -> set[str]:
    """What the policy of the bundle reads, and selects its subjects by."""
    for row in decision.bundle.all():
        if row.policy_version.policy.name == name:
            document = read(row.policy_version.source)
            if not isinstance(document, ParsedPolicy) or isinstance(document, RegoPolicy):
                # One in another language does not say what it reads: then it reads everything.
                return {"*"}
            return set(document.reads.paths) | {path.partition("[]")[0] for path in document.reads.lists}
    return {"*"}


def _reads(path: str, changed: str) -> bool:
    """Whether a policy that reads `bias[].ratio` reads the change of `bias[sex, Female].ratio`."""
    plain = _ROW.sub("[]", changed)
    return path == "*" or plain == path or plain.startswith((f"{path}.", f"{path}[]")) or path.startswith(f"{plain}[]")


def _said(decision: Decision, policies: Collection[str]) -> list[Any]:
    rules = decision.result.get("rules", [])
    return [(one["policy"], one["id"], one["verdict"], one["role"]) for one in rules if one["policy"] in policies]


def _settings(result: dict[str, Any], name: str) -> Any:
    """What holds for the policy: its enforcement, the seats that it asks, its parameters."""
    policy: dict[str, Any] = next((one for one in result.get("policies", []) if one["name"] == name), {})
    return policy.get("enforcement"), policy.get("approvals"), result.get("params", {}).get(name)


def _versions(decision: Decision) -> dict[str, int]:
    return {row.policy_version.policy.name: row.policy_version_id for row in decision.bundle.all()}


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
    before, after = (dict(flat_facts(inputs_of(facts))) for facts in comparable(old, new))
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
