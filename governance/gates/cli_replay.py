"""`gatehouse policy replay` and `case`: decide again from files and compare the bytes; make a test of a decision."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance.gates.cases import add_case, case_from
from governance.gates.cli_common import clean, load, write_file
from governance.gates.errors import GateError
from governance.gates.facts import canonical_bytes, parse_facts
from governance.gates.folder import read_folder
from governance.gates.policy import Policy
from governance.gates.replay import Replayed, replay
from governance.gates.sets import PolicySet

MAX_FILE = 256 * 1024 * 1024


@dataclass(frozen=True)
class Parts:
    """What a decision was made of: the facts' text, the texts of its policies and sets, the stored result."""

    facts: bytes
    sources: list[str]
    stored: bytes


def run(options: argparse.Namespace) -> int:
    """Exit 0 where every decision repeats, 1 where one differs, 4 where its files are not there."""
    places = [*options.decision, *options.pack]
    if not places:
        raise GateError("No decision is named.", how="Give a decision.json, or --pack FOLDER.")
    good, rows = True, []
    for path in places:
        parts = from_folder(path) if path in options.pack else from_file(path)
        found = replay(parts.facts, parts.sources, parts.stored)
        good = good and found.good
        rows.append({"file": str(path), "outcome": _word(found), "text": found.text})
    if options.json:
        print(json.dumps({"decisions": rows}, ensure_ascii=False))
    else:
        for row in rows:
            print(clean(f"{row['file']}: {row['text']}"))
    return 0 if good else 1


def case(options: argparse.Namespace) -> int:
    """Print a test case from the decision, or add it to the policy's file. Exit 0."""
    policy = load(options.policy)
    if not isinstance(policy, Policy):
        raise GateError(f"{options.policy} is a policy set.", how="Sets have no tests.")
    facts, stored = carried(options.decision)
    name = options.name or f"as decided in {options.decision.stem}"
    text = case_from(parse_facts(facts), json.loads(stored), name, policy=policy)
    if options.write:
        write_file(options.policy, add_case(policy.source, text).encode())
        print(f"added to {options.policy}: {name}")
    else:
        print(text, end="")
    return 0


def _word(found: Replayed) -> str:
    return "identical" if found.identical else "engine-differs" if found.good else "differs"


def from_folder(folder: Path) -> Parts:
    """The parts in an evidence pack: its decision.json with its files, else what evidence.json carries."""
    for name in ("decision.json", "evidence.json"):
        if (folder / name).is_file():
            return from_file(folder / name)
    raise GateError(f"{folder} holds no decision.json or evidence.json.", how="Name the folder of an evidence pack.")


def from_file(path: Path) -> Parts:
    """The parts that a file carries or that lie beside it. Raises GateError.

    A file may carry all (the evidence.json of a pack), or the facts and the result (a decision as the API gives it),
    or only the result; what it lacks is read from facts.json and policies/ in its folder.
    """
    doc, data = _document(path)
    facts, stored = _facts_and_result(path, doc, data)
    listed = doc.get("policies")
    if isinstance(listed, list) and listed and all(isinstance(row, dict) and "source" in row for row in listed):
        rows = [*listed, *(doc.get("policy_sets") or [])]
        return Parts(facts, [str(row["source"]) for row in rows], stored)
    return Parts(facts, _sources(path.parent / "policies", stored), stored)


def carried(path: Path) -> tuple[bytes, bytes]:
    """Facts and result of a decision's file, as `from_file` finds them. Raises GateError."""
    facts, stored = _facts_and_result(path, *_document(path))
    if not isinstance(_parsed(stored, path), dict):
        raise GateError(f"{path} holds no decision.", how="Give a stored decision.")
    return facts, stored


def _facts_and_result(path: Path, doc: Mapping[str, Any], data: bytes) -> tuple[bytes, bytes]:
    holder = doc["decision"] if isinstance(doc.get("decision"), dict) else doc
    # Only the result's own file has its very bytes; the others carry them as text, or as data in canonical form.
    stored = _carried(holder, "result") or data.removesuffix(b"\n")
    return _carried(holder, "facts") or _bytes(path.parent / "facts.json"), stored


def _document(path: Path) -> tuple[dict[str, Any], bytes]:
    data = _bytes(path)
    doc = _parsed(data, path)
    if not isinstance(doc, dict):
        raise GateError(f"{path} holds no decision.", how="Give a stored decision.")
    return doc, data


def _parsed(data: bytes, path: Path) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise GateError(f"{path} is not JSON: {error}", how="Give a stored decision.") from error


def _carried(holder: Mapping[str, Any], name: str) -> bytes | None:
    if isinstance(holder.get(f"{name}_text"), str):
        return str(holder[f"{name}_text"]).encode()
    return canonical_bytes(holder[name]) if isinstance(holder.get(name), dict) else None


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE:
            raise GateError(f"{path} is larger than {MAX_FILE} bytes.", how="Name another file.")
        return path.read_bytes()
    except OSError as error:
        raise GateError(f"{path} cannot be read: {error}", how="An evidence pack holds it.") from error


def _sources(folder: Path, stored: bytes) -> list[str]:
    """The texts of the policies and sets that the decision names, found in the folder by name and digest."""
    try:
        result = json.loads(stored)
        named = [("policy", row["name"], row["digest"]) for row in result["policies"]]
        named += [("set", row["name"], row["digest"]) for row in result.get("sets", [])]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise GateError("The decision does not say which policies made it.", how="Give a stored decision.") from error
    files = read_folder(folder)
    here = {(*one.key, one.document.digest): one for one in files if one.key and one.document}
    found = []
    for key in named:
        if key not in here:
            how = "Put the text that was in force then into its folder policies/."
            raise GateError(f"The {key[0]} {key[1]} with the digest {str(key[2])[:12]}… is not here.", how=how)
        found.append(here[key])
    by_name = {one.document.name: one for one in files if isinstance(one.document, Policy)}
    off = sorted(_switched_off([one.document for one in found], result) & by_name.keys())
    return [one.text for one in (*found, *(by_name[name] for name in off))]


def _switched_off(documents: list[Policy | PolicySet | None], result: Mapping[str, Any]) -> set[str]:
    """Policies that a set names and that were there, but off: the decision does not list them."""
    absent = {row["name"]: set(row.get("absent", ())) for row in result.get("sets", [])}
    judged = {one.name for one in documents if isinstance(one, Policy)}
    sets = [one for one in documents if isinstance(one, PolicySet)]
    return {entry.policy for one in sets for entry in one.entries if entry.policy not in absent[one.name]} - judged
