"""Reads policy YAML on its composed nodes, so that every value knows its line and column.

What YAML 1.1 readers understand differently is refused: duplicate keys, anchors, aliases, tags, octal-looking
numbers, exponents, bare dates, yes/no. A policy says what it looks like it says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from governance.gates.errors import PolicyError

MAX_CHARS = 100_000
MAX_DEPTH = 24
MAX_NODES = 20_000
MAX_DIGITS = 40
MAX_SAFE_INTEGER = 2**53 - 1
_INT = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+", re.ASCII)
_NUMBERLIKE = re.compile(r"[-+.]?[0-9][0-9_.,:eExXobA-Fa-f+-]*", re.ASCII)
# Whole days, as in 90d: text to every reader.
_DAYS = re.compile(r"[0-9]+d", re.ASCII)
_TRAPS = {"yes", "no", "on", "off", "y", "n", "~"}


@dataclass(frozen=True)
class Node:
    """A value with its place: `value` is a dict of name → Node, a list of Node, or a scalar."""

    value: Any
    line: int
    column: int
    style: str = ""
    key_line: int = 0
    key_column: int = 0

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def at_path(self, path: str) -> Node:
        """The node at a path such as `bias[3].ratio`, as far as it goes."""
        found = self
        for name, index in re.findall(r"([^.\[\]]+)|\[([0-9]+)\]", path):
            inner = found.value
            if name and isinstance(inner, dict) and name in inner:
                found = inner[name]
            elif index and isinstance(inner, list) and int(index) < len(inner):
                found = inner[int(index)]
            else:
                break
        return found

    @property
    def shown(self) -> str:
        """The value in a few words, for an error."""
        if isinstance(self.value, dict | list):
            return "a mapping" if isinstance(self.value, dict) else "a list"
        return repr(self.value)[:60]


class Source:
    """The text of one policy file, able to say where something is wrong in it."""

    def __init__(self, text: str, filename: str) -> None:
        self.text = text
        self.filename = filename
        self.lines = text.split("\n")

    def error(self, message: str, line: int, column: int, *, how: str = "", code: str = "policy") -> PolicyError:
        """A PolicyError at this place, with the line and its caret."""
        shown = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return PolicyError(
            message, line=line, column=column, filename=self.filename, source_line=shown, how=how, code=code
        )

    def at(self, node: Node, message: str, *, how: str = "", code: str = "policy") -> PolicyError:
        """A PolicyError at a node."""
        return self.error(message, node.line, node.column, how=how, code=code)

    def inside(self, node: Node, line: int, column: int, message: str, *, how: str = "") -> PolicyError:
        """A PolicyError at a place (from 1) within a node's text: exact in `|` blocks and one-line scalars."""
        if node.style == "|":
            first = node.line
            while first < len(self.lines) and not self.lines[first].strip():
                first += 1
            body = self.lines[first] if first < len(self.lines) else ""
            indent = len(body) - len(body.lstrip(" "))
            return self.error(message, node.line + line, indent + column, how=how, code="expression")
        if line == 1 and node.style != ">":
            return self.error(
                message, node.line, node.column + column - 1 + (node.style in "'\"" and bool(node.style)), how=how
            )
        return self.at(node, f"{message} (line {line}, column {column} of the expression)", how=how)


def read(text: str, filename: str) -> tuple[Source, Node]:
    """The root mapping of the file. Raises PolicyError with the place of the first thing that is wrong."""
    if len(text) > MAX_CHARS:
        message = f"The policy has {len(text)} characters; the limit is {MAX_CHARS}."
        raise PolicyError(message, line=1, column=1, filename=filename, how="Split it into several policies.")
    source = Source(text, filename)
    try:
        _scan(source)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _from_yaml(source, error) from error
    except RecursionError as error:
        raise source.error("The file is nested too deeply.", 1, 1, how="A policy has a few levels.") from error
    if root is None:
        raise source.error("The file is empty.", 1, 1, how="Begin with: apiVersion: gatehouse/v1")
    return source, _node(source, root, 0)


