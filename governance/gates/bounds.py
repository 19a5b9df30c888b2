"""How much an evaluation may cost, what is refused because it would cost more, and what belongs to a worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from governance.gates.cost import Cost, Shape, Sizes
from governance.gates.document import Policy
from governance.gates.engine import Value
from governance.gates.facts import MAX_BYTES, MAX_ROWS, MAX_TEXT
from governance.gates.ordered import longest_list

# Steps of some 50 ns each. Of one policy over one document; beyond it a rule is not evaluated, so it is unknown.
MAX_STEPS = 40_000_000
# Characters that a value may come to on the way.
MAX_VALUE = 20_000_000
# Of all policies of one evaluation in a web process.
WEB_STEPS = 2_000_000
# A variable's value: rows of a list, characters of a text.
MAX_VARIABLE_ROWS = 20_000
MAX_VARIABLE_TEXT = 1_000_000
# The largest document that the reader takes.
LARGEST = Sizes({}, MAX_TEXT, MAX_BYTES, MAX_ROWS)


def sizes_of(facts: Mapping[str, Any]) -> Sizes:
    """The sizes of a document."""
    rows: dict[str, int] = {"": 0}
    texts = list(_texts(facts, "", rows))
    return Sizes(rows, max(texts, default=0), sum(texts), 0)


def _texts(value: Any, path: str, rows: dict[str, int]) -> Iterable[int]:
    """Lengths of the texts; fills `rows`."""
    if isinstance(value, str):
        yield len(value)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(item, f"{path}.{name}" if path else name, rows)
    elif isinstance(value, list):
        rows[path] = max(rows.get(path, 0), len(value))
        for item in value:
            yield from _texts(item, f"{path}[]", rows)


def costs(policy: Policy, sizes: Sizes) -> dict[str, Cost]:
    """What each variable (`variables.NAME`) and each rule (by id, with its message) costs at most."""
    shapes: dict[str, Shape] = {}
    found: dict[str, Cost] = {}
    for name, meters in policy.meters.items():
        measured = [meter.measure(sizes, shapes) for meter in meters]
        found[name] = sum((cost for cost, _ in measured), Cost())
        found[name].steps = sum(cost.bounded for cost, _ in measured)
        if name.startswith("variables."):
            _, shape = measured[0]
            most = MAX_VARIABLE_ROWS if shape.row else MAX_VARIABLE_TEXT
            shapes[name.removeprefix("variables.")] = Shape(min(shape.size, most), shape.row)
    return found


def size_class(facts: Mapping[str, Any]) -> Sizes:
    """Sizes that the document stays within, rounded up to powers of two, so that what they cost can be kept."""
    size = getattr(facts, "size", None)
    total = sizes_of(facts).total if size is None else size
    return Sizes({}, _rounded(total), _rounded(total), _rounded(longest_list(facts)))


def _rounded(number: int) -> int:
    return 1 << max(number - 1, 1).bit_length()


def cost_estimate(policies: Sequence[Policy], facts: Mapping[str, Any]) -> float:
    """Steps (of some 50 ns) that the policies take over the document at most."""
    sizes = sizes_of(facts)
    return sum(cost.steps for policy in policies for cost in costs(policy, sizes).values())


def fits_web(policies: Sequence[Policy], facts: Mapping[str, Any]) -> bool:
    """Whether a web process may evaluate the policies over the document; else it is for a worker."""
    return cost_estimate(policies, facts) <= WEB_STEPS


def too_dear(policy: Policy, facts: Mapping[str, Any], within: Sizes) -> dict[str, str]:
    """{variable or rule: why} of what is not evaluated over this document, as it could take too long or too much.

    within: the document's `size_class`.
    """
    if not policy.dear:
        return {}
    key = (within.total, within.most_rows)
    if key not in policy.fits:
        policy.fits[key] = not any(True for _ in _refused(costs(policy, within)))
    return {} if policy.fits[key] else dict(_refused(costs(policy, sizes_of(facts))))


def may_be_dear(policy: Policy) -> bool:
    """Whether there could be a document over which some of the policy is not evaluated."""
    return any(True for _ in _refused(costs(policy, LARGEST)))


def _refused(found: Mapping[str, Cost]) -> Iterable[tuple[str, str]]:
    spent = 0.0
    for name, cost in found.items():
        if cost.largest > MAX_VALUE:
            yield name, f"a value in it could have {cost.largest:.0f} characters; the limit is {MAX_VALUE}"
        elif spent + cost.steps > MAX_STEPS:
            yield name, f"it could take {cost.steps:.0f} steps; the limit of a policy is {MAX_STEPS}"
        else:
            spent += cost.steps


def within(value: Value) -> Value:
    """The value of a variable, or an error where it is larger than a variable may be."""
    if isinstance(value.value, list) and len(value.value) > MAX_VARIABLE_ROWS:
        return Value(error=f"a variable has {len(value.value)} rows; the limit is {MAX_VARIABLE_ROWS}")
    if isinstance(value.value, str) and len(value.value) > MAX_VARIABLE_TEXT:
        return Value(error=f"a variable has {len(value.value)} characters; the limit is {MAX_VARIABLE_TEXT}")
    return value
