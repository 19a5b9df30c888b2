"""A policy that an OPA server answers: its text, and the strict reading of what the server says.

No Rego runs here. The server must name what it checked beside what it denies, so that a misspelt field, which leaves
the denials empty, cannot pass; and it must deny a case that has to be denied, asked before each use.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from governance.gates.document import Policy
from governance.gates.errors import FactsError
from governance.gates.facts import Facts, canonical_bytes, read_facts
from governance.gates.parts import ROLES, Parts
from governance.gates.seating import read_seats
from governance.gates.yaml_source import Node, Source

KIND = "RegoPolicy"
MAX_ANSWER = 1024 * 1024
MAX_RULES, MAX_ENTRIES, MAX_TEXT = 200, 500, 2_000
# A rule's name as in every policy, since pages and reports name rules by it.
_RULE = re.compile(r"[a-z0-9]([a-z0-9-]{0,78}[a-z0-9])?", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9_-]{1,80}(/[A-Za-z0-9_-]{1,80}){0,15}", re.ASCII)
# What a server may say beside the result; anything else is odd.
_AROUND = ("result", "provenance", "decision_id")


@dataclass(frozen=True)
class Opa:
    """Where the answer comes from: a configured server by its name, and the path of the document there."""

    server: str = ""
    path: str = ""


@dataclass(frozen=True)
class RegoPolicy(Policy):
    """A loaded policy without rules of its own: the server's answer names them."""

    opa: Opa = Opa()
    # Facts that the server must deny.
    must_deny: Mapping[str, Any] = field(default_factory=dict)


class OddAnswer(ValueError):
    """What the server said is not an answer. The text says why, as the end of "The answer …"."""


