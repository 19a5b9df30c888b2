"""Writes an evidence pack as a folder that an auditor can check without the portal."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string

from audits.models import EvidencePack
from audits.services.certificates import ca_pem
from audits.services.signatures import write_files
from catalog.services.blobs import open_blob
from portal.errors import Conflict, InvalidInput
from portal.ledger.selectors import key_pem

SUMS = "SHA256SUMS"


def export_pack(pack: EvidencePack, folder: Path) -> list[Path]:
    """Write report.pdf, evidence.json, ca.pem, log.pub, log.key, checkpoint.note, proofs/, signatures/, VERIFY.md,
    SHA256SUMS.

    The folder appears whole or not at all. Raises Conflict for a pack that is not made, InvalidInput for a
    folder that is there and not empty.
    """
    if pack.blob is None or pack.document is None:
        raise Conflict(f"{pack} is not made yet.", code="pack-not-ready", how="Wait until its job is done.")
    if folder.exists() and any(folder.iterdir()):
        raise InvalidInput(f"{folder} is not empty.", code="not-empty", field="out", how="Name a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _fill(pack, part)
        if folder.exists():
            folder.rmdir()
        part.chmod(0o755)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _fill(pack: EvidencePack, folder: Path) -> None:
    assert pack.blob is not None
    assert pack.document is not None
    with open_blob(pack.blob) as stream:
        (folder / "report.pdf").write_bytes(stream.read())
    with open_blob(pack.document) as stream:
        content = stream.read()
    (folder / "evidence.json").write_bytes(content)
    document: dict[str, Any] = json.loads(content)
    ledger = document["ledger"]
    (folder / "ca.pem").write_bytes(ca_pem())
    (folder / "log.pub").write_text(key_pem())
    (folder / "log.key").write_text(ledger["key"] + "\n")
    (folder / "checkpoint.note").write_text(ledger["checkpoint"]["note"])
    proofs = folder / "proofs"
    proofs.mkdir()
    for row in ledger["entries"]:
        stem = proofs / f"{row['index']:09d}"
        stem.with_suffix(".leaf").write_bytes(row["leaf"].encode())
        told = {key: row[key] for key in ("index", "event", "subject", "leaf_hash", "proof")}
        told |= {"size": ledger["checkpoint"]["size"], "root": ledger["checkpoint"]["root"]}
        stem.with_suffix(".json").write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")
    write_files(document.get("signatures", ()), folder / "signatures")
    (folder / "VERIFY.md").write_text(render_to_string("reports/verify.md", {"doc": document, "pack": pack}))
    _sums(folder)


def _sums(folder: Path) -> None:
    """SHA256SUMS over every other file, in the form that `sha256sum -c` reads."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files]
    (folder / SUMS).write_text("".join(lines))
