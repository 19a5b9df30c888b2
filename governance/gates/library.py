"""The library: policies and sets that a house can begin with, and the catalogue of controls that their rules serve.

Policies: library/*.yaml and library/policies/*.yaml. Templates, which are policy sets: library/templates/*.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from governance.gates.attested import ATTESTED
from governance.gates.diff import differences
from governance.gates.document import Policy
from governance.gates.errors import GateError
from governance.gates.policy import load_policy
from governance.gates.sets import PolicySet, load_any, load_set
from governance.gates.yaml_source import read

FOLDER = Path(__file__).resolve().parents[1] / "library"
CONTROLS = Path(__file__).with_name("controls.yaml")
# How the sections that the catalog itself knows come to be known. All others are attested.
_SUPPLIED = {
    "evaluated_at": "Always known.",
    "subject": "Known of every version at an endpoint.",
    "request": "Known once a release is asked for.",
    "model": "Complete the entry of the model.",
    "artifacts": "Register the version with its files and upload them.",
    "datasets": "Register the version with the snapshots of data it was made with.",
    "training": "Register the version with its training run.",
    "metrics": "Send an evaluation of this version.",
    "baseline_metrics": "Send the same evaluation of the version that is live; nothing is needed where none is.",
    "bias": "Run a bias test on predictions of this version.",
    "bias_changes": "Run the same bias test for the version that is live; nothing is needed where none is.",
    "odds": "Run a bias test with true outcomes.",
    "odds_changes": "Run a bias test with true outcomes for both versions; nothing is needed where none is live.",
    "card": "Fill the model card of the version.",
    "endpoint": "Complete the entry of the endpoint.",
}


@dataclass(frozen=True)
class Control:
    """One thing that a law, standard or guidance asks for. id: as rules write it, such as eu-ai-act/15."""

    id: str
    framework: str
    clause: str
    title: str


@dataclass(frozen=True)
class Framework:
    """A law, standard or guidance. superseded_by: id of what took its place, or an empty string."""

    id: str
    name: str
    title: str
    sort: str
    version: str
    superseded_by: str
    note: str
    controls: tuple[Control, ...]


@dataclass(frozen=True)
class Need:
    """One section of the facts that a policy reads: the paths in it, and how it comes to be known."""

    section: str
    paths: tuple[str, ...]
    how: str


@dataclass(frozen=True)
class Setting:
    """One parameter with what it means."""

    name: str
    type: str
    default: Any
    description: str


@dataclass(frozen=True)
class Entry:
    """One policy of the library, as a page or a list shows it. `policy` holds rules and tests."""

    name: str
    title: str
    description: str
    owner: str
    review_by: str
    source: str
    digest: str
    needs: tuple[Need, ...]
    controls: tuple[Control, ...]
    params: tuple[Setting, ...]
    policy: Policy


@dataclass(frozen=True)
class Template:
    """One policy set of the library: names policies and gives them parameters; to be scoped by the house."""

    name: str
    title: str
    description: str
    owner: str
    review_by: str
    source: str
    digest: str
    set: PolicySet


@lru_cache(maxsize=1)
def _catalogue() -> Mapping[str, Any]:
    found: dict[str, Any] = read(_read(CONTROLS), CONTROLS.name)[1].plain()
    return found


def controls_checked() -> str:
    """The day on which the catalogue of controls was last looked through."""
    return str(_catalogue()["checked"])


@lru_cache(maxsize=1)
def frameworks() -> tuple[Framework, ...]:
    """Every framework of the catalogue, in its order."""
    return tuple(_framework(row) for row in _catalogue()["frameworks"])


def _framework(row: Mapping[str, Any]) -> Framework:
    controls = [Control(f"{row['id']}/{one['id']}", row["id"], one["clause"], one["title"]) for one in row["controls"]]
    return Framework(
        id=row["id"],
        name=row["name"],
        title=row["title"],
        sort=row["sort"],
        version=row["version"],
        superseded_by=row.get("supersededBy", ""),
        note=row.get("note", ""),
        controls=tuple(controls),
    )


@lru_cache(maxsize=1)
def controls() -> Mapping[str, Control]:
    """Every control by its id."""
    return {one.id: one for framework in frameworks() for one in framework.controls}


def control(name: str) -> Control:
    """The control of an id; of one that the catalogue does not know, the id itself stands for clause and title."""
    framework, _, clause = name.partition("/")
    return controls().get(name) or Control(name, framework, clause or name, name)


@lru_cache(maxsize=1)
def entries() -> tuple[Entry, ...]:
    """Every policy of the library, by name."""
    files = [*FOLDER.glob("*.yaml"), *(FOLDER / "policies").glob("*.yaml")]
    return tuple(sorted((entry_of(_read(path)) for path in files), key=lambda one: one.name))


@lru_cache(maxsize=1)
def templates() -> tuple[Template, ...]:
    """Every template of the library, by name."""
    files = (FOLDER / "templates").glob("*.yaml")
    return tuple(sorted((_template(_read(path), path.name) for path in files), key=lambda one: one.name))


def entry(name: str) -> Entry:
    """The policy of that name. Raises GateError."""
    return _named(entries(), name, "policy")


def template(name: str) -> Template:
    """The template of that name. Raises GateError."""
    return _named(templates(), name, "template")


def _named(found: tuple[Any, ...], name: str, what: str) -> Any:
    for one in found:
        if one.name == name:
            return one
    how = f"There are: {', '.join(one.name for one in found)}."
    raise GateError(f"The library has no {what} {name!r}.", how=how)


def entry_of(source: str) -> Entry:
    """A policy's text as an entry. Raises PolicyError."""
    policy = load_policy(source)
    document = read(source, policy.name)[1].plain()
    described = document.get("params", {})
    return Entry(
        name=policy.name,
        title=_title(document),
        description=" ".join(policy.description.split()),
        owner=policy.owner,
        review_by=policy.review_by.isoformat() if policy.review_by else "",
        source=source,
        digest=policy.digest,
        needs=needs_of(policy),
        controls=tuple(control(name) for name in dict.fromkeys(one for rule in policy.rules for one in rule.controls)),
        params=tuple(
            Setting(one.name, one.type, one.default, described[one.name].get("description", ""))
            for one in policy.params.values()
        ),
        policy=policy,
    )


