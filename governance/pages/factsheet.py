"""A facts document for reading: each value with its source, its age and who recorded it; what is not known and how
to supply it; which policies read what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from catalog.models import Endpoint, ModelVersion
from governance.gates.attested import ATTESTED
from governance.gates.facts import Facts
from governance.gates.schema import FACTS
from governance.gates.shapes import Field, Message
from governance.pages.factreaders import Readers, readers
from governance.pages.factsources import Source, Sources
from governance.pages.supply import Supply, attest_url, supply

MAX_ROWS = 100
_HIDDEN = ("evidence", "evidence_live", "measured_at")


@dataclass(frozen=True)
class Known:
    path: str
    value: str
    source: Source
    read_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unknown:
    """A fact that is not there; `rows`: of how many rows of its list, 0 for all."""

    path: str
    doc: str
    supply: Supply
    read_by: tuple[str, ...] = ()
    rows: int = 0


@dataclass(frozen=True)
class Gap:
    """Facts that are not known and are supplied in the same way."""

    supply: Supply
    rows: list[Unknown]


@dataclass(frozen=True)
class Section:
    """One section of the facts. more: rows that are not shown; attest: where it is attested, if it is; stale: the
    policies for which it is too old, each with the reason."""

    name: str
    doc: str
    known: list[Known] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    read_by: tuple[str, ...] = ()
    more: int = 0
    attest: str = ""
    stale: Sequence[tuple[str, str]] = ()

    @property
    def gaps(self) -> list[Gap]:
        return _gaps(self.unknown)


@dataclass(frozen=True)
class Sheet:
    sections: list[Section]

    @property
    def known(self) -> int:
        return sum(len(one.known) + one.more for one in self.sections)

    @property
    def wanted(self) -> list[Unknown]:
        """What is not known although a policy reads it."""
        return [row for one in self.sections for row in one.unknown if row.read_by]

    @property
    def stale(self) -> list[Section]:
        """Lists that are too old for a policy, which takes none of them."""
        return [one for one in self.sections if one.stale]

    @property
    def wanted_gaps(self) -> list[Gap]:
        return _gaps(self.wanted)

    def matching(self, text: str) -> Sheet:
        """What has the words in its path, value, source or policies; sections that then hold nothing are left out."""
        words = text.lower().split()
        kept = []
        for one in self.sections:
            known = [row for row in one.known if _has(words, row.path, row.value, row.source.label, *row.read_by)]
            unknown = [row for row in one.unknown if _has(words, row.path, "unknown", *row.read_by)]
            if known or unknown:
                kept.append(replace(one, known=known, unknown=unknown, more=0 if words else one.more))
        return Sheet(kept)


def _gaps(rows: Iterable[Unknown]) -> list[Gap]:
    found: dict[tuple[str, str], Gap] = {}
    for row in rows:
        found.setdefault((row.supply.how, row.supply.url), Gap(row.supply, [])).rows.append(row)
    return list(found.values())


def _has(words: Sequence[str], *texts: str) -> bool:
    whole = " ".join(texts).lower()
    return all(word in whole for word in words)


def sheet(facts: Facts, version: ModelVersion, endpoint: Endpoint, *, limit: int = MAX_ROWS) -> Sheet:
    """The document by sections, in the order of the schema; at most `limit` rows of each list."""
    sources, read = Sources(facts, version, endpoint), readers(facts)
    found = []
    for one in FACTS.fields:
        if one.message is None:
            continue
        value, read_by = facts.get(one.name), read.of_section(one.name)
        attest = attest_url(one.name, version, endpoint.name) if one.name in ATTESTED else ""
        section = Section(
            one.name,
            one.doc,
            _known(one.name, one.message, value, sources, read, limit),
            list(_unknown(one, value, read, version, endpoint)),
            read_by,
            max(0, len(value) - limit) if isinstance(value, list) else 0,
            attest,
            read.stale.get(one.name, []),
        )
        found.append(section)
    return Sheet(found)


def _known(name: str, message: Message, value: Any, sources: Sources, read: Readers, limit: int) -> list[Known]:
    if isinstance(value, Mapping):
        return [
            Known(path, _shown(item), sources.of(name, value, path), read.of(path))
            for path, item in _leaves(name, value)
        ]
    read_by = read.of_section(name)
    if value == []:
        return [Known(name, "none", sources.of(name, {}), read_by)]
    return [_row(name, message, row, sources, read_by) for row in (value or [])[:limit]]


def _paths(message: Message, prefix: str) -> list[tuple[str, str]]:
    """(path, meaning) of each fact of the message; of a list in a list, the list itself."""
    found: list[tuple[str, str]] = []
    for one in message.fields:
        if one.name in _HIDDEN:
            continue
        if one.message is not None and not one.repeated:
            found += _paths(one.message, f"{prefix}{one.name}.")
        else:
            found.append((f"{prefix}{one.name}", one.doc))
    return found


def _unknown(section: Field, value: Any, read: Readers, version: ModelVersion, endpoint: Endpoint) -> Iterator[Unknown]:
    assert section.message is not None
    for path, doc in _paths(section.message, f"{section.name}[]." if section.repeated else f"{section.name}."):
        inner, rows = path.partition(".")[2], 0
        if isinstance(value, list):
            rows = sum(_at(row, inner) is None for row in value)
            if not rows:
                continue
        elif value is not None and _at(value, inner) is not None:
            continue
        yield Unknown(path, doc, supply(path, version, endpoint.name), read.of(path), rows)


def _at(value: Mapping[str, Any], path: str) -> Any:
    found: Any = value
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _leaves(path: str, value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        if isinstance(item, Mapping):
            yield from _leaves(f"{path}.{name}", item)
        elif name not in _HIDDEN:
            yield f"{path}.{name}", item


def _row(section: str, message: Message, row: Mapping[str, Any], sources: Sources, read_by: tuple[str, ...]) -> Known:
    """One row of a list as one line: its key in the path, the rest as the value."""
    key = ", ".join(str(row.get(name, "?")) for name in message.key)
    parts = [
        f"{path.removeprefix('.')} {_shown(item)}"
        for path, item in _leaves("", row)
        if path.removeprefix(".") not in message.key
    ]
    return Known(f"{section}[{key}]", "; ".join(parts) or "nothing is known of it", sources.of(section, row), read_by)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, list):
        return ", ".join(_item(item) for item in value) or "none"
    return str(value)


def _item(value: Any) -> str:
    return " ".join(_shown(item) for item in value.values()) if isinstance(value, Mapping) else _shown(value)
