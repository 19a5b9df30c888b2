"""One evaluation: what each rule of several policies says of one document, with everything shared computed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance.gates import bounds, engine, filters
from governance.gates.document import Policy, Rule
from governance.gates.reads import VARIABLES, direct_lists
from governance.gates.sets import Settings
from governance.gates.shown import Shown, values

MAX_MESSAGE = 600


@dataclass(slots=True)
class Plan:
    """One policy that is evaluated: its settings and how it comes to the document.

    applies: True, False, or the path that is needed to say. stale: lists that are too old, with the reason. dear:
    variables and rules that could cost too much, with the reason.
    """

    policy: Policy
    settings: Settings
    params: Mapping[str, Any]
    mode: str
    applies: bool | str
    facts: Mapping[str, Any]
    stale: Mapping[str, str]
    dear: Mapping[str, str] = field(default_factory=dict)
    slot: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    broken: dict[str, engine.Value] = field(default_factory=dict)
    # The variables that each level of them may use; the last are all, for the rules.
    known: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Said:
    """What one rule says. The facts are those that it read."""

    verdict: str
    message: str = ""
    role: str = ""
    missing: tuple[str, ...] = ()
    facts: tuple[dict[str, Any], ...] = ()


class Judge:
    """Judges the rules of the plans. With words=False only verdicts and roles are found, which is quicker."""

    def __init__(self, plans: Sequence[Plan], facts: Mapping[str, Any], *, words: bool = True) -> None:
        self.words = words
        self.facts = facts
        self.shown: dict[tuple[str, ...], Shown] = {}
        for place, plan in enumerate(plans):
            plan.slot = f"p{place}"
        # A policy whose rules all say the same is not evaluated.
        self.plans = [plan for plan in plans if before_the_rules(plan) is None]
        self._identities: dict[Any, int] = {}
        self._prepare()

    def rules(self, plan: Plan) -> Iterator[tuple[Rule, Said]]:
        """Each rule of the plan's policy with what it says."""
        same = before_the_rules(plan)
        for rule in plan.policy.rules:
            if same is not None:
                yield rule, same
                continue
            said = self._judge(plan, rule)
            if self.words:
                facts = self.shown.setdefault(tuple(plan.stale), Shown(plan.facts)).of(rule.reads)
                said = Said(said.verdict, said.message, said.role, said.missing, facts)
            yield rule, said

    # ------------------------------------------------------------- expressions
    def _ask(self, plan: Plan, text: str) -> engine.Value:
        return engine.ask(text, self.activation, plan.slot, bool(plan.stale))

    def _prepare(self) -> None:
        """Compute the variables level by level: a level holds what needs only the levels before it.

        One activation serves all, so that the facts are converted once; the mapping of each level is filled before an
        expression of that level reads it. The same variable of two policies, with the same parameters over the same
        facts, is computed once.
        """
        levels: dict[int, list[tuple[Plan, str, str, int]]] = {}
        data: dict[str, Any] = {"facts": self.facts}
        for plan in self.plans:
            deepest = self._levels(plan, levels)
            data[f"{plan.slot}.params"] = plan.params
            if plan.stale:
                data[f"{plan.slot}.facts"] = plan.facts
            plan.known = [{} for _ in range(deepest + 2)]
            data |= {f"{plan.slot}.v{level}.variables": known for level, known in enumerate(plan.known)}
        self.activation = engine.activation(data)
        done: dict[int, engine.Value] = {}
        for level, here in sorted(levels.items()):
            for plan, name, text, identity in here:
                if f"variables.{name}" in plan.dear:
                    plan.broken[name] = engine.Value(error=plan.dear[f"variables.{name}"])
                    continue
                if identity not in done:
                    at = {"facts": plan.facts, "variables": plan.variables}
                    slot = f"{plan.slot}.v{level}"
                    found = filters.evaluate(text, self.activation, slot, bool(plan.stale), at)
                    done[identity] = bounds.within(found)
                value = done[identity]
                if not value.known:
                    # A variable without a value stays absent, so each rule that uses it is unknown.
                    plan.broken[name] = value
                    continue
                plan.variables[name] = value.value
                for known in plan.known[level + 1 :]:
                    known[name] = value.value
        for plan in self.plans:
            plan.slot = f"{plan.slot}.v{len(plan.known) - 1}"

    def _levels(self, plan: Plan, levels: dict[int, list[tuple[Plan, str, str, int]]]) -> int:
        """Put each variable of the plan into its level; the deepest level, -1 without variables."""
        depth: dict[str, int] = {}
        identities: dict[str, int] = {}
        for name, text in plan.policy.variables:
            used = plan.policy.variable_reads[name].variables
            depth[name] = 1 + max((depth[one] for one in used), default=-1)
            identity = _identity(plan, name, text, identities)
            # A number for each, so that one that uses many others stays short.
            identities[name] = self._identities.setdefault(identity, len(self._identities))
            levels.setdefault(depth[name], []).append((plan, name, text, identities[name]))
        return max(depth.values(), default=-1)

    # ------------------------------------------------------------------- rules
    def _judge(self, plan: Plan, rule: Rule) -> Said:
        if rule.id in plan.dear:
            return Said("unknown", f"The rule is not evaluated: {plan.dear[rule.id]}.")
        held = self._ask(plan, rule.require)
        if held.value is True:
            return self._passed(plan, rule)
        if held.value is not False:
            return self._unknown(plan, rule, held)
        if rule.otherwise is not None:
            softer = self._ask(plan, rule.otherwise.when)
            if softer.value is True:
                text = rule.otherwise.message or rule.message
                return Said("ask", self._message(plan, rule, text), rule.otherwise.role)
            if softer.value is not False:
                return self._unknown(plan, rule, softer)
        return Said("fail", self._message(plan, rule, rule.message))

    def _passed(self, plan: Plan, rule: Rule) -> Said:
        empty = [] if rule.empty_passes else _empty(plan, rule)
        if empty:
            why = f"Nothing to judge: {', '.join(empty)} has no row that counts."
            return Said("unknown", _with_ages(plan, why, empty), missing=tuple(empty))
        if plan.settings.from_date is not None and plan.mode == "block" and "evaluated_at" not in plan.facts:
            why = "Whether the policy blocks yet is not known: evaluated_at is missing."
            return Said("unknown", why, missing=("evaluated_at",))
        return Said("pass", rule.title)

    def _unknown(self, plan: Plan, rule: Rule, value: engine.Value) -> Said:
        if not self.words:
            return Said("unknown")
        cause, left = value, dict(plan.broken)
        while cause.missing in left:
            # A variable is absent because something that it reads is.
            cause = left.pop(cause.missing)
        if not cause.missing:
            return Said("unknown", f"The rule has no answer: {cause.error or 'it gave neither true nor false'}.")
        named = sorted(path for path in rule.reads.paths if cause.missing in path.replace("[]", "").split("."))
        absent = [path for path in named if None in values(path, plan.facts)]
        # Of a list that is missing as a whole, its fields need no mention.
        absent = [path for path in absent if not any(path.startswith(f"{other}[].") for other in absent)]
        if absent:
            why = _with_ages(plan, f"Not known: {', '.join(absent)}.", absent)
            return Said("unknown", why, missing=tuple(absent))
        why = f"The rule has no answer: it looks for {cause.missing!r}, which is not there."
        return Said("unknown", why)

    def _message(self, plan: Plan, rule: Rule, text: str) -> str:
        """The rule's message; one that cannot be formatted falls back and never changes the verdict."""
        value = self._ask(plan, text).value if self.words else ""
        return value[:MAX_MESSAGE] if isinstance(value, str) and value else f"{rule.title}: not so."


