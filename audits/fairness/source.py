"""Looks at a predictions file before anything is counted: format, columns, delimiter.

The format is read from the first bytes, never from the name, and the header is parsed here, once, so that
DuckDB need not guess ("sniff") anything. A guess that changes with the data would be a silent wrong number.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

from audits.fairness.errors import PredictionsError
from audits.fairness.limits import Limits

DELIMITERS = (",", ";", "\t", "|")
_FORMATS_HOW = "Send a CSV file (UTF-8, also gzipped) or a Parquet file."
_UTF8_HOW = "Save the file as UTF-8 and send it again."


@dataclass(frozen=True, slots=True)
class Source:
    """A readable file. kind: "csv", "csv.gz" or "parquet". columns and delimiter: of a CSV file only."""

    path: Path
    kind: str
    columns: tuple[str, ...] = ()
    delimiter: str = ","


def inspect(path: str | Path, wanted: list[str], limits: Limits) -> Source:
    """What the file is, with `wanted` columns checked in a CSV header; raises PredictionsError.

    The columns of a Parquet file are checked by the caller, who has a Parquet reader.
    """
    file = Path(path)
    try:
        size = file.stat().st_size
        if not file.is_file():
            raise IsADirectoryError(file)
        with file.open("rb") as stream:
            magic = stream.read(8)
            stream.seek(max(0, size - 4))
            tail = stream.read(4)
    except OSError as fault:
        raise PredictionsError(
            "The file cannot be opened.",
            code="unreadable",
            how="Check that it exists and is an ordinary file.",
        ) from fault
    if size > limits.file_bytes:
        raise PredictionsError(
            f"The file has {size} bytes; at most {limits.file_bytes} are read.",
            code="file_too_large",
            how="Send fewer columns, gzip it, or send Parquet.",
        )
    if size == 0:
        raise PredictionsError("The file is empty.", code="empty_file", how=_FORMATS_HOW)
    kind = _kind(file, magic, tail)
    if kind == "parquet":
        return Source(file, kind)
    columns, delimiter = _header(file, kind, wanted, limits)
    return Source(file, kind, columns, delimiter)


def require_columns(wanted: list[str], present: tuple[str, ...], limits: Limits) -> None:
    """Raises PredictionsError unless every wanted column is there exactly once."""
    if len(present) > limits.columns:
        raise PredictionsError(
            f"The file has {len(present)} columns; at most {limits.columns} are read.",
            code="too_many_columns",
            how="Keep the label, the prediction and the protected attributes.",
        )
    for name in wanted:
        if name not in present:
            near = difflib.get_close_matches(name, present, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise PredictionsError(
                f"Column {name!r} is missing.",
                code="missing_column",
                column=name,
                how=f"The file has: {_listed(present)}.{hint}",
            )
    seen: set[str] = set()
    for name in present:
        if name in seen:
            raise PredictionsError(
                f"Column {name[:60]!r} occurs more than once.",
                code="duplicate_column",
                column=name[:60],
                how="Give every column its own name.",
            )
        seen.add(name)


def _listed(names: tuple[str, ...], at_most: int = 20) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:at_most])
    return shown if len(names) <= at_most else f"{shown} and {len(names) - at_most} more"


def _kind(file: Path, magic: bytes, tail: bytes) -> str:
    if magic[:4] == b"PAR1":
        if tail != b"PAR1":
            raise PredictionsError(
                "The Parquet file is cut off: its footer is missing.",
                code="damaged_parquet",
                how="Upload it again in full.",
            )
        return "parquet"
    if file.suffix.lower() in (".parquet", ".pq"):
        raise PredictionsError(
            "The file is named as Parquet but is not a Parquet file.", code="not_parquet", how=_FORMATS_HOW
        )
    if magic[:2] == b"\x1f\x8b":
        return "csv.gz"
    if magic[:2] == b"PK":
        raise PredictionsError(
            "This is a zip archive or a spreadsheet, not a CSV file.", code="not_csv", how=_FORMATS_HOW
        )
    if magic[:4] == b"\x28\xb5\x2f\xfd":
        raise PredictionsError("The file is compressed with zstd, which is not read.", code="not_csv", how=_FORMATS_HOW)
    return "csv"


def _head(file: Path, kind: str, limits: Limits) -> bytes:
    """The first bytes of the text, enough for the longest allowed header."""
    try:
        with gzip.open(file) if kind == "csv.gz" else file.open("rb") as stream:
            return stream.read(limits.line_bytes + 1)
    except (OSError, EOFError, zlib.error) as fault:
        raise PredictionsError(
            "The gzip data are damaged or cut off.",
            code="damaged_gzip",
            how="Compress or upload the file again.",
        ) from fault


def _header(file: Path, kind: str, wanted: list[str], limits: Limits) -> tuple[tuple[str, ...], str]:
    head = _head(file, kind, limits)
    if not head:
        raise PredictionsError("The file is empty.", code="empty_file", how=_FORMATS_HOW)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise PredictionsError("The file is UTF-16, not UTF-8.", code="wrong_encoding", line=1, how=_UTF8_HOW)
    if b"\x00" in head:
        raise PredictionsError(
            "The file holds zero bytes: it is binary, or text in UTF-16.", code="not_text", how=_FORMATS_HOW
        )
    text = head.decode("utf-8-sig", errors="replace")
    found = [_fields(text, delimiter) for delimiter in DELIMITERS]
    scores = [(sum(name in fields for name in wanted), len(fields)) for fields in found]
    best = scores.index(max(scores))
    fields = found[best]
    record = "".join(fields)
    if len(head) > limits.line_bytes and "\n" not in text and "\r" not in text:
        raise PredictionsError(
            f"The first line is longer than {limits.line_bytes} bytes.",
            code="line_too_long",
            line=1,
            how=_FORMATS_HOW,
        )
    if "\ufffd" in record:
        raise PredictionsError("The header is not UTF-8 text.", code="wrong_encoding", line=1, how=_UTF8_HOW)
    if not record.strip():
        raise PredictionsError(
            "The first line is empty.",
            code="no_header",
            line=1,
            how="Put the column names into the first line.",
        )
    require_columns(wanted, tuple(fields), limits)
    return tuple(fields), DELIMITERS[best]


def _fields(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [])
    except csv.Error as fault:
        raise PredictionsError(
            "The header line cannot be read as CSV.",
            code="bad_header",
            line=1,
            how="Close every quote, and quote names that hold the delimiter.",
        ) from fault
