"""Evidence packs: sealed as a whole by the installation's certificate, reproducible, all or nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pyhanko.keys import load_cert_from_pemder, load_private_key_from_pemder
from pyhanko.sign.timestamps import DummyTimeStamper
from weasyprint.urls import FatalURLFetchingError

from audits import selectors
from audits.models import EvidencePack
from audits.proof import check_ledger
from audits.services import packs, rendering, sealing
from audits.services.bias import submit_predictions
from audits.services.certificates import CA_CERT, CA_KEY, SEAL_CERT, SEAL_KEY, ensure_certificates, path_of
from audits.services.packs import request_pack, verify_pdf
from audits.services.timestamping import GuardedTimeStamper
from catalog.models import Blob
from catalog.services.blobs import open_blob
from governance.models import Release
from portal.errors import PermissionRefused, Unavailable
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.ledger import merkle, notes
from portal.ledger.keys import verifier
from portal.ledger.models import LedgerEntry
from tests.audits.conftest import ADULT, World

RunJobs = Callable[[], list[Job]]


@pytest.fixture
def pack(world: World, release: Release, run_jobs: RunJobs) -> EvidencePack:
    submit_predictions(world.version, actor=world.developer, path=ADULT, protected=["sex", "race"])
    run_jobs()
    made = request_pack(release, actor=world.fairness)
    (job,) = run_jobs()
    assert job.state == "done", job.error
    made.refresh_from_db()
    return made


def content_of(blob: Blob | None) -> bytes:
    assert blob is not None
    with open_blob(blob) as stream:
        return stream.read()


def run(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def pdfsig(content: bytes, folder: Path) -> str:
    """What an auditor sees who trusts ca.pem and nothing else."""
    (folder / "report.pdf").write_bytes(content)
    shutil.copy(path_of(CA_CERT), folder / "ca.pem")
    (folder / "nss").mkdir(exist_ok=True)
    run("certutil", "-N", "-d", "sql:nss", "--empty-password", cwd=folder)
    run("certutil", "-A", "-d", "sql:nss", "-n", "ca", "-t", "C,C,C", "-i", "ca.pem", cwd=folder)
    return run("pdfsig", "-nssdir", "sql:nss", "report.pdf", cwd=folder)


def test_pdfsig_trusts_the_whole_document(pack: EvidencePack, tmp_path: Path) -> None:
    told = pdfsig(content_of(pack.blob), tmp_path)
    assert "Signature Validation: Signature is Valid." in told
    assert "Certificate Validation: Certificate is Trusted." in told
    assert "- Total document signed" in told
    assert "Not total" not in told
    assert "ETSI.CAdES.detached" in told


def test_flipped_byte_is_seen_by_both_checks(pack: EvidencePack, tmp_path: Path) -> None:
    content = bytearray(content_of(pack.blob))
    content[len(content) // 3] ^= 1
    assert "Signature is Valid" not in pdfsig(bytes(content), tmp_path)
    found = verify_pdf(bytes(content))
    assert not found.good
    assert found.problem


def test_appended_bytes_are_seen(pack: EvidencePack) -> None:
    assert not verify_pdf(content_of(pack.blob) + b"\n% one more line\n").good


def test_unsealed_and_broken_files_are_not_good(pack: EvidencePack) -> None:
    unsigned = rendering.render_pdf(json.loads(content_of(pack.document)))
    for content in (unsigned, b"", b"%PDF-1.7 nothing", content_of(pack.blob)[:-4000]):
        assert not verify_pdf(content).good


def test_attachment_is_the_document(pack: EvidencePack, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(content_of(pack.blob))
    run("pdfdetach", "-save", "1", "-o", "attached.json", "report.pdf", cwd=tmp_path)
    assert (tmp_path / "attached.json").read_bytes() == content_of(pack.document)
    assert "No syntax" in run("qpdf", "--check", "report.pdf", cwd=tmp_path)


def test_rendering_again_gives_the_same_bytes(pack: EvidencePack) -> None:
    again = rendering.render_pdf(json.loads(content_of(pack.document)))
    assert hashlib.sha256(again).hexdigest() == pack.unsigned_sha256
    assert hashlib.sha256(content_of(pack.blob)).hexdigest() == pack.sha256


def test_report_says_what_happened(pack: EvidencePack, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(content_of(pack.blob))
    run("pdftotext", "-layout", "report.pdf", "out.txt", cwd=tmp_path)
    text = " ".join((tmp_path / "out.txt").read_text().split())
    document = json.loads(content_of(pack.document))
    for words in (
        "Nobody has approved.",
        "The lowest disparate impact is 0.32 (sex Female",
        "Please release <b>soon</b>.",
        f"Checkpoint of {document['ledger']['checkpoint']['size']} entries",
        document["seal"]["serial"],
    ):
        assert words in text, words
    info = run("pdfinfo", "report.pdf", cwd=tmp_path)
    assert "Tagged:          yes" in info


def test_report_lists_every_rule(release: Release, world: World, run_jobs: RunJobs, tmp_path: Path) -> None:
    made = request_pack(release, actor=world.owner)
    run_jobs()
    made.refresh_from_db()
    (tmp_path / "report.pdf").write_bytes(content_of(made.blob))
    run("pdftotext", "-layout", "report.pdf", "out.txt", cwd=tmp_path)
    text = " ".join((tmp_path / "out.txt").read_text().split())
    assert "One rule was evaluated: one passes." in text
    assert "kept-in-eu" in text
    assert "endpoint.regions = eu-central-1" in text


def test_changed_ledger_part_is_named(pack: EvidencePack) -> None:
    ledger = json.loads(content_of(pack.document))["ledger"]
    assert check_ledger(ledger, key=str(verifier())) == []
    other = json.loads(json.dumps(ledger))
    other["entries"][0]["leaf"] += " "
    other["entries"][1]["index"] += 1
    assert len(check_ledger(other)) == 2
    other["checkpoint"]["note"] = other["checkpoint"]["note"].replace("\n", "\n1", 1)
    assert "checkpoint does not hold" in check_ledger(other)[0]


def test_every_proof_leads_to_the_signed_checkpoint(pack: EvidencePack) -> None:
    ledger = json.loads(content_of(pack.document))["ledger"]
    body = notes.open_checkpoint(ledger["checkpoint"]["note"], verifier())
    assert (body.size, body.root.hex()) == (ledger["checkpoint"]["size"], ledger["checkpoint"]["root"])
    assert pack.checkpoint_size == body.size
    assert {row["event"] for row in ledger["entries"]} >= {
        "governance:release:requested",
        "governance:decision:made",
        "catalog:fact:recorded",
        "catalog:version:registered",
    }
    for row in ledger["entries"]:
        leaf = merkle.leaf_hash(row["leaf"].encode())
        assert leaf.hex() == row["leaf_hash"]
        proof = [bytes.fromhex(node) for node in row["proof"]]
        merkle.verify_inclusion(leaf, row["index"], body.size, proof, body.root)


def test_asking_twice_while_it_is_made_gives_the_same_pack(world: World, release: Release) -> None:
    assert request_pack(release, actor=world.owner) == request_pack(release, actor=world.fairness)


def test_who_may_not(world: World, release: Release) -> None:
    for actor in (world.viewer, world.stranger):
        with pytest.raises(PermissionRefused):
            request_pack(release, actor=actor)


@pytest.mark.parametrize("step", ["Rendering the report", "Sealing the report", "Keeping the report"])
def test_cancelled_pack_leaves_nothing(
    world: World, release: Release, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled at any step: no file, no digest, no blob, no entry that says it was sealed."""
    made = request_pack(release, actor=world.owner)
    report = jobs.report_progress

    def cancel_at(job: Job, percent: int, name: str) -> None:
        report(job, percent, name)
        if name == step:
            jobs.cancel(Job.objects.get(pk=job.pk), actor=world.owner)

    monkeypatch.setattr(jobs, "report_progress", cancel_at)
    blobs_before = Blob.objects.count()
    jobs.run(made.job_id)
    made.refresh_from_db()
    assert made.job.state == "cancelled"
    assert (made.blob, made.document, made.sha256, made.as_of) == (None, None, "", None)
    assert Blob.objects.count() == blobs_before
    assert not LedgerEntry.objects.filter(event="audits:pack:sealed").exists()


