"""Reading the ledger: entries, proofs, checkpoints, and what the reader may conclude from them."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models import Q, QuerySet

from portal.access import Permission, teams_with
from portal.accounts.models import User
from portal.errors import NotFound
from portal.ledger import merkle, notes, outside, teams
from portal.ledger.keys import verifier
from portal.ledger.models import Checkpoint, LedgerEntry
from portal.ledger.services import tile_reader

ProofBundle = dict[str, Any]


def entries_for(actor: User | None) -> QuerySet[LedgerEntry]:
    """The entries this person may read: of the teams where they hold PORTAL_LEDGER_READ, and of the organisation.

    Who holds it for the whole organisation reads all. The proof of an entry needs none of the others: its neighbours
    in the tree are hashes.
    """
    everywhere, held = teams_with(actor, Permission.PORTAL_LEDGER_READ)
    rows = LedgerEntry.objects.select_related("actor")
    if everywhere:
        return rows
    shared = Q(team=None, subject_type__in=teams.organisation_types())
    return rows.filter(Q(team__in=held) | shared) if held else rows.none()


def reads_all(actor: User | None) -> bool:
    """Whether this person reads the whole log, and so can tell that a list of entries is complete."""
    return teams_with(actor, Permission.PORTAL_LEDGER_READ)[0]


def entry_numbered(actor: User | None, idx: int) -> LedgerEntry:
    """The entry of that number. Raises NotFound, also for a reader who may not see it."""
    entry = entries_for(actor).filter(idx=idx).first()
    if entry is None:
        raise NotFound(f"The audit log has no entry {idx} for you.", code="no-entry", how="See the list of entries.")
    return entry


def entries_about(subject_type: str, subject_id: object) -> QuerySet[LedgerEntry]:
    """The history of one subject, newest first, for a page whose reader may see the subject."""
    rows = LedgerEntry.objects.select_related("actor").filter(subject_type=subject_type, subject_id=str(subject_id))
    return rows.order_by("-id")


@dataclasses.dataclass(frozen=True)
class Filters:
    """What a list of entries is narrowed to; an empty text narrows nothing."""

    event: str = ""
    subject_type: str = ""
    subject_id: str = ""
    actor: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    @property
    def is_empty(self) -> bool:
        return self == Filters()


def narrow(rows: QuerySet[LedgerEntry], filters: Filters) -> QuerySet[LedgerEntry]:
    """Those of the entries that the filters name. actor: a username, or "portal" for the portal itself."""
    if filters.event:
        rows = rows.filter(event=filters.event)
    if filters.subject_type:
        rows = rows.filter(subject_type=filters.subject_type)
    if filters.subject_id:
        rows = rows.filter(subject_id=filters.subject_id)
    if filters.actor == "portal":
        rows = rows.filter(actor=None)
    elif filters.actor:
        rows = rows.filter(Q(actor__username__iexact=filters.actor))
    if filters.since:
        rows = rows.filter(at__gte=filters.since)
    if filters.until:
        rows = rows.filter(at__lt=filters.until)
    return rows


# A loose scan: one descent of the index per distinct value, so that a long log costs no more than a short one.
_DISTINCT = """
WITH RECURSIVE found AS (
    (SELECT {0} AS value FROM ledger_ledgerentry WHERE {1} ORDER BY {0} LIMIT 1)
    UNION ALL
    SELECT (SELECT {0} FROM ledger_ledgerentry WHERE {0} > found.value AND {1} ORDER BY {0} LIMIT 1)
    FROM found WHERE found.value IS NOT NULL
) SELECT value FROM found WHERE value IS NOT NULL
"""
_READABLE = "(team_id = ANY(%(teams)s) OR (team_id IS NULL AND subject_type = ANY(%(shared)s)))"


def _distinct(actor: User | None, column: str) -> list[str]:
    everywhere, held = teams_with(actor, Permission.PORTAL_LEDGER_READ)
    if not everywhere and not held:
        return []
    values: dict[str, Any] = {"teams": sorted(held), "shared": teams.organisation_types()}
    with connection.cursor() as cursor:
        cursor.execute(_DISTINCT.format(column, "TRUE" if everywhere else _READABLE), values)
        return [str(value) for (value,) in cursor.fetchall()]


def known_events(actor: User | None) -> list[str]:
    """The event names that occur in what this person may read, in order."""
    return _distinct(actor, "event")


def known_subject_types(actor: User | None) -> list[str]:
    """The subject types that occur in what this person may read, in order."""
    return _distinct(actor, "subject_type")


def latest_checkpoint() -> Checkpoint | None:
    """The newest committed checkpoint of this installation, or None before the first."""
    return Checkpoint.objects.filter(origin=settings.LEDGER_ORIGIN).order_by("-size").first()


def proof_of(entry: LedgerEntry, checkpoint: Checkpoint | None = None) -> ProofBundle | None:
    """All that checks the entry without this portal: text, leaf, path and signed note (see static/js/verify.js).

    None while no checkpoint covers the entry; the sequencer brings one within seconds.
    """
    checkpoint = checkpoint or latest_checkpoint()
    if entry.idx is None or checkpoint is None or checkpoint.size <= entry.idx:
        return None
    text, signatures = notes.split_note(checkpoint.note)
    key = verifier()
    ours = [raw[4:] for name, raw in signatures if name == key.name and raw[:4] == key.key_id]
    path = merkle.inclusion_proof(tile_reader(), entry.idx, checkpoint.size)
    return {
        "raw": bytes(entry.leaf).decode(),
        "leaf": bytes(entry.leaf_hash).hex(),
        "index": entry.idx,
        "size": checkpoint.size,
        "proof": [step.hex() for step in path],
        "checkpoint": text,
        "sig": base64.b64encode(ours[0] if ours else b"").decode(),
        "pub": base64.b64encode(key.public).decode(),
        "witnesses": [],
        "note": checkpoint.note,
        "key": str(key),
    }


def key_pem() -> str:
    """The log's public key as PEM, the form openssl reads. Raises ImproperlyConfigured without a key."""
    key = Ed25519PublicKey.from_public_bytes(verifier().public)
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(encoding, form).decode()


