"""Where in the text each node of a checked expression begins and ends.

The checker keeps one position a node: an operator, a bracket or a first letter. Brackets and literals are found in
the text itself.
"""

from __future__ import annotations

import re
from typing import Any

from governance.gates.checked import Checked, children, kind_of

_STRING = re.compile(
    r"[rRbB]{0,2}(\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')", re.S
)
_RAW = re.compile(r"[bB]?[rR][bB]?(\"{3}.*?\"{3}|'{3}.*?'{3}|\"[^\"\n]*\"|'[^'\n]*')", re.S)
_COMMENT = re.compile(r"//[^\n]*")
_WORD = re.compile(r"-?[0-9][0-9a-fA-FxX.+eEuU]*?(?![0-9a-fA-FxX.uU]|(?<=[eE])[+-])|[A-Za-z_][A-Za-z_0-9]*")
_FIELD = re.compile(r"\.\s*\??\s*(`[^`]*`|[A-Za-z_][A-Za-z_0-9]*)")
_OPENS, _CLOSES = "([{", ")]}"


class Extents:
    """The extents of one expression's nodes, as (start, end) in code points of its text."""

    def __init__(self, checked: Checked, text: str) -> None:
        self.checked = checked
        self.text = text
        self._partner: dict[int, int] = {}
        self._known: dict[int, tuple[int, int]] = {}
        self._unquoted = _blank(text)
        stack: list[int] = []
        for place, char in enumerate(self._unquoted):
            if char in _OPENS:
                stack.append(place)
            elif char in _CLOSES and stack:
                opened = stack.pop()
                self._partner[opened], self._partner[place] = place, opened

    def of(self, node: Any) -> tuple[int, int]:
        """(start, end) of the node, with the brackets that belong to it."""
        if node.id not in self._known:
            self._known[node.id] = self._of(node)
        return self._known[node.id]

    def _of(self, node: Any) -> tuple[int, int]:
        below = [self.of(child) for child in children(node)]
        start, end = self._own(node)
        start = min([start, *(one for one, _ in below)])
        end = max([end, *(one for _, one in below)])
        return self._balanced(start, end)

    def _own(self, node: Any) -> tuple[int, int]:
        at, text, kind = self.checked.offsets.get(node.id, 0), self.text, kind_of(node)
        if text[at : at + 1] in ("(", "[", "{") and kind != "const_expr":
            return self._name_before(at), self._partner.get(at, at) + 1
        pattern = _FIELD if kind == "select_expr" else _WORD
        quoted = (_RAW.match(text, at) or _STRING.match(text, at)) if kind == "const_expr" else None
        match = quoted or pattern.match(text, at)
        return at, match.end() if match else at + 1

    def _name_before(self, at: int) -> int:
        """Where the name of a called function begins: `math.greatest` before its bracket."""
        if self.text[at] != "(":
            return at
        while at > 0 and (self.text[at - 1].isalnum() or self.text[at - 1] in "_."):
            at -= 1
        return at

    def _balanced(self, start: int, end: int) -> tuple[int, int]:
        changed = True
        while changed:
            changed = False
            for place in range(start, end):
                partner = self._partner.get(place, place)
                if not start <= partner < end:
                    start, end, changed = min(start, partner), max(end, partner + 1), True
        return start, end


def _blank(text: str) -> str:
    """The text with strings and comments blanked, of the same length."""
    found, place = list(text), 0
    while place < len(text):
        match = _RAW.match(text, place) or _STRING.match(text, place) or _COMMENT.match(text, place)
        # A letter before a quote belongs to the string only where a word begins.
        if match and (place == 0 or not (text[place - 1].isalnum() or text[place - 1] == "_") or text[place] in "\"'/"):
            found[place : match.end()] = " " * (match.end() - place)
            place = match.end()
        else:
            place += 1
    return "".join(found)
