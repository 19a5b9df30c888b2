"""An evidence pack with signatures: checked when it is made, and by openssl alone when it is exported."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from audits.proof import check_signatures, check_witnesses, key_history
from audits.services.packs import request_pack
from catalog.services.blobs import open_blob
from governance.services import statements
from governance.services.approvals import decide_release
from portal.accounts import passkeys
from portal.ledger.services import sequence, sign_checkpoint
from tests.factories import governance
from tests.factories.passkeys import SoftKey, enrolled, signed

pytestmark = pytest.mark.django_db
KINDS = {"validator": "EdDSA", "fairness": "ES256"}

CHECK = """
set -e; cd signatures
for f in *.statement.json; do
  a=$(openssl dgst -sha256 -binary "$f" | base64 -w0 | tr '+/' '-_' | tr -d =)
  b=$(sed 's/.*"challenge":"\\([^"]*\\)".*/\\1/' "${f%.statement.json}.client.json")
  test "$a" = "$b"; done; echo challenges ok
for f in *.sig; do n=${f%.sig}; { cat $n.authdata; openssl dgst -sha256 -binary $n.client.json; } > $n.signed
  openssl dgst -sha256 -verify $n.pem -signature $n.sig $n.signed 2>/dev/null ||
  openssl pkeyutl -verify -pubin -inkey $n.pem -rawin -in $n.signed -sigfile $n.sig
  od -An -tu1 -j32 -N1 $n.authdata; done
"""


@pytest.fixture
def pack(run_jobs: Any) -> Any:
    who = governance.cast()
    release = governance.release_in_review(who)
    while sequence():
        pass
    sign_checkpoint()
    for role, kind in KINDS.items():
        person = who.reviewers[role]
        row, soft = enrolled(person, SoftKey(kind))
        said = {"role": role, "choice": "approve", "decision_digest": release.decision.digest}
        pending = statements.statement_for(release, actor=person, **said)
        decide_release(release, actor=person, signature=signed(pending, soft), **said)
    passkeys.revoke(row, actor=person)
    made = request_pack(release, actor=person)
    jobs = run_jobs()
    assert [job.error for job in jobs if job.state != "done"] == []
    made.refresh_from_db()
    return made


def document_of(pack: Any) -> dict[str, Any]:
    with open_blob(pack.document) as stream:
        return json.loads(stream.read())


def test_pack_holds_signatures_and_the_history_of_their_keys(pack: Any) -> None:
    document = document_of(pack)
    history = key_history(row["leaf"] for row in document["ledger"]["entries"])
    assert len(document["signatures"]) == 2
    assert check_signatures(document["signatures"], history) == []
    assert [row["signed"] for row in document["approvals"]] == [True, True]
    revoked = [entry for rows in history.values() for entry in rows if entry["event"] == "portal:passkey:revoked"]
    assert len(revoked) == 1, "what happened to a key since is there, too"
    checkpoint = document["ledger"]["checkpoint"]
    assert check_witnesses(document["signatures"], checkpoint) == [], "each signer saw the beginning of this log"
    assert len(check_witnesses(document["signatures"], checkpoint | {"root": "00" * 32})) == 2
    told = check_signatures(document["signatures"], {})
    assert len(told) == 2
    assert "names no such key" in told[0]


def test_exported_signatures_are_checked_by_openssl_alone(pack: Any, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    call_command("evidence", "export", f"R-{pack.release_id}", "--out", str(out), verbosity=0)
    assert "The approvers signed" in (out / "VERIFY.md").read_text()
    done = subprocess.run(["bash", "-c", CHECK], cwd=out, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "challenges ok" in done.stdout
    assert "Verified OK" in done.stdout
    assert "Signature Verified Successfully" in done.stdout
    statement = next((out / "signatures").glob("*.statement.json"))
    statement.write_text(statement.read_text().replace("approve", "reject"))
    assert subprocess.run(["bash", "-c", CHECK], cwd=out, capture_output=True, timeout=60).returncode != 0
