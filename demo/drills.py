"""Two drills for a newcomer: a flipped byte in a signed PDF, and a row edited by the database's superuser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
from django.db import transaction

from audits.services.sealing import verify_pdf
from catalog.services.blobs import open_blob
from demo import story
from portal.errors import NotFound
from portal.ledger.services import Subject, record, sequence, sign_checkpoint
from portal.ledger.verify import Finding, verify

Say = Callable[[str], None]


def _mark(event: str, **body: object) -> None:
    with transaction.atomic():
        record(actor=None, event=event, subject=Subject("demo.drill", event.split(":")[2]), body=body)


def flip(*, folder: Path, say: Say) -> bool:
    """Write the newest evidence pack and a copy with one byte flipped; True when the checks say yes and no."""
    found = story.find()
    pack = story.newest_pack(found) if found else None
    if pack is None or pack.blob is None:
        raise NotFound("There is no evidence pack yet.", code="no-pack", how="Make one on the release's page first.")
    with open_blob(pack.blob) as stream:
        whole = stream.read()
    spoilt = bytearray(whole)
    # Behind the header's version, within what the seal covers: one bit of the first object.
    spoilt[len(whole) // 3] ^= 1
    names = (f"{pack.release}-report.pdf", f"{pack.release}-flipped.pdf")
    results = []
    for name, content in zip(names, (whole, bytes(spoilt)), strict=True):
        (folder / name).write_bytes(content)
        verdict = verify_pdf(content)
        results.append(verdict.good)
        say(f"{name}: {'the seal holds' if verdict.good else verdict.problem}")
    good = results == [True, False]
    if good:
        _mark(story.PDF_DRILL, release=str(pack.release), sha256=pack.blob.sha256)
    return good


def tamper(*, superuser_url: str, say: Say) -> bool:
    """Turn the refused release's verdict into a pass behind the portal's back; True when verify names the row.

    The row is put back whatever happens, and the ledger is checked again.
    """
    found = story.find()
    if found is None:
        raise NotFound("The demo is not here.", code="no-demo", how="Start with ./gatehouse run on an empty database.")
    while sequence():
        pass
    sign_checkpoint()
    row = found.refused.decision
    assert row is not None
    say(f"decision {row.public_id} says {row.verdict!r}; as superuser, with the triggers off, it now says 'pass'")
    _edit(superuser_url, row.pk, "pass")
    try:
        named = [one for one in _findings() if one.table == "governance_decision" and str(one.id) == str(row.pk)]
        for finding in named:
            say(f"ledger verify: {finding.text}")
    finally:
        _edit(superuser_url, row.pk, row.verdict)
        say(f"put back: decision {row.public_id} says {row.verdict!r} again")
    left = [one for one in _findings() if one.table == "governance_decision"]
    say("ledger verify: nothing is wrong" if not left else f"ledger verify still finds {len(left)}")
    if named and not left:
        _mark(story.TAMPER_DRILL, decision=row.public_id)
    return bool(named) and not left


def _findings() -> list[Finding]:
    return list(verify().findings)


def _edit(url: str, key: int, verdict: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE governance_decision SET verdict = %s WHERE id = %s", [verdict, key])
