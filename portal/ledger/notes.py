"""Signed notes (C2SP signed-note) and checkpoints (C2SP tlog-checkpoint) with Ed25519. Pure."""

import base64
import binascii
import dataclasses
import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = 0x01
_MAX_SIGNATURES = 100
_DASH = "\u2014 "


class NoteError(ValueError):
    """The note is malformed, or not signed by a key that is trusted; the message says which."""


@dataclasses.dataclass(frozen=True)
class Verifier:
    """A trusted key: its name and the 32 raw bytes of an Ed25519 public key."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name ‖ LF ‖ 0x01 ‖ key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([ED25519]) + self.public).digest()[:4]

    def __str__(self) -> str:
        """The key as it is handed out: "<name>+<key id in hex>+<base64 of type and key>"."""
        return f"{self.name}+{self.key_id.hex()}+{_b64(bytes([ED25519]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """Read the form that `str` writes. Raises NoteError."""
        try:
            name, key_id, encoded = text.split("+", 2)
        except ValueError:
            raise NoteError("a verifier key has the form name+id+key") from None
        raw = _unb64(encoded)
        if len(raw) != 33 or raw[0] != ED25519 or not _is_name(name):
            raise NoteError("not an Ed25519 verifier key")
        found = cls(name, raw[1:])
        if found.key_id.hex() != key_id:
            raise NoteError("the verifier key's id does not match its name and key")
        return found


@dataclasses.dataclass(frozen=True)
class Signer:
    """A name and the private key that signs for it."""

    name: str
    key: Ed25519PrivateKey

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self.key.public_key().public_bytes_raw())


@dataclasses.dataclass(frozen=True)
class CheckpointBody:
    """What a checkpoint says: origin, tree size, root hash, and lines of extension that are kept unread."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [self.origin, str(self.size), _b64(self.root), *self.extensions]
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> "CheckpointBody":
        """Read a checkpoint's text. Raises NoteError, also for a size with a leading zero or sign."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise NoteError("a checkpoint is three or more non-empty lines")
        origin, size, root = lines[:3]
        if not size.isascii() or not size.isdigit() or (size != "0" and size[0] == "0") or len(size) > 19:
            raise NoteError("the checkpoint's size is not a plain decimal number")
        digest = _unb64(root)
        if len(digest) != 32:
            raise NoteError("the checkpoint's root is not a SHA-256 hash")
        return cls(origin, int(size), digest, tuple(lines[3:-1]))


def sign(text: str, signer: Signer) -> str:
    """A signed note over `text`, which must end in a line feed. Raises NoteError."""
    _check_text(text)
    if not text.endswith("\n") or not _is_name(signer.name):
        raise NoteError("a note's text ends in a line feed, and a key's name has no space or plus")
    signature = signer.verifier.key_id + signer.key.sign(text.encode())
    return f"{text}\n{_DASH}{signer.name} {_b64(signature)}\n"


def open_note(note: str | bytes, trusted: Sequence[Verifier]) -> str:
    """The text of a note that carries a valid signature of one of the trusted keys.

    Signatures of unknown keys are ignored; one wrong signature under a trusted name and key id refuses the
    note, even beside a right one. Raises NoteError.
    """
    text, signatures = split_note(note)
    verified = False
    for name, raw in signatures:
        for verifier in trusted:
            if name == verifier.name and raw[:4] == verifier.key_id:
                _verify(verifier, raw[4:], text)
                verified = True
    if not verified:
        raise NoteError("no signature of a known key")
    return text


def open_checkpoint(note: str | bytes, verifier: Verifier) -> CheckpointBody:
    """The checkpoint of a log whose origin is the verifier's name. Raises NoteError."""
    body = CheckpointBody.parse(open_note(note, [verifier]))
    if body.origin != verifier.name:
        raise NoteError(f"the checkpoint is of {body.origin!r}, not of {verifier.name!r}")
    return body


def split_note(note: str | bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """Cut a note at its last blank line: (text, [(key name, key id ‖ signature), ...]). Raises NoteError."""
    try:
        content = note.decode() if isinstance(note, bytes) else note
    except UnicodeDecodeError as error:
        raise NoteError("a note is UTF-8") from error
    _check_text(content)
    cut = content.rfind("\n\n")
    if cut < 0 or not content.endswith("\n"):
        raise NoteError("a note has a text, a blank line, and lines of signatures that end in a line feed")
    lines = content[cut + 2 : -1].split("\n") if content[cut + 2 :] else []
    if not lines or len(lines) > _MAX_SIGNATURES:
        raise NoteError("a note has between 1 and 100 signatures")
    return content[: cut + 1], [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    if not line.startswith(_DASH):
        raise NoteError("a line of signature begins with an em dash and a space")
    name, _, encoded = line[len(_DASH) :].partition(" ")
    raw = _unb64(encoded)
    if not _is_name(name) or len(raw) < 5:
        raise NoteError("a line of signature has a name and base64 of more than four bytes")
    return name, raw


def _verify(verifier: Verifier, signature: bytes, text: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(verifier.public).verify(signature, text.encode())
    except (InvalidSignature, ValueError) as error:
        raise NoteError(f"the signature of {verifier.name} is invalid") from error


def _check_text(text: str) -> None:
    if any(char < " " and char != "\n" for char in text):
        raise NoteError("a note has no control characters")


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(char.isspace() for char in name)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: str) -> bytes:
    """Strict base64: padding, alphabet, and no bits left over, so that one value has one text."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("not base64") from error
    if _b64(data) != text:
        raise NoteError("not canonical base64")
    return data
