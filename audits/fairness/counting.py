"""Counts a predictions file in one pass: one grouped count over all attributes, labels and predictions.

The labels are grouped as they are written and judged afterwards, on the few groups: a file with bad labels
is noticed in the same pass, at no cost per row, and only then is it searched for the first bad row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from audits.fairness.counts import MISSING, Confusion, Counts
from audits.fairness.errors import PredictionsError
from audits.fairness.explain import (
    BIT_PATTERN,
    explain_bad_label,
    explain_duckdb,
    explain_too_many,
)
from audits.fairness.limits import Limits
from audits.fairness.scan import Scan, scan_of
from audits.fairness.session import Row, Session, open_session
from audits.fairness.source import inspect

_BIT = re.compile(BIT_PATTERN)


def count_file(
    path: str | Path,
    *,
    attributes: Sequence[str],
    label: str = "y_true",
    prediction: str = "y_pred",
    limit_rows: int | None = None,
    limits: Limits | None = None,
) -> Counts:
    """Counts of true and false positives and negatives by the finest cells of `attributes`.

    path: CSV (UTF-8, header, also gzipped; delimiter , ; tab or |) or Parquet, told apart by content.
    label, prediction: columns of 0 and 1 (also 0.0, 1.0, true, false); 1 is the positive class.
    limit_rows: refuse a file with more data rows than this. limits: the other bounds.
    An empty attribute value is the group "(missing)"; all other text is kept as it is.
    Raises PredictionsError, naming column, row and remedy, for every file that cannot give right numbers.
    """
    limits = limits or Limits()
    wanted = _wanted(list(attributes), label, prediction, limits)
    source = inspect(path, wanted, limits)
    with open_session(source, limits) as session:
        try:
            scan = scan_of(session, wanted, limits)
            rows = session.rows(scan.grouped(limits.cells), verify=True)
            if len(rows) > limits.cells:
                raise explain_too_many(session, scan, limits)
            _check_labels(session, scan, rows)
        except duckdb.Error as fault:
            raise explain_duckdb(fault, session, limits) from fault
    _check_size(rows, min(limits.rows, limits.rows if limit_rows is None else limit_rows))
    counts = Counts.of(attributes, map(_cell, rows), label=label, prediction=prediction)
    _check_groups(counts, limits)
    _check_classes(counts)
    return counts


def _wanted(attributes: list[str], label: str, prediction: str, limits: Limits) -> list[str]:
    if len(attributes) > limits.attributes:
        raise PredictionsError(
            f"{len(attributes)} attributes were asked for; at most {limits.attributes} are counted at once.",
            code="too_many_attributes",
            how="Run the test for fewer attributes.",
        )
    wanted = [*attributes, label, prediction]
    for place, name in enumerate(wanted):
        if name in wanted[:place]:
            raise PredictionsError(
                f"Column {name!r} was named twice: label, prediction and attributes must differ.",
                code="column_named_twice",
                column=name,
                how="Name each column for one purpose.",
            )
    return wanted


def _bit(text: str | None) -> int | None:
    """0 or 1 for a value that says so; None for every other one."""
    # Only spaces are stripped, as DuckDB's trim() does: the search for the first bad row must agree.
    word = (text or "").strip(" ").lower()
    if not _BIT.fullmatch(word):
        return None
    return 1 if word[0] in "1t" else 0


def _check_labels(session: Session, scan: Scan, rows: list[Row]) -> None:
    for place in (-3, -2):
        bad = sum(row[-1] for row in rows if _bit(row[place]) is None)
        if bad:
            raise explain_bad_label(session, scan, scan.names[place + 1], bad)


def _cell(row: Row) -> tuple[tuple[str, ...], Confusion]:
    *values, truth, guess, n = row
    place = {(1, 1): 0, (0, 1): 1, (1, 0): 2, (0, 0): 3}[int(_bit(truth) or 0), int(_bit(guess) or 0)]
    groups = tuple(value if value and value.strip() else MISSING for value in values)
    return groups, Confusion(*(n if index == place else 0 for index in range(4)))


def _check_size(rows: list[Row], most: int) -> None:
    n = sum(row[-1] for row in rows)
    if n == 0:
        raise PredictionsError(
            "The file has a header but no rows.", code="no_rows", how="Send at least one row of each class."
        )
    if n > most:
        raise PredictionsError(
            f"The file has {n} rows; at most {most} are counted.", code="too_many_rows", how="Send a sample."
        )


def _check_groups(counts: Counts, limits: Limits) -> None:
    for attribute in counts.attributes:
        groups = [values[0] for values in counts.by(attribute)]
        if len(groups) > limits.groups:
            raise PredictionsError(
                f"Column {attribute!r} has {len(groups)} different values; at most {limits.groups} can be groups.",
                code="too_many_groups",
                column=attribute,
                how="It looks like an id or a measurement: name a protected attribute, or put it into bands.",
            )
        for value in groups:
            if len(value) > limits.value_chars or "\x00" in value:
                what = "holds a zero byte" if "\x00" in value else f"is longer than {limits.value_chars} characters"
                raise PredictionsError(
                    f"A value of column {attribute!r} {what}.",
                    code="bad_value",
                    column=attribute,
                    how="Check that the column is the protected attribute and the file is undamaged.",
                )


def _check_classes(counts: Counts) -> None:
    total = counts.total()
    if total.n_pos and total.n_neg:
        return
    only = 1 if total.n_pos else 0
    raise PredictionsError(
        f"Column {counts.label!r} holds only {only}: with one class, error rates by group do not exist.",
        code="one_class",
        column=counts.label,
        how="Send rows of both outcomes, or check that the label column is the right one.",
    )