@dataclasses.dataclass(frozen=True)
class Assurance:
    """How far the log can be relied on: a level for machines, a tone for the page, and the same in words."""

    level: str
    tone: str
    title: str
    words: str


ASSURANCES = {
    "none": Assurance(
        "none",
        "warn",
        "No checkpoint is kept outside the database",
        "An edit of a row or an entry is found, but whoever can rewrite the whole database and holds the log's key "
        "could rewrite the log with it.",
    ),
    "beside": Assurance(
        "beside",
        "warn",
        "Checkpoints are kept beside the database, on this machine",
        "Rewriting the database alone is found. Whoever owns this machine could rewrite both, unless you keep a "
        "checkpoint of your own: save /log/checkpoint elsewhere and give it to “ledger verify --checkpoint”.",
    ),
    "own": Assurance(
        "own",
        "pass",
        "Compared with a checkpoint kept elsewhere",
        "Everything up to the checkpoint that you supplied is what the log held then, whoever owns this machine.",
    ),
    "broken": Assurance(
        "broken",
        "fail",
        "The checkpoint kept outside contradicts the log",
        "The log is smaller than, or of another origin than, a checkpoint that was published. Run ledger verify.",
    ),
}


def assurance(*, has_own: bool = False) -> Assurance:
    """The level as far as it is known without reading the log. has_own: a checkpoint from elsewhere agreed."""
    if has_own:
        return ASSURANCES["own"]
    try:
        kept = outside.high_water_mark()
    except (notes.NoteError, OSError, UnicodeDecodeError):
        return ASSURANCES["broken"]
    if kept is None:
        return ASSURANCES["none"]
    known = latest_checkpoint()
    if kept.origin != settings.LEDGER_ORIGIN or known is None or known.size < kept.size:
        return ASSURANCES["broken"]
    return ASSURANCES["beside"]


def verifier_text() -> str:
    """The log's public key in the form that C2SP tools read. Raises NotFound before a key was made."""
    try:
        return str(verifier())
    except ImproperlyConfigured as error:
        raise NotFound("The log has no key yet.", code="no-key", how="Run manage.py make_keys.") from error