def _from_yaml(source: Source, error: yaml.YAMLError) -> PolicyError:
    mark, position = getattr(error, "problem_mark", None), getattr(error, "position", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if isinstance(position, int):
        before = source.text[:position]
        line, column = before.count("\n") + 1, position - before.rfind("\n")
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read")
    return source.error(f"Not YAML: {problem}.", line, column, how="Mind indentation, colons and quotes.", code="yaml")


def _scan(source: Source) -> None:
    """Refuse what may not occur before anything is built: a bomb of aliases never unfolds."""
    depth = documents = 0
    for count, event in enumerate(yaml.parse(source.text, Loader=yaml.SafeLoader)):
        line, column = _mark(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            how = "Write the value out where it is used."
            raise source.error("Anchors and aliases are not read.", line, column, how=how, code="anchor")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag:
            raise source.error(
                f"The tag {event.tag[:60]} is not read.", line, column, how="Leave tags out.", code="tag"
            )
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if documents > 1:
            raise source.error("A second document begins here.", line, column, how="One policy a file.")
        if depth > MAX_DEPTH:
            raise source.error("The file is nested too deeply.", line, column, how="A policy has a few levels.")
        if count > MAX_NODES:
            raise source.error("The file holds too many values.", line, column, how="Split the policy.")


def _mark(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _node(source: Source, node: Any, depth: int) -> Node:
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Node] = {}
        for key, value in node.value:
            where = (key.start_mark.line + 1, key.start_mark.column + 1)
            if not isinstance(key, yaml.ScalarNode) or not key.value:
                raise source.error("A key must be a word.", *where, code="key")
            if key.value in found:
                how = "Keep one of them."
                raise source.error(f"The key {key.value[:60]!r} appears twice.", *where, how=how, code="duplicate")
            made = _node(source, value, depth + 1)
            found[key.value] = Node(made.value, made.line, made.column, made.style, *where)
        return Node(found, line, column)
    if isinstance(node, yaml.SequenceNode):
        return Node([_node(source, item, depth + 1) for item in node.value], line, column)
    return Node(_scalar(source, node, line, column), line, column, node.style or "")


def _scalar(source: Source, node: Any, line: int, column: int) -> Any:
    text: str = node.value
    if any("\ud800" <= char <= "\udfff" or char == "\x00" for char in text if char > "\ud7ff" or char == "\x00"):
        how = "Remove the escape."
        raise source.error("The text holds NUL or half a surrogate.", line, column, how=how)
    if node.style:
        return text
    if text in ("true", "false"):
        return text == "true"
    if text in ("null", "Null", "NULL", "") or text.lower() in _TRAPS:
        shown = text or "nothing"
        how = "Write true or false, or put the word into quotes; leave out what is not known."
        raise source.error(f"The bare word {shown!r} is read differently by different readers.", line, column, how=how)
    if _INT.fullmatch(text) or _FLOAT.fullmatch(text):
        return _number(source, text, line, column)
    if _NUMBERLIKE.fullmatch(text) and not _DAYS.fullmatch(text):
        how = "Write a plain decimal number such as 10 or 0.5, or put it into quotes."
        raise source.error(
            f"{text[:60]} is a number or a date to some readers and text to others.", line, column, how=how
        )
    return text


def _number(source: Source, text: str, line: int, column: int) -> int | float:
    whole = "." not in text
    # Digits are counted first: turning very many into a number takes long.
    if len(text) > MAX_DIGITS or (whole and abs(int(text)) > MAX_SAFE_INTEGER):
        how = "Numbers go up to 2**53 - 1 and have up to 40 digits, so that every reader sees the same."
        raise source.error(f"The number {text[:20]}… is not exact everywhere.", line, column, how=how)
    return int(text) if whole else float(text)