def before_the_rules(plan: Plan) -> Said | None:
    """What every rule of the policy says alike, where it comes to no rule."""
    if plan.applies is False:
        return Said("not_applicable", "The policy is not for this subject.")
    if plan.applies is not True:
        message = f"Whether the policy applies is not known: {plan.applies} is missing."
        return Said("unknown", message, missing=(plan.applies,))
    settings = plan.settings
    if settings.undecided:
        named, paths = ", ".join(settings.undecided), ", ".join(settings.missing)
        message = f"Whether {named} applies is not known: {paths} is missing."
        return Said("unknown", message[:MAX_MESSAGE], missing=settings.missing)
    return Said("unknown", " ".join(settings.conflicts)[:MAX_MESSAGE]) if settings.conflicts else None


def _identity(plan: Plan, name: str, text: str, before: Mapping[str, int]) -> Any:
    """Equal for two variables that must have the same value over one document."""
    reads = plan.policy.variable_reads[name]
    # The type stands beside the value: 1 and 1.0 are equal in Python, and other values in an expression.
    params = tuple((one, type(plan.params[one]).__name__, plan.params[one]) for one in sorted(reads.params))
    return text, params, tuple((one, before[one]) for one in sorted(reads.variables)), tuple(plan.stale)


def _empty(plan: Plan, rule: Rule) -> list[str]:
    """The lists that the rule passed over although they, or the rows picked from them, are none or not known.

    A list that is absent counts as an empty one: else leaving out the key of an empty list could make a rule pass.
    """
    found = set[str]()
    for path in rule.reads.lists:
        name = path.removeprefix(VARIABLES)
        if name == path:
            found |= {path} if any(value in (None, []) for value in values(path, plan.facts)) else set()
        elif plan.variables.get(name) in (None, []):
            found |= set(direct_lists(plan.policy.variable_reads[name].lists)) or {path}
    return sorted(found)


def _with_ages(plan: Plan, message: str, paths: Sequence[str]) -> str:
    """The message, with the reason for each list among the paths that is too old."""
    lists = dict.fromkeys(path.partition("[]")[0] for path in paths)
    return " ".join([message, *(plan.stale[name] for name in lists if name in plan.stale)])[:MAX_MESSAGE]
