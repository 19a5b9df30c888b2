"""What an expression may not hold, with how to write it instead (see docs/policies.md).

Judged on the checked tree, where no spelling, comment or string can hide anything. Only an expression that does
not compile is searched as text, to say more helpfully what is wrong with it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from governance.gates import engine
from governance.gates.checked import Checked, children, is_filter, kind_of, walk

_STRING = re.compile(r"""[rR]?("([^"\\\n]|\\.)*"|'([^'\\\n]|\\.)*')""")
MAX_PATTERN, MAX_REPEATS = 200, 100
# Functions that may take a whole section or row, or a list of them: they look at none of its facts.
_TAKES_SECTIONS = {"size", "_+_", "_?_:_"}
_OPTIONALS = {"_?._", "_[?_]", "orValue", "or", "hasValue", "optFlatMap", "optMap"}
_GUARD = "Leave the guard out: what is unknown blocks. Or say on the rule why it may pass: unknownPasses: reason."

DYN = ("dyn() switches the type checker off.", "Name the fact itself; the checker knows its type.")
TYPE = ("type() asks about types, not facts.", "Compare the fact with a value.")
LITERAL = ("Message literals are not facts.", "Read the fact from `facts`.")
MAP_ORDER = ("The order of a map literal changes from run to run.", "Use a list, such as ['a', 'b'].")
BY_NUMBER = (
    "An element by number depends on the order of the list.",
    "Use exists(x, …) or all(x, …) with a condition on its key.",
)
IN_PLACE = (
    "A filter is used in place, where empty passes unseen.",
    "Name it under `variables:` and use variables.NAME.all(…), so that an empty list is noticed.",
)
WHOLE = (
    "A whole section or row is compared or printed, so a fact left out of it changes the answer unseen.",
    "Name the fact in it that counts.",
)
HIDES = ("The variable of a loop hides facts, params or variables.", "Use another word, such as row.")
DIVIDES = (
    "A division by zero gives infinity or no number, which a comparison may let pass.",
    "Multiply instead, as in a >= 0.8 * b, or divide by a number that is written out.",
)
NO_NUMBER = (
    "This may give what is no number (NaN), which a comparison may let pass.",
    "Use a fact that is a number.",
)
PATTERN_NOT_WRITTEN = (
    "The pattern is not written out, so nothing bounds what it costs.",
    "Write it as a text, such as r'^eu-'.",
)
PATTERN_TOO_LONG = ("The pattern is too long or repeats too often.", "At most 200 characters and 100 repetitions.")
HAS = ("has() lets the unknown through.", _GUARD)
OPTIONAL = ("Optional access lets the unknown through.", _GUARD)
OR_VALUE = ("orValue() puts a value where none is known.", _GUARD)
NULL = ("A comparison with null lets the unknown through.", _GUARD)


@dataclass(frozen=True)
class Finding:
    """One forbidden thing: its place (code points from 0 in the expression), what, how to write it instead."""

    offset: int
    message: str
    how: str
    # Whether a rule that says `unknownPasses: reason` may hold it.
    by_reason: bool = False
    # Whether it matters only where an expression decides; a message may hold it.
    deciding: bool = False


def lint(checked: Checked, text: str) -> list[Finding]:
    """Everything forbidden in the expression `text`, in the order of the text."""
    found = [
        Finding(_start(checked, at, text), *what, by_reason=by_reason, deciding=deciding)
        for node in walk(checked.root)
        for at, what, by_reason, deciding in _findings(checked, node)
    ]
    return sorted(found, key=lambda one: one.offset)


_Found = tuple[Any, tuple[str, str], bool, bool]


def _findings(checked: Checked, node: Any) -> Iterator[_Found]:
    """(where, what, by_reason, deciding) of each thing that is wrong with the node itself."""
    kind = kind_of(node)
    if kind == "select_expr" and node.select_expr.test_only:
        yield node, HAS, True, True
    elif kind == "struct_expr" and node.struct_expr.message_name:
        yield node, LITERAL, False, False
    elif kind == "comprehension_expr":
        source = node.comprehension_expr.iter_range
        if node.comprehension_expr.iter_var in ("facts", "params", "variables"):
            yield node, HIDES, False, False
        if checked.is_map(source):
            yield node, MAP_ORDER, False, False
        for below in walk(source):
            if is_filter(below):
                yield below, IN_PLACE, False, True
    elif kind == "call_expr":
        for what, by_reason in _call(checked, node):
            yield node, what, by_reason, by_reason
        yield from _numbers(checked, node)
        if node.call_expr.function == "matches":
            yield from _pattern(node)
    if kind in ("list_expr", "struct_expr") and any(checked.is_section(child) for child in children(node)):
        yield node, WHOLE, False, False


