"""Record what is attested: by whom, about what, from when until when. Whether it suffices, a policy says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.models import Attestation, Endpoint, ModelVersion, RegisteredModel
from catalog.services.rows import insert
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import InvalidInput
from portal.ledger.canonical import canonical_bytes, sha256_hex
from portal.ledger.services import record


@dataclass(frozen=True)
class Section:
    """What a reader made of an attested value. about: model, version, endpoint; permission: who may attest it."""

    key: str
    value: dict[str, Any]
    about: tuple[str, ...]
    permission: Permission


Reader = Callable[[str, Any], Section]
_readers: list[Reader] = []


def register_reader(reader: Reader) -> None:
    """Set who knows the shapes of sections; called from an app's `ready()`. Raises InvalidInput for a bad value.

    The shapes are those of the facts that policies read, which the catalog does not know. Without a reader nothing
    can be attested.
    """
    _readers[:] = [reader]


def read_section(section: str, value: Any) -> Section:
    """The value with exact types. Raises InvalidInput naming the place."""
    for reader in _readers:
        return reader(section, value)
    raise InvalidInput(f"{section!r:.60} cannot be attested.", code="section-unknown", field="section")


@transaction.atomic
def attest(
    about: RegisteredModel | ModelVersion | Endpoint,
    *,
    actor: User,
    section: str,
    value: Any,
    source: str = "",
    attested_at: datetime | None = None,
    valid_until: date | None = None,
) -> Attestation:
    """Record one section of the facts, or one row of a list, about this. The newest counts; nothing is overwritten.

    Raises InvalidInput for a section that is not said of this, for a value that does not fit it, for a day that is
    over; PermissionRefused where another line must say it.
    """
    read = read_section(section, value)
    kind, team = _kind(about)
    require(actor, read.permission, team)
    now = timezone.now()
    at = attested_at or now
    _check(about, kind, section, read, at=at, now=now, until=valid_until)
    row = Attestation(
        **{kind: about},
        team_id=team,
        section=section,
        key=read.key,
        value=read.value,
        source=source.strip(),
        sha256=sha256_hex(canonical_bytes({"section": section, "value": read.value})),
        recorded_by=actor,
        attested_at=at,
        valid_until=valid_until,
    )
    insert(row, exclude=("model", "version", "endpoint", "team", "value"))
    body = {
        "attestation": row.public_id,
        "about": kind,
        "of": row.about.pk,
        "section": section,
        "key": row.key,
        "sha256": row.sha256,
    }
    record(actor=actor, event="catalog:attestation:recorded", subject=row, body=body)
    return row


def _kind(about: RegisteredModel | ModelVersion | Endpoint) -> tuple[str, int]:
    """("model", "version" or "endpoint", the team that it belongs to)."""
    if isinstance(about, ModelVersion):
        return "version", about.model.team_id
    return ("model" if isinstance(about, RegisteredModel) else "endpoint"), about.team_id


def _check(
    about: RegisteredModel | ModelVersion | Endpoint,
    kind: str,
    section: str,
    read: Section,
    *,
    at: datetime,
    now: datetime,
    until: date | None,
) -> None:
    if kind not in read.about:
        how = f"Attest it about: {', '.join(read.about)}."
        raise InvalidInput(f"{section} is not said of a {kind}.", code="section-elsewhere", field="section", how=how)
    if at > now:
        how = "Check the clock."
        raise InvalidInput("attested_at lies in the future.", code="future", field="attested_at", how=how)
    if until is not None and until < now.date():
        how = "Give the last day on which it holds."
        raise InvalidInput("valid_until is over.", code="over", field="valid_until", how=how)
    if (
        section == "artifacts"
        and isinstance(about, ModelVersion)
        and not about.artifacts.filter(name=read.key).exists()
    ):
        how = "Name a file that the version declares."
        raise InvalidInput(f"{about} has no file {read.key}.", code="artifact-unknown", field="value.name", how=how)
