"""Seals a PDF (PAdES B-B, or B-T with a time-stamping authority) in one revision, and checks a sealed one."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from pyhanko.keys import load_cert_from_pemder, load_certs_from_pemder, load_private_key_from_pemder
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import PdfSignatureMetadata, SimpleSigner, sign_pdf
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from audits.services.certificates import (
    CA_CERT,
    SEAL_CERT,
    SEAL_KEY,
    ca_pem,
    ensure_certificates,
    fingerprint_of,
    load_certificate,
    path_of,
    serial_of,
)
from audits.services.timestamping import GuardedTimeStamper
from portal.errors import Unavailable

FIELD = "GatehouseSeal"
RESERVED = 16384


@dataclass(frozen=True)
class Seal:
    """What the page says about the seal it will carry."""

    subject: str
    issuer: str
    serial: str
    fingerprint: str
    ca_fingerprint: str
    timestamped: bool

    def as_document(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "serial": self.serial,
            "sha256": self.fingerprint,
            "root_sha256": self.ca_fingerprint,
            "timestamped": self.timestamped,
        }


@dataclass(frozen=True)
class SealCheck:
    """What a check of a sealed file found. `problem` says in words what is wrong, "" when nothing is."""

    valid: bool
    trusted: bool
    whole_document: bool
    signer: str
    timestamped: bool
    problem: str

    @property
    def good(self) -> bool:
        return self.valid and self.trusted and self.whole_document


def current_seal() -> Seal:
    """The certificate that seals packs now, as a page prints it."""
    certificate, ca = load_certificate(SEAL_CERT), load_certificate(CA_CERT)
    return Seal(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=serial_of(certificate),
        fingerprint=fingerprint_of(certificate),
        ca_fingerprint=fingerprint_of(ca),
        timestamped=bool(settings.TSA_URL),
    )


def seal(source: Path, target: Path, *, timestamper: TimeStamper | None = None) -> SealCheck:
    """Sign `source` into `target` with an invisible field, and check the result before it counts.

    On any failure `target` is removed: a half-signed file still looks like a signed one to some readers.
    Raises Unavailable when the certificate, the authority or the check does not allow a seal.
    """
    if timestamper is None and settings.TSA_URL:
        timestamper = GuardedTimeStamper(settings.TSA_URL)
    meta = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        reason="Sealed by Gatehouse: content and origin of this evidence pack",
    )
    done = False
    try:
        with source.open("rb") as file, target.open("wb") as output:
            sign_pdf(
                IncrementalPdfFileWriter(file),
                meta,
                signer=_signer(),
                timestamper=timestamper,
                output=output,
                bytes_reserved=RESERVED,
            )
        found = verify_pdf(target.read_bytes())
        if not found.good or found.timestamped != (timestamper is not None):
            raise _no_seal(found.problem or "the seal has no timestamp")
        done = True
    except (SigningError, PdfError, OSError) as error:
        raise _no_seal(str(error)) from error
    finally:
        if not done:
            target.unlink(missing_ok=True)
    return found


def _no_seal(why: str) -> Unavailable:
    return Unavailable(
        f"The pack could not be sealed: {why}.",
        code="not-sealed",
        how="Run 'manage.py make_keys', check the certificate's dates, and make the pack again.",
    )


def _signer() -> SimpleSigner:
    """Signs with the seal's key; the root travels along for readers that build the chain themselves."""
    store = SimpleCertificateStore()
    store.register_multiple(load_certs_from_pemder([str(path_of(CA_CERT))]))
    return SimpleSigner(
        signing_cert=load_cert_from_pemder(str(path_of(SEAL_CERT))),
        signing_key=load_private_key_from_pemder(str(path_of(SEAL_KEY)), passphrase=None),
        cert_registry=store,
    )


def verify_pdf(content: bytes) -> SealCheck:
    """Check the seal of a PDF against this installation's root. Never raises for a bad file: it says so."""
    try:
        signatures = PdfFileReader(io.BytesIO(content)).embedded_signatures
        if len(signatures) != 1:
            return _bad(f"the file carries {len(signatures)} signatures, not one")
        status = validate_pdf_signature(signatures[0], _trust(), None)
    except (PdfError, SignatureValidationError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        return _bad(f"the file cannot be read as a sealed PDF ({type(error).__name__})")
    whole = status.coverage == SignatureCoverageLevel.ENTIRE_FILE
    intact = bool(status.intact and status.valid)
    problems = [
        words
        for bad, words in (
            (not intact, "the content was changed after it was sealed"),
            (intact and not status.trusted, "the certificate does not come from this installation's root"),
            (not whole, "the seal does not cover the whole file"),
        )
        if bad
    ]
    return SealCheck(
        valid=intact,
        trusted=bool(status.trusted),
        whole_document=whole,
        signer=status.signing_cert.subject.human_friendly,
        timestamped=status.timestamp_validity is not None,
        problem="; ".join(problems),
    )


def _trust() -> ValidationContext:
    roots = list(load_certs_from_pemder([str(path_of(CA_CERT))]))
    return ValidationContext(trust_roots=roots, allow_fetching=False, revocation_mode="soft-fail")


def _bad(problem: str) -> SealCheck:
    return SealCheck(valid=False, trusted=False, whole_document=False, signer="", timestamped=False, problem=problem)


__all__ = [
    "Seal",
    "SealCheck",
    "ca_pem",
    "current_seal",
    "ensure_certificates",
    "seal",
    "verify_pdf",
]
