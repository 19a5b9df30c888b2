"""Lays what was attested over the facts document: the wider scope first, so that the narrower one has the last word."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from catalog.models import Attestation
from governance.gates.attested import ATTESTED
from portal.ledger.encoding import instant

Document = dict[str, Any]


def lay_over(document: Document, attestations: Iterable[Attestation], *, today: date) -> None:
    """Add the attested sections to the document, in the order given.

    The newest counts even when it is over: then its section is not known, and its row of a list stands without
    values, because a row less could make a rule pass. What the catalog itself records is never replaced.
    """
    for row in attestations:
        if row.section not in ATTESTED:
            continue
        over = row.valid_until is not None and row.valid_until < today
        _LAY.get(row.section, _lay_group)(document, row, {} if over else dict(row.value))


def _lay_group(document: Document, row: Attestation, value: dict[str, Any]) -> None:
    if value:
        document[row.section] = {**value, "evidence": row.public_id}
    else:
        document.pop(row.section, None)


def _lay_row(document: Document, row: Attestation, value: dict[str, Any]) -> None:
    (key,) = ATTESTED[row.section].key
    name = row.value[key]
    stamp = {"measured_at": instant(row.attested_at)} if row.section == "tests" else {}
    made = {**value, **stamp, "evidence": row.public_id} if value else {}
    rows = [one for one in document.get(row.section, ()) if one[key] != name]
    document[row.section] = sorted([*rows, {key: name, **made}], key=lambda one: str(one[key]))


def _lay_file(document: Document, row: Attestation, value: dict[str, Any]) -> None:
    for file in document["artifacts"]:
        if file["name"] == row.key and value:
            known = {name: item for name, item in value.items() if name in ("scan", "signature")}
            file |= {**known, "scanned_at": instant(row.attested_at), "evidence": row.public_id}


def _lay_under(document: Document, row: Attestation, value: dict[str, Any]) -> None:
    """Fill what the catalog leaves open in a section that it records itself."""
    known = {name: item for name, item in (document.get(row.section) or {}).items() if item not in (None, "")}
    added = {name: item for name, item in value.items() if name not in known}
    if added:
        document[row.section] = {**known, **added, "evidence": row.public_id}


def _lay_endpoint(document: Document, row: Attestation, value: dict[str, Any]) -> None:
    """A newer promise or contract replaces the recorded one; classes of data are only ever added."""
    place = document["endpoint"]
    classes = {*(place.get("data_classes") or ()), *value.pop("data_classes", ())}
    place |= value
    if classes:
        place["data_classes"] = sorted(classes)


_LAY: dict[str, Callable[[Document, Attestation, dict[str, Any]], None]] = {
    "artifacts": _lay_file,
    "training": _lay_under,
    "card": _lay_under,
    "telemetry": _lay_under,
    "tests": _lay_row,
    "reviews": _lay_row,
    "endpoint": _lay_endpoint,
}
