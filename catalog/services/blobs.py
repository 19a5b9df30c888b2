"""Content-addressed bytes: streamed in, hashed on the way, kept once."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from typing import IO

from django.core.files import File
from django.core.files.storage import default_storage

from catalog.models import Blob
from portal.errors import InvalidInput, TooLarge

CHUNK = 1024 * 1024


def chunks_of(stream: IO[bytes]) -> Iterable[bytes]:
    """The stream in pieces of 1 MiB."""
    while piece := stream.read(CHUNK):
        yield piece


def store(
    pieces: Iterable[bytes], *, limit: int, sha256: str | None = None, size: int | None = None, what: str = "upload"
) -> Blob:
    """Keep the bytes under their SHA-256 and return the blob.

    The bytes go to a temporary file first and are stored only when digest and size are as declared, so a
    broken upload leaves nothing. Raises TooLarge past `limit` bytes, InvalidInput on a wrong size or digest.
    """
    digest, count = hashlib.sha256(), 0
    with tempfile.SpooledTemporaryFile(max_size=4 * CHUNK) as spool:
        for piece in pieces:
            count += len(piece)
            if count > limit:
                raise TooLarge(
                    f"The {what} is larger than {limit} bytes.",
                    code="too-large",
                    how="Split it, or ask the operator to raise the limit.",
                )
            digest.update(piece)
            spool.write(piece)
        found = digest.hexdigest()
        _compare(found, count, sha256=sha256, size=size, what=what)
        blob = Blob(sha256=found, size=count)
        spool.seek(0)
        _keep(blob, spool)
    Blob.objects.bulk_create([blob], ignore_conflicts=True)
    return blob


def _keep(blob: Blob, stream: IO[bytes]) -> None:
    if default_storage.exists(blob.path):
        if default_storage.size(blob.path) == blob.size:
            return
        # A crash cut an earlier write off: the whole file takes its place.
        default_storage.delete(blob.path)
    saved = default_storage.save(blob.path, File(stream, name=blob.sha256))
    if saved != blob.path:
        # Another request stored the same bytes meanwhile, and the storage gave this copy another name.
        default_storage.delete(saved)


def _compare(found: str, count: int, *, sha256: str | None, size: int | None, what: str) -> None:
    if size is not None and count != size:
        raise InvalidInput(
            f"The {what} has {count} bytes; {size} were declared.",
            code="size-mismatch",
            field="size",
            how="It was cut off or is another file: send it again from the start.",
            details={"expected": size, "received": count},
        )
    if sha256 is not None and found != sha256:
        raise InvalidInput(
            f"The {what} has SHA-256 {found}; {sha256} was declared.",
            code="digest-mismatch",
            field="sha256",
            how="Send the file that was declared, or register a new version for this one.",
            details={"expected": sha256, "received": found},
        )


def open_blob(blob: Blob) -> IO[bytes]:
    """The bytes of a blob, for reading."""
    return default_storage.open(blob.path, "rb")