def test_worker_killed_while_sealing_is_made_good_by_the_next(
    world: World, release: Release, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies has done everything up to the kept transaction for nothing; the next one starts anew."""
    made = request_pack(release, actor=world.owner)

    class Killed(BaseException):
        pass

    def killed(*arguments: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(packs, "sealed_bytes", killed)
        with pytest.raises(Killed):
            jobs.run(made.job_id)
    made.refresh_from_db()
    assert (made.blob, made.sha256, made.job.state) == (None, "", "running")
    Job.objects.filter(pk=made.job_id).update(lease_until=made.job.created_at)
    (job,) = run_jobs()
    assert (job.state, job.attempts) == ("done", 2)
    made.refresh_from_db()
    assert verify_pdf(content_of(made.blob)).good


def test_seal_that_cannot_be_made_leaves_no_file(pack: EvidencePack, tmp_path: Path, settings: Any) -> None:
    settings.TSA_URL = "http://tsa.example/"
    source, target = tmp_path / "in.pdf", tmp_path / "out.pdf"
    source.write_bytes(rendering.render_pdf(json.loads(content_of(pack.document))))
    with pytest.raises(Unavailable, match="not an https address"):
        sealing.seal(source, target)
    settings.TSA_URL = "https://127.0.0.1:1/tsa"
    with pytest.raises(Unavailable, match="does not answer"):
        sealing.seal(source, target)
    assert not target.exists()


def test_timestamped_seal(pack: EvidencePack, tmp_path: Path) -> None:
    """B-T with a token; the authority's certificate is not of our root, so only its presence is told."""
    folder = tmp_path
    run(
        *(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "k.pem",
            "-out",
            "c.pem",
            "-days",
            "2",
        ),
        *("-subj", "/CN=tsa", "-addext", "extendedKeyUsage=critical,timeStamping"),
        cwd=folder,
    )
    stamper = DummyTimeStamper(
        tsa_cert=load_cert_from_pemder(str(folder / "c.pem")),
        tsa_key=load_private_key_from_pemder(str(folder / "k.pem"), passphrase=None),
    )
    source, target = folder / "in.pdf", folder / "out.pdf"
    source.write_bytes(rendering.render_pdf(json.loads(content_of(pack.document))))
    assert sealing.seal(source, target, timestamper=stamper).timestamped
    assert "Total document signed" in pdfsig(target.read_bytes(), folder)


def test_stamper_refuses_what_is_not_https() -> None:
    for url in ("http://tsa.example", "file:///etc/passwd", "https://user@tsa.example/", "ftp://x"):
        with pytest.raises(Unavailable):
            GuardedTimeStamper(url)


def test_report_loads_nothing_but_static_files() -> None:
    root = Path(rendering.settings.BASE_DIR) / "static"
    fetcher = rendering.StaticOnly(root)
    assert fetcher.fetch(f"{root.as_uri()}/css/report.css")
    for url in (
        "https://example.org/x.css",
        "http://localhost/x.css",
        "file:///etc/passwd",
        f"{root.as_uri()}/../pyproject.toml",
        f"{root.as_uri()}/%2e%2e/pyproject.toml",
        "data:text/css,a",
    ):
        with pytest.raises(FatalURLFetchingError):
            fetcher.fetch(url)


def test_keys_are_private_and_kept() -> None:
    before = {name: path_of(name).read_bytes() for name in (CA_KEY, CA_CERT, SEAL_KEY, SEAL_CERT)}
    ensure_certificates()
    for name, content in before.items():
        assert path_of(name).read_bytes() == content
        assert stat.S_IMODE(path_of(name).stat().st_mode) == 0o600


def test_exported_folder_checks(pack: EvidencePack, tmp_path: Path) -> None:
    out = tmp_path / "new" / "pack"
    call_command("evidence", "export", f"R-{pack.release_id}", "--out", str(out), verbosity=0)
    told = run("sha256sum", "-c", "SHA256SUMS", cwd=out)
    assert "FAILED" not in told
    assert told.count(": OK") == len([path for path in out.rglob("*") if path.is_file()]) - 1
    script = """
    set -e; awk '/^$/{exit}{print}' checkpoint.note > body
    tail -1 checkpoint.note | awk '{print $3}' | base64 -d | tail -c +5 > sig
    openssl pkeyutl -verify -pubin -inkey log.pub -rawin -in body -sigfile sig
    for f in proofs/*.leaf; do
      h=$({ printf '\\0'; cat "$f"; } | sha256sum | cut -c1-64); grep -q "$h" "${f%.leaf}.json"; done; echo leaves ok
    """
    told = run("bash", "-c", script, cwd=out)
    assert "Signature Verified Successfully" in told
    assert "leaves ok" in told
    assert json.loads((out / "evidence.json").read_text())["release"]["id"] == f"R-{pack.release_id}"
    assert "pdfsig" in (out / "VERIFY.md").read_text()
    call_command("evidence", "check", str(out / "report.pdf"))
    with pytest.raises(CommandError, match="not empty"):
        call_command("evidence", "export", f"R-{pack.release_id}", "--out", str(out))


def test_export_of_nothing_says_so(release: Release, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no evidence pack"):
        call_command("evidence", "export", release.public_id, "--out", str(tmp_path / "x"))
    with pytest.raises(CommandError, match="no release"):
        call_command("evidence", "export", "R-999999", "--out", str(tmp_path / "x"))
    with pytest.raises(CommandError):
        call_command("evidence", "check", str(tmp_path / "nothing.pdf"))
    assert not (tmp_path / "x").exists()


def test_selectors_keep_to_the_team(world: World, pack: EvidencePack) -> None:
    assert list(selectors.packs_for(world.viewer)) == [pack]
    assert not selectors.packs_for(world.stranger).exists()