@dataclass(frozen=True)
class Reply:
    """A good answer to one question. result: {checked, deny, ask} as sent; revision: of each bundle, by its name."""

    result: Mapping[str, Any]
    revision: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of result and revision in canonical form."""
        said = {"result": self.result, "revision": self.revision}
        return hashlib.sha256(canonical_bytes(said)).hexdigest()

    def document(self) -> dict[str, Any]:
        """What a decision stores of it."""
        return {"result": dict(self.result), "revision": dict(self.revision), "sha256": self.sha256}


@dataclass(frozen=True)
class Verdict:
    """What an answer says of one rule: pass, fail, or ask with the role."""

    rule: str
    verdict: str
    message: str = ""
    role: str = ""


# ------------------------------------------------------------------ the policy's text
def read_rego(source: Source, root: Node) -> RegoPolicy:
    """The policy from YAML that was read. Raises PolicyError with the place of the first thing wrong."""
    return _Loader(source, root).load()


class _Loader(Parts):
    def load(self) -> RegoPolicy:
        top = self.map(
            self.root,
            "The policy",
            required=("apiVersion", "kind", "metadata", "opa", "mustDeny"),
            optional=("appliesTo", "approvals", "enforcement"),
        )
        self.head(top, KIND)
        name, owner, description, review_by = self.metadata(top["metadata"])
        mode, start = self.mode(top.get("enforcement"))
        return RegoPolicy(
            name=name,
            description=description,
            owner=owner,
            source=self.source.text,
            digest=hashlib.sha256(canonical_bytes(self.root.plain())).hexdigest(),
            enforcement=mode,
            from_date=start,
            applies_to=self.selectors(top.get("appliesTo")),
            params={},
            variables=(),
            rules=(),
            approvals=read_seats(self, top.get("approvals")),
            tests=(),
            review_by=review_by,
            opa=self._opa(top["opa"]),
            must_deny=self._must_deny(top["mustDeny"]),
        )

    def _opa(self, node: Node) -> Opa:
        parts = self.map(node, "opa", required=("server", "path"))
        server = self.name(parts["server"], "opa.server", "name of a server")
        path = self.text(parts["path"], "opa.path")
        if not _PATH.fullmatch(path):
            how = "Write the document's path as in its package: gatehouse/release/answer."
            raise self.source.at(parts["path"], f"{path[:80]!r} is no path of a document.", how=how)
        return Opa(server, path)

    def _must_deny(self, node: Node) -> Facts:
        try:
            facts = read_facts(node.plain(), partial=True)
        except FactsError as error:
            raise self.source.at(node.at_path(error.path), str(error), how=error.how, code="facts") from error
        if not facts:
            how = "Write facts that the server must deny, such as a training region that is not allowed."
            raise self.source.at(node, "mustDeny is empty.", how=how)
        return facts


# ------------------------------------------------------------------ the server's answer
def read_answer(body: bytes) -> Reply:
    """The body of an answer, read strictly. Raises OddAnswer."""
    if len(body) > MAX_ANSWER:
        raise OddAnswer(f"is larger than {MAX_ANSWER} bytes")
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise OddAnswer(f"is not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise OddAnswer("is nested too deeply") from error
    except OddAnswer:
        raise
    except ValueError as error:
        raise OddAnswer("is not JSON") from error
    if not isinstance(found, dict):
        raise OddAnswer("is not a JSON object")
    if "warning" in found:
        raise OddAnswer("carries a warning of the server")
    if odd := next((name for name in found if name not in _AROUND), None):
        raise OddAnswer(f"holds {_shown(odd)} beside the result")
    if "result" not in found:
        raise OddAnswer("has no result: the path is undefined there")
    return read_reply(found["result"], _revision(found.get("provenance")))


def read_reply(result: Any, revision: Any) -> Reply:
    """A result with the revisions of the bundles. Raises OddAnswer where it is not what a policy must answer."""
    if not isinstance(revision, dict) or not all(_is_text(one) for pair in revision.items() for one in pair):
        raise OddAnswer("does not say which bundle it comes from")
    if not isinstance(result, dict):
        raise OddAnswer(f"is {_kind(result)}, not an object with checked and deny")
    verdicts_of(result)
    return Reply(result, revision)


def verdicts_of(result: Mapping[str, Any]) -> list[Verdict]:
    """What a result says of each rule that it checked, in the order of their names. Raises OddAnswer.

    A denial that names no rule counts against every rule that no other denial names: which of them failed is not
    said, so none of them passes.
    """
    if odd := next((name for name in result if name not in ("checked", "deny", "ask")), None):
        raise OddAnswer(f"holds {_shown(odd)}, which is none of checked, deny and ask")
    checked = _checked(result.get("checked"))
    denied: dict[str, list[str]] = {}
    unnamed: list[str] = []
    for entry in _entries(result, "deny"):
        if isinstance(entry, str) and entry not in checked:
            unnamed.append(_message(entry, "deny"))
        elif isinstance(entry, str):
            denied.setdefault(entry, [])
        else:
            rule, message = _entry(entry, "deny", ("rule", "message"), checked)
            denied.setdefault(rule, []).append(message)
    if unnamed:
        denied |= {rule: unnamed for rule in checked if rule not in denied}
    asked: dict[str, tuple[str, list[str]]] = {}
    for entry in _entries(result, "ask") if "ask" in result else ():
        rule, role, message = _entry(entry, "ask", ("rule", "role", "message"), checked)
        if role not in ROLES:
            raise OddAnswer(f"asks {_shown(role)}, which is no role that decides")
        if asked.setdefault(rule, (role, []))[0] != role:
            raise OddAnswer(f"asks two roles about the rule {rule}")
        asked[rule][1].append(message)
    return [_verdict(rule, denied, asked) for rule in sorted(checked)]


def _verdict(rule: str, denied: Mapping[str, list[str]], asked: Mapping[str, tuple[str, list[str]]]) -> Verdict:
    if rule in denied:
        return Verdict(rule, "fail", " ".join(sorted(denied[rule])) or "Denied.")
    if rule in asked:
        role, messages = asked[rule]
        return Verdict(rule, "ask", " ".join(sorted(messages)), role)
    return Verdict(rule, "pass")


def _checked(value: Any) -> list[str]:
    if not isinstance(value, list) or not value:
        raise OddAnswer("does not name the rules that were checked")
    if len(value) > MAX_RULES:
        raise OddAnswer(f"names {len(value)} checked rules; the limit is {MAX_RULES}")
    for rule in value:
        if not isinstance(rule, str) or not _RULE.fullmatch(rule):
            raise OddAnswer(
                f"names {_shown(rule)} as checked; rules are named in lower-case letters, digits and dashes"
            )
    if len(set(value)) != len(value):
        raise OddAnswer("names a checked rule twice")
    return value


def _entries(result: Mapping[str, Any], name: str) -> list[Any]:
    value = result.get(name)
    if not isinstance(value, list):
        raise OddAnswer(f"has no list {name!r}")
    if len(value) > MAX_ENTRIES:
        raise OddAnswer(f"has {len(value)} entries in {name}; the limit is {MAX_ENTRIES}")
    return value


def _entry(entry: Any, name: str, keys: tuple[str, ...], checked: list[str]) -> tuple[str, ...]:
    if not isinstance(entry, dict) or set(entry) != set(keys):
        raise OddAnswer(f"has an entry in {name} that is not an object of {', '.join(keys)}")
    if entry["rule"] not in checked:
        raise OddAnswer(f"has an entry in {name} for {_shown(entry['rule'])}, which it does not name as checked")
    return tuple(_message(entry[key], name) for key in keys)


def _message(value: Any, name: str) -> str:
    if not _is_text(value) or not value.strip():
        raise OddAnswer(f"has an entry in {name} whose text is empty, too long or no text")
    return str(value)


def _is_text(value: Any) -> bool:
    """Whether it is text that can be stored, of sane length."""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return False
    return not any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in value)


def _revision(provenance: Any) -> Any:
    """{bundle: revision} as the server tells it; a server without bundles has none. Anything odd is None."""
    if not isinstance(provenance, dict):
        return None
    bundles = provenance.get("bundles", {})
    if not isinstance(bundles, dict) or not all(isinstance(one, dict) for one in bundles.values()):
        return None
    found = {name: one.get("revision", "") for name, one in bundles.items()}
    # Servers of old name the one bundle that they know without its name.
    if not found and "revision" in provenance:
        found = {"": provenance["revision"]}
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise OddAnswer("has a key twice in one object")
    return found


def _no_constant(text: str) -> NoReturn:
    raise OddAnswer(f"holds {text}, which is no JSON number")


def _shown(value: Any) -> str:
    return repr(value)[:60] if isinstance(value, str) else _kind(value)


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")
