"""Turns a failed count into a PredictionsError that says what, where and how to mend it.

Runs only after a failure, so it may read the file again. It never repeats a row of the file.
"""

from __future__ import annotations

import re

import duckdb

from audits.fairness.errors import PredictionsError
from audits.fairness.limits import Limits
from audits.fairness.scan import Scan
from audits.fairness.session import Session

BIT_PATTERN = r"[01](\.0*)?|true|false"
_MISSING_WORDS = ("", "nan", "na", "n/a", "null", "none", "<na>")
_OURS = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.PermissionException)
_LINE = re.compile(r"CSV Error on Line: (\d+)")
_WIDTH = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")


def explain_bad_label(session: Session, scan: Scan, column: str, bad: int | None) -> PredictionsError:
    """The first row whose label or prediction is not 0 or 1. bad: how many such rows, if known."""
    values = f"SELECT {scan.row} AS row, {scan.text(column)} AS value FROM {scan.table}"  # noqa: S608
    found = session.rows(
        f"SELECT row, value FROM ({values}) "  # noqa: S608 (built from quoted names only)
        "WHERE value IS NULL OR NOT regexp_full_match(lower(trim(value)), $pattern) ORDER BY row LIMIT 1",
        {"pattern": BIT_PATTERN},
    )
    row, value = found[0]
    also = f" ({bad} such rows)" if bad and bad > 1 else ""
    if value is None or value.strip().lower() in _MISSING_WORDS:
        return PredictionsError(
            f"Column {column!r} is empty in row {row}{also}.",
            code="empty_label",
            column=column,
            row=row,
            how="Remove rows without label or prediction, and say so where the data are described.",
        )
    return PredictionsError(
        f"Column {column!r} is {value[:40]!r} in row {row}{also}; it must be 0 or 1.",
        code="bad_label",
        column=column,
        row=row,
        how="Write 1 for the positive class and 0 for the other; turn scores into decisions first.",
    )


def explain_too_many(session: Session, scan: Scan, limits: Limits) -> PredictionsError:
    """Why the number of cells overflowed: labels that are scores, an id column, or too many attributes."""
    sizes = ", ".join(f"approx_count_distinct({text})" for text in map(scan.text, scan.names))
    counted = session.rows(f"SELECT {sizes} FROM {scan.table}")[0]  # noqa: S608
    distinct = dict(zip(scan.names, counted, strict=True))
    *attributes, label, prediction = scan.names
    for column in (label, prediction):
        # More than every spelling of 0 and 1 that is accepted, with room for the error of the estimate.
        if distinct[column] > 20:
            return explain_bad_label(session, scan, column, None)
    for column in attributes:
        if distinct[column] > limits.groups:
            return PredictionsError(
                f"Column {column!r} has about {distinct[column]} different values; "
                f"at most {limits.groups} can be groups.",
                code="too_many_groups",
                column=column,
                how="It looks like an id or a measurement: name a protected attribute, or put it into bands.",
            )
    return PredictionsError(
        f"The attributes together make more than {limits.cells} combinations.",
        code="too_many_cells",
        how="Run the test for fewer attributes at once.",
    )


def explain_duckdb(fault: duckdb.Error, session: Session, limits: Limits) -> PredictionsError:
    """DuckDB's refusal in our words. Its own text is not passed on: it repeats rows of the file.

    A refusal of the query itself is a fault of this package and is raised unchanged.
    """
    if isinstance(fault, _OURS):
        raise fault
    text = str(fault)
    if isinstance(fault, duckdb.OutOfMemoryException):
        return PredictionsError(
            f"Counting needs more than {limits.memory} of memory: some column has too many different values.",
            code="out_of_memory",
            how="Check that no attribute is an id or a measurement.",
        )
    if isinstance(fault, duckdb.IOException) and "GZIP stream" in text:
        return PredictionsError(
            "The gzip data are damaged or cut off.",
            code="damaged_gzip",
            how="Compress or upload the file again.",
        )
    if session.source.kind == "parquet":
        return PredictionsError(
            "The Parquet file is damaged or uses a feature that is not read.",
            code="damaged_parquet",
            how="Write it again, without encryption, or send CSV.",
        )
    return _explain_csv(text, limits)


def _explain_csv(text: str, limits: Limits) -> PredictionsError:
    place = _LINE.search(text)
    line = int(place[1]) if place else None
    where = f"Line {line}" if line else "A line"
    width = _WIDTH.search(text)
    if width:
        return PredictionsError(
            f"{where} has {width[2]} fields; the header has {width[1]}.",
            code="ragged_row",
            line=line,
            how="Give every line as many fields as the header, and quote text that holds the delimiter.",
        )
    if "Invalid unicode" in text:
        return PredictionsError(
            f"{where} is not UTF-8 text.",
            code="wrong_encoding",
            line=line,
            how="Save the file as UTF-8 and send it again.",
        )
    if "Maximum line size" in text:
        return PredictionsError(
            f"{where} is longer than {limits.line_bytes} bytes.",
            code="line_too_long",
            line=line,
            how="Leave out long text columns, and close every quote.",
        )
    if "unterminated quote" in text:
        return PredictionsError(
            f"{where} has a quote that is not closed, or text after a closing quote.",
            code="bad_quotes",
            line=line,
            how='Write a quote within a quoted field twice ("").',
        )
    return PredictionsError(
        f"{where} cannot be read as CSV.",
        code="unreadable_csv",
        line=line,
        how="Write the file again with one delimiter and one kind of line end throughout.",
    )
