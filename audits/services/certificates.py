"""The certificates that seal evidence packs: a root of this installation and a P-256 certificate under it.

Kept under KEYS_DIR with mode 0600. An auditor gets the root (`/evidence-packs/ca.pem`) by another way than the
packs; whoever owns this machine can sign with these keys, so the ledger's published checkpoints stand beside them.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

CA_KEY, CA_CERT = "evidence_ca_key.pem", "evidence_ca.pem"
SEAL_KEY, SEAL_CERT = "evidence_seal_key.pem", "evidence_seal.pem"
CA_LIFE, SEAL_LIFE = dt.timedelta(days=30 * 365), dt.timedelta(days=5 * 365)
RENEW_BEFORE = dt.timedelta(days=90)


def path_of(name: str) -> Path:
    """Where a key or certificate lies."""
    return Path(settings.KEYS_DIR) / name


def ensure_certificates() -> None:
    """Make root and seal certificate where they are missing; renew the seal's before it ends. Keeps all else."""
    with _alone():
        if not path_of(CA_CERT).exists():
            _make_ca()
        if not path_of(SEAL_CERT).exists() or _ends_soon(load_certificate(SEAL_CERT)):
            _make_seal()


def load_certificate(name: str) -> x509.Certificate:
    """A certificate of this installation. Raises ImproperlyConfigured, saying how to mend it."""
    try:
        return x509.load_pem_x509_certificate(path_of(name).read_bytes())
    except FileNotFoundError:
        raise ImproperlyConfigured(f"No certificate {name}: make it with 'manage.py make_keys'.") from None
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"The certificate {name} cannot be read: {error}") from error


def ca_pem() -> bytes:
    """The root as PEM, for auditors."""
    return load_certificate(CA_CERT).public_bytes(serialization.Encoding.PEM)


def serial_of(certificate: x509.Certificate) -> str:
    """The serial number in lower-case hex, as `openssl x509 -serial` prints it but for the case."""
    return f"{certificate.serial_number:x}"


def fingerprint_of(certificate: x509.Certificate) -> str:
    """SHA-256 over the DER form, hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _ends_soon(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_after_utc < dt.datetime.now(dt.UTC) + RENEW_BEFORE


@contextmanager
def _alone() -> Iterator[None]:
    """One maker at a time, so that two starting processes do not mix key and certificate."""
    folder = Path(settings.KEYS_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder / ".evidence.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _name(words: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, settings.SITE_NAME[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, words),
        ]
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, life: dt.timedelta):  # type: ignore[no-untyped-def]
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_documents: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs_documents,
        content_commitment=signs_documents,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs_documents,
        crl_sign=not signs_documents,
        encipher_only=False,
        decipher_only=False,
    )


def _make_ca() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Gatehouse evidence root")
    certificate = (
        _builder(name, name, key, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_documents=False), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_pair(CA_KEY, CA_CERT, key, certificate)


def _make_seal() -> None:
    ca = load_certificate(CA_CERT)
    ca_key = serialization.load_pem_private_key(path_of(CA_KEY).read_bytes(), password=None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name("Gatehouse evidence seal"), ca.subject, key, min(SEAL_LIFE, _left(ca)))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_documents=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write_pair(SEAL_KEY, SEAL_CERT, key, certificate)


def _left(certificate: x509.Certificate) -> dt.timedelta:
    return certificate.not_valid_after_utc - dt.datetime.now(dt.UTC) - dt.timedelta(days=1)


def _write_pair(key_name: str, cert_name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    """The key first: a certificate that is there always has its key."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path_of(key_name), pem)
    _write(path_of(cert_name), certificate.public_bytes(serialization.Encoding.PEM))


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