def _call(checked: Checked, node: Any) -> Iterator[tuple[tuple[str, str], bool]]:
    call = node.call_expr
    operands = list(children(node))
    if call.function == "dyn":
        yield DYN, False
    elif call.function == "type":
        yield TYPE, False
    elif call.function == "_[_]" and not checked.is_map(operands[0]):
        yield BY_NUMBER, False
    elif call.function in _OPTIONALS or call.function.startswith("optional"):
        yield OPTIONAL, True
    elif call.function in ("_==_", "_!=_", "@in") and any(_is_null(one) for one in operands):
        yield NULL, True
    elif call.function not in _TAKES_SECTIONS and any(checked.is_section(one) for one in operands):
        yield WHOLE, False


def _numbers(checked: Checked, node: Any) -> Iterator[_Found]:
    """Arithmetic that may end in infinity or NaN; a message may hold it."""
    call, operands = node.call_expr, list(children(node))
    if call.function == "_/_" and checked.is_double(node):
        divisor = operands[1]
        if kind_of(divisor) != "const_expr" or divisor.const_expr.double_value == 0:
            yield node, DIVIDES, False, True
    elif call.function == "math.sqrt" or (call.function == "double" and checked.is_text(operands[0])):
        yield node, NO_NUMBER, False, True


def _pattern(node: Any) -> Iterator[_Found]:
    """A regular expression that is not bounded. The engine's take linear time, so its length bounds it."""
    pattern = list(children(node))[-1]
    if kind_of(pattern) != "const_expr":
        yield node, PATTERN_NOT_WRITTEN, False, False
        return
    text = pattern.const_expr.string_value
    repeats = [int(number) for number in re.findall(r"[{,]([0-9]{1,9})(?=[,}])", text)]
    if len(text) > MAX_PATTERN or math.prod(number or 1 for number in repeats) > MAX_REPEATS:
        yield node, PATTERN_TOO_LONG, False, False
        return
    said = engine.evaluate("''.matches(facts.pattern)", {"facts": {"pattern": text}})
    if not said.known:
        problem = f"The pattern is no regular expression: {said.error.rpartition(': ')[2][:80]}."
        yield pattern, (problem, "It is in the syntax of RE2."), False, False


def _is_null(expr: Any) -> bool:
    return kind_of(expr) == "const_expr" and bool(expr.const_expr.HasField("null_value"))


def _start(checked: Checked, node: Any, text: str) -> int:
    """Where the node begins to be wrong: an operator itself, or the name before the bracket of a call."""
    offset = checked.offsets.get(node.id, 0)
    if text[offset : offset + 1] == "(":
        while offset > 0 and (text[offset - 1].isalnum() or text[offset - 1] == "_"):
            offset -= 1
    return offset


def _lookalike(char: str) -> tuple[str, str]:
    name = unicodedata.name(char, f"U+{ord(char):04X}")
    return f"{char!r} is {name}, not an ASCII letter.", "Names and operators are ASCII; type it anew."


_TEXTS = (
    (r"\bdyn\s*\(", DYN, False),
    (r"\btype\s*\(", TYPE, False),
    (r"\.\s*\?|\[\s*\?", OPTIONAL, True),
    (r"\.\s*orValue\s*\(|\.\s*or\s*\(", OR_VALUE, True),
    (r"\boptional\s*\.", OPTIONAL, True),
    (r"[!=]=\s*null\b|\bnull\s*[!=]=", NULL, True),
    (r"\bhas\s*\(", HAS, True),
)


def hints(text: str) -> list[Finding]:
    """The same, guessed from the text of an expression that does not compile."""
    code = _STRING.sub(lambda m: m.group(0)[0] + " " * (len(m.group(0)) - 2) + m.group(0)[-1], text)
    code = re.sub(r"//[^\n]*", lambda m: " " * len(m.group(0)), code)
    found = [Finding(match.start(), *_lookalike(match.group())) for match in re.finditer(r"[^\x00-\x7f]", code)]
    found += [
        Finding(match.start(), *what, by_reason=by_reason)
        for pattern, what, by_reason in _TEXTS
        for match in re.finditer(pattern, code)
    ]
    return sorted(found, key=lambda one: one.offset)
