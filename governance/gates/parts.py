"""The parts that a policy and a policy set are both written with, each refused with its place when it is wrong."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Any

from governance.gates.yaml_source import Node, Source

API_VERSION = "gatehouse/v1"
MODES = ("off", "advisory", "block")
ROLES = ("validator", "risk", "fairness", "legal", "compliance")
MOMENTS = ("check", "request", "live", "running")
SELECTORS = ("riskTier", "target", "model", "endpoint", "region", "moment", "affectsLegalOrSafety")
MAX_REASON = 500
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,78}[a-z0-9])?", re.ASCII)
PARAM_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


def lookalike(word: str) -> str:
    """A sentence that names the first letter of the word that is not ASCII; empty when there is none."""
    found = next((char for char in word if char > "\x7f"), "")
    return f"{found!r} in it is {unicodedata.name(found, f'U+{ord(found):04X}')}, not ASCII. " if found else ""


class Parts:
    """Reads the nodes of one file. Every method raises PolicyError at the node for what it does not take."""

    def __init__(self, source: Source, root: Node) -> None:
        self.source = source
        self.root = root

    def map(
        self,
        node: Node,
        what: str,
        *,
        required: tuple[str, ...] = (),
        optional: tuple[str, ...] = (),
        names: bool = False,
    ) -> dict[str, Node]:
        """The mapping's nodes by key; with `names` the author chooses the keys."""
        if not isinstance(node.value, dict):
            raise self.source.at(node, f"{what} must be a mapping.", how="Write names and values below it.")
        for name, value in node.value.items():
            if not names and name not in (*required, *optional):
                how = f"{lookalike(name)}Known here: {', '.join((*required, *optional))}."
                raise self.source.error(
                    f"{what} has no key {name[:60]!r}.", value.key_line, value.key_column, how=how, code="unknown-key"
                )
        for name in required:
            if name not in node.value:
                raise self.source.at(node, f"{what} lacks {name!r}.", how="Add it.", code="missing-key")
        found: dict[str, Node] = node.value
        return found

    def items(self, node: Node | None, what: str, most: int = 1000) -> list[Node]:
        """The list's nodes; none where there is no node."""
        if node is None:
            return []
        if not isinstance(node.value, list):
            raise self.source.at(node, f"{what} must be a list.", how="Begin each item with a dash.")
        if len(node.value) > most:
            raise self.source.at(node, f"{what} has {len(node.value)} items; the limit is {most}.", how="Split it.")
        return node.value

    def text(self, node: Node, what: str, *, empty: bool = True) -> str:
        if not isinstance(node.value, str):
            raise self.source.at(node, f"{what} must be text.", how="Put it into quotes.")
        if not empty and not node.value.strip():
            raise self.source.at(node, f"{what} is empty.", how="Say it in a sentence.")
        return str(node.value)

    def head(self, top: dict[str, Node], kind: str) -> None:
        for key, wanted in (("apiVersion", API_VERSION), ("kind", kind)):
            if top[key].value != wanted:
                how = f"This engine reads {wanted}."
                raise self.source.at(top[key], f"{key} is {top[key].shown}.", how=how)

    def metadata(self, node: Node) -> tuple[str, str, str, date | None]:
        """(name, owner, description, review date) of a policy or a set."""
        meta = self.map(node, "metadata", required=("name", "owner", "description"), optional=("reviewBy", "title"))
        name = self.name(meta["name"], "metadata.name", "name")
        owner = self.role(meta["owner"])
        review = self.day(meta["reviewBy"], "reviewBy") if "reviewBy" in meta else None
        return name, owner, self.text(meta["description"], "metadata.description", empty=False), review

    def name(self, node: Node, what: str, noun: str) -> str:
        name = self.text(node, what)
        if not _NAME.fullmatch(name):
            how = f"{lookalike(name)}Use lower-case letters, digits and dashes."
            raise self.source.at(node, f"{name[:80]!r} is no {noun}.", how=how)
        return name

    def role(self, node: Node) -> str:
        if node.value not in ROLES:
            how = f"Roles that decide: {', '.join(ROLES)}."
            raise self.source.at(node, f"{node.shown} is no role that decides.", how=how, code="role")
        return str(node.value)

    def day(self, node: Node, what: str) -> date:
        text = self.text(node, what)
        try:
            found = date.fromisoformat(text)
        except ValueError as error:
            raise self.source.at(node, f"{what} is no date.", how='Write "2026-12-31".') from error
        if found.isoformat() != text:
            raise self.source.at(node, f"{what} is no date.", how=f'Write "{found.isoformat()}".')
        return found

    def mode(self, node: Node | None) -> tuple[str, date | None]:
        """The enforcement: a mode, or {mode, from}."""
        if node is None:
            return "block", None
        mode, start = node, None
        if isinstance(node.value, dict):
            parts = self.map(node, "enforcement", required=("mode",), optional=("from",))
            mode = parts["mode"]
            start = self.day(parts["from"], "from") if "from" in parts else None
        if mode.value not in MODES:
            raise self.source.at(mode, f"{mode.shown} is no enforcement.", how=f"One of: {', '.join(MODES)}.")
        if start is not None and mode.value != "block":
            how = "Leave `from` out, or write mode: block."
            raise self.source.at(node, f"Only block begins at a date; this is {mode.value}.", how=how)
        return str(mode.value), start

    def selectors(self, node: Node | None) -> dict[str, tuple[Any, ...]]:
        """What `appliesTo` selects by, each with the values that match."""
        found: dict[str, tuple[Any, ...]] = {}
        for name, value in (self.map(node, "appliesTo", optional=SELECTORS) if node else {}).items():
            what = f"appliesTo.{name}"
            items = self.items(value, what, 100)
            if not items:
                raise self.source.at(value, f"{what} is empty.", how="Leave it out, or name what it is for.")
            read = self._flag if name == "affectsLegalOrSafety" else self.text
            found[name] = tuple(read(item, what) for item in items)
            for item in items if name == "moment" else ():
                if item.value not in MOMENTS:
                    raise self.source.at(item, f"{item.shown} is no moment.", how=f"One of: {', '.join(MOMENTS)}.")
        return found

    def _flag(self, node: Node, what: str) -> bool:
        if not isinstance(node.value, bool):
            raise self.source.at(node, f"{what} holds {node.shown}.", how="Write true or false.")
        return node.value