def _template(source: str, filename: str) -> Template:
    found = load_set(source, filename=filename)
    return Template(
        name=found.name,
        title=_title(read(source, found.name)[1].plain()),
        description=" ".join(found.description.split()),
        owner=found.owner,
        review_by=found.review_by.isoformat() if found.review_by else "",
        source=source,
        digest=found.digest,
        set=found,
    )


def _title(document: Mapping[str, Any]) -> str:
    meta = document["metadata"]
    return str(meta.get("title") or meta["name"].replace("-", " ").capitalize())


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def needs_of(policy: Policy) -> tuple[Need, ...]:
    """The sections of the facts that decide the policy's verdict, in order of name, and how each is supplied."""
    paths = frozenset[str]().union(*(rule.reads.paths for rule in policy.rules))
    sections: dict[str, list[str]] = {}
    for path in sorted(paths):
        section, _, below = path.replace("[].", ".").partition(".")
        sections.setdefault(section, []).extend([below] if below else [])
    return tuple(Need(name, tuple(below), _how(name, below)) for name, below in sections.items())


def _how(section: str, paths: list[str]) -> str:
    attested = ATTESTED.get(section)
    # A part of some sections is registered and another part is attested.
    told = [name for name in (attested.fields if attested else ()) if any(path.split(".")[0] == name for path in paths)]
    known = _SUPPLIED.get(section, "")
    if attested is None or (known and set(told) <= set(attested.key)):
        return known
    words = f"Attest {', '.join(name for name in told if name not in attested.key or not known)}"
    return f"{known} {words}, as {attested.by} may.".strip()


def upgrade_diff(old_source: str, new_source: str) -> list[str]:
    """What an upgrade from one text of a policy or set to another changes, a sentence a change. Raises PolicyError."""
    return [change.words for change in differences(load_any(old_source), load_any(new_source))]
