"""The facts that a rule read, in the order in which they tell a reader most. The stored document keeps its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# What rules compare, the likeliest first, then what else belongs to it; a name that is missing here comes after these.
COMPARED = ("ratio_change", "ratio_lower", "ratio", "gap_change", "gap", "lower", "value", "rate")
BESIDE = ("n", "ratio_live", "gap_live", "ratio_upper", "upper")
# Of these a larger number is the worse one; of the others that are compared, a smaller one.
LARGER_IS_WORSE = frozenset({"gap_change", "gap"})
# The value of a metric may be better or worse either way: those rows stay as the rule read them.
UNORDERED = frozenset({"lower", "value", "rate"})
_RANK = {name: place for place, name in enumerate((*COMPARED, *BESIDE))}
_VALUE = re.compile(r"=([^,\]]+)")
_PATH = re.compile(r"(?P<row>.*\])\.(?P<name>\w+)", re.S)


@dataclass(frozen=True)
class ReadFact:
    """One value that a rule read, under its name in its row."""

    name: str
    value: Any

    @property
    def shown(self) -> Any:
        """The value to four places; the page of the decision and its download have all of them."""
        return f"{self.value:.4f}" if isinstance(self.value, float) and self.value % 1 else self.value


@dataclass(frozen=True)
class ReadRow:
    """What a rule read of one row of the facts, such as bias[attribute=sex, group=Female], and from which evidence.

    row: empty for a fact that stands alone; its name is its whole path then.
    """

    row: str
    facts: tuple[ReadFact, ...]
    evidence: str = ""


def in_order(facts: Sequence[Mapping[str, Any]], message: str = "") -> list[ReadRow]:
    """Row by row, and in each row what the rule compares, then its n, then the rest.

    Rows that the rule's message speaks of come first, the worst of them before the others.
    """
    rows: dict[str, list[ReadFact]] = {}
    evidence: dict[str, str] = {}
    for fact in facts:
        path = fact.get("path", "")
        found = _PATH.fullmatch(path)
        key, name = (found["row"], found["name"]) if found else (path, path)
        rows.setdefault(key, []).append(ReadFact(name, fact.get("value")))
        evidence.setdefault(key, fact.get("evidence") or "")
    read = [
        ReadRow("" if one[0].name == key else key, tuple(_row_in_order(one)), evidence[key])
        for key, one in rows.items()
    ]
    return sorted(read, key=lambda row: (not _is_named(row.row, message), *_badness(row)))


def _is_named(row: str, message: str) -> bool:
    """Whether the message has every value that names the row, such as sex and Female."""
    values = _VALUE.findall(row)
    return bool(values) and all(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", message) for value in values)


def _rank(fact: ReadFact) -> int:
    return _RANK.get(fact.name, len(_RANK))


def _row_in_order(row: Sequence[ReadFact]) -> list[ReadFact]:
    first = min(row, key=_rank)
    return sorted(row, key=lambda one: (one is not first, one.name != "n", _rank(one)))


def _badness(row: ReadRow) -> tuple[bool, float]:
    """Rows of which nothing was compared come last: the rule read them only to pass over them."""
    first = row.facts[0]
    if first.name not in COMPARED:
        return bool(row.row) and first.name in BESIDE, 0.0
    if first.name in UNORDERED or isinstance(first.value, bool) or not isinstance(first.value, int | float):
        return False, 0.0
    return False, -first.value if first.name in LARGER_IS_WORSE else first.value
