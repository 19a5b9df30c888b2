"""What an expression may not hold, with how to write it instead (see docs/policies.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_STRING = re.compile(r"""[rR]?("([^"\\\n]|\\.)*"|'([^'\\\n]|\\.)*')""")
_RANGE = re.compile(r"\.(all|exists|exists_one|map)\s*\(")


@dataclass(frozen=True)
class Finding:
    """One forbidden thing: place (line and column from 1), what, how to write it instead."""

    line: int
    column: int
    message: str
    how: str
    # Whether a rule that says `unknownPasses: reason` may hold it.
    by_reason: bool = False
    # Whether it matters only where an expression decides; a message may hold it.
    deciding: bool = False


_ALWAYS = (
    (r"\bdyn\s*\(", "dyn() switches the type checker off.", "Name the fact itself; the checker knows its type."),
    (r"\btype\s*\(", "type() asks about types, not facts.", "Compare the fact with a value."),
    (r"\b[A-Za-z_][\w.]*\s*\{", "Message literals are not facts.", "Read the fact from `facts`."),
    (
        r"\}\s*\.\s*(map|all|exists|exists_one|filter)\s*\(",
        "The order of a map literal changes from run to run.",
        "Use a list, such as ['a', 'b'].",
    ),
    (
        r"[\w\])]\s*\[\s*-?[0-9]+\s*\]",
        "An element by number depends on the order of the list.",
        "Use exists(x, …) or all(x, …) with a condition on its key.",
    ),
)
_REASON = (
    (r"\bhas\s*\(", "has() lets the unknown through."),
    (r"\.\s*\?|\[\s*\?", "Optional access lets the unknown through."),
    (r"\.\s*orValue\s*\(|\.\s*or\s*\(", "orValue() puts a value where none is known."),
    (r"\boptional\s*\.", "Optionals let the unknown through."),
    (r"[!=]=\s*null\b|\bnull\s*[!=]=", "A comparison with null lets the unknown through."),
)


def blank_strings(text: str) -> str:
    """The expression with the inside of its strings and comments blanked, places unchanged."""
    out = _STRING.sub(lambda m: m.group(0)[0] + " " * (len(m.group(0)) - 2) + m.group(0)[-1], text)
    return re.sub(r"//[^\n]*", lambda m: " " * len(m.group(0)), out)


def lint(text: str) -> Iterator[Finding]:
    """Everything forbidden in the expression, in no special order."""
    code = blank_strings(text)
    for pattern, message, how in _ALWAYS:
        for match in re.finditer(pattern, code):
            yield _finding(code, match.start(), message, how, False)
    for pattern, message in _REASON:
        how = "Leave the guard out: what is unknown blocks. Or say on the rule why it may pass: unknownPasses: reason."
        for match in re.finditer(pattern, code):
            yield _finding(code, match.start(), message, how, True)
    for match in re.finditer(r"\.filter\s*\(", code):
        end = _closing(code, match.end() - 1)
        if end is not None and _RANGE.match(code[end + 1 :].lstrip()):
            how = "Name it under `variables:` and use variables.NAME.all(…), so that an empty list is noticed."
            text_of = "A filter is used in place, where empty passes unseen."
            yield _finding(code, match.start(), text_of, how, False, deciding=True)


def _closing(code: str, start: int) -> int | None:
    depth = 0
    for place in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[place], 0)
        if depth == 0:
            return place
    return None


def _finding(code: str, place: int, message: str, how: str, by_reason: bool, *, deciding: bool = False) -> Finding:
    before = code[:place]
    line = before.count("\n") + 1
    return Finding(line, place - (before.rfind("\n") + 1) + 1, message, how, by_reason, deciding)
