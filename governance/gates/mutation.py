"""Would the tests notice a mistake? Each mutant is the policy with one small thing changed.

Changed are, by their place in the checked tree: each comparison (to its neighbour at the boundary and to its
opposite), `&&` and `||`, `!`, `all` and `exists`, and the default of each numeric parameter. A mutant is noticed by
a case whose expectation it breaks; one that nobody notices shows a rule that could be wrong without a test failing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from governance.gates.cases import Outcome, bare, run_cases, verdicts
from governance.gates.checked import kind_of, walk
from governance.gates.document import Policy, Rule
from governance.gates.errors import GateError
from governance.gates.evaluate import worst
from governance.gates.placed import Layout, Placed, expressions_of, layout

_COMPARISONS = {
    ">": (">=", "<="),
    ">=": (">", "<"),
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    "==": ("!=",),
    "!=": ("==",),
}
_LOGIC = {"&&": ("||",), "||": ("&&",)}
_LOOPS = {"all": "exists", "exists": "all"}
_LOOP = re.compile(r"\b(all|exists)\s*$")


@dataclass(frozen=True)
class Mutant:
    """One change. rule: its id, `variables.NAME` or `params.NAME`; line and column: in the policy's file."""

    rule: str
    line: int
    column: int
    was: str
    became: str
    noticed_by: tuple[str, ...]

    @property
    def noticed(self) -> bool:
        return bool(self.noticed_by)

    @property
    def text(self) -> str:
        """The change in words, for a terminal or a page."""
        changed = f"without {self.was}" if not self.became else f"{self.became} instead of {self.was}"
        return f"{self.rule}: {changed}"


def mutants(policy: Policy) -> list[Mutant]:
    """Every mutant, in the order of the file, with the cases that notice it. Cases that fail anyway notice nothing."""
    return by_place(mutants_one_by_one(policy))


def by_place(found: Iterable[Mutant]) -> list[Mutant]:
    """The mutants in the order of the file."""
    return sorted(found, key=lambda one: (one.line, one.column))


def mutants_one_by_one(policy: Policy) -> Iterator[Mutant]:
    """The same as they are found, for a caller with little time."""
    cases = [one for one in run_cases(policy) if not one.problem]
    plain = bare(policy)
    place = layout(policy)
    yield from _of_params(plain, cases, place)
    for one in expressions_of(policy, place):
        affected = _users(plain, one)
        # A variable that only messages use decides nothing.
        for offset, was, became in _changes(one) if affected else ():
            text = one.text[:offset] + became + one.text[offset + len(was) :]
            changed = _with(replace(plain, rules=affected), one, text)
            yield Mutant(one.owner, *one.place(offset), was, became, _noticed(changed, cases))


def _users(policy: Policy, one: Placed) -> tuple[Rule, ...]:
    """The rules whose verdict the expression can change; the others keep theirs and are not asked again."""
    if one.part != "expression":
        return tuple(rule for rule in policy.rules if rule.id == one.owner)
    name = one.owner.removeprefix("variables.")
    return tuple(rule for rule in policy.rules if name in rule.reads.variables)


def _noticed(changed: Policy, cases: list[Outcome]) -> tuple[str, ...]:
    return tuple(one.case.name for one in cases if _is_broken(changed, one))


def _is_broken(changed: Policy, before: Outcome) -> bool:
    """Whether what the case expects is no longer so."""
    try:
        got = before.got | verdicts(changed, before.case)
    except GateError:
        return True
    got["policy"] = worst([got[name] for name in got if name != "policy"])
    return any(got[name] != verdict for name, verdict in before.case.expect.items())


def _changes(one: Placed) -> Iterator[tuple[int, str, str]]:
    """(offset, was, became) of every change of the expression, in the order of the text."""
    found: set[tuple[int, str, str]] = set()
    for node in walk(one.checked.root):
        offset = one.checked.offsets.get(node.id, -1)
        if kind_of(node) == "call_expr":
            name = node.call_expr.function.strip("_")
            if name == "!" and one.text.startswith("!", offset):
                found.add((offset, "!", ""))
            for became in (_COMPARISONS | _LOGIC).get(name, ()):
                if one.text.startswith(name, offset):
                    found.add((offset, name, became))
        elif kind_of(node) == "comprehension_expr" and (match := _LOOP.search(one.text[: max(offset, 0)])):
            found.add((match.start(1), match.group(1), _LOOPS[match.group(1)]))
    yield from sorted(found)


def _with(policy: Policy, one: Placed, text: str) -> Policy:
    if one.part == "expression":
        name = one.owner.removeprefix("variables.")
        return replace(policy, variables=tuple((n, text if n == name else old) for n, old in policy.variables))
    rules = []
    for rule in policy.rules:
        if rule.id == one.owner and one.part == "require":
            rule = replace(rule, require=text)
        elif rule.id == one.owner and rule.otherwise is not None:
            rule = replace(rule, otherwise=replace(rule.otherwise, when=text))
        rules.append(rule)
    return replace(policy, rules=tuple(rules))


def _of_params(policy: Policy, cases: list[Outcome], place: Layout) -> Iterator[Mutant]:
    for name, param in policy.params.items():
        if param.type not in ("int", "double"):
            continue
        node = place.default(name)
        for value in _near(param.default):
            changed = replace(policy, params={**policy.params, name: replace(param, default=value)})
            shown = (str(param.default), str(value))
            yield Mutant(f"params.{name}", node.line, node.column, *shown, _noticed(changed, cases))


def _near(value: int | float) -> tuple[int | float, int | float]:
    """A little less and a little more: one, or one in a hundred."""
    if isinstance(value, int):
        return value - 1, value + 1
    exact = Decimal(repr(value))
    step = abs(exact) / 100 or Decimal("0.01")
    return float(exact - step), float(exact + step)
