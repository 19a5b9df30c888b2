"""What a predictions file looks like, before anything is counted: its columns, first rows, and likely roles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from audits.fairness.explain import explain_duckdb
from audits.fairness.limits import Limits
from audits.fairness.scan import scan_of
from audits.fairness.session import open_session
from audits.fairness.source import inspect

LABELS = ("y_true", "label", "target", "actual", "truth", "outcome")
PREDICTIONS = ("y_pred", "prediction", "predicted", "decision", "pred")
PROTECTED = ("sex", "gender", "race", "ethnicity", "age_band", "age_cat", "age_group", "nationality", "religion")
MOST_COLUMNS = 200
MOST_CHARS = 60


@dataclass(frozen=True, slots=True)
class Preview:
    """Columns in their order, the first rows as text, and which column each role most likely is ("" if none)."""

    kind: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    label: str
    prediction: str
    protected: tuple[str, ...]


def preview(path: str | Path, *, rows: int = 3, limits: Limits | None = None) -> Preview:
    """Look at the first rows of a file. Raises PredictionsError for a file that cannot be read."""
    limits = limits or Limits()
    source = inspect(path, [], limits)
    with open_session(source, limits) as session:
        try:
            columns = source.columns or tuple(
                str(row[0]) for row in session.rows("DESCRIBE SELECT * FROM read_parquet($path)")
            )
            columns = columns[:MOST_COLUMNS]
            scan = scan_of(session, list(columns), limits)
            shown = ", ".join(scan.text(name) for name in columns)
            found = session.rows(f"SELECT {shown} FROM {scan.table} LIMIT {int(rows)}")  # noqa: S608 (SQL of Scan)
        except duckdb.Error as fault:
            raise explain_duckdb(fault, session, limits) from fault
    return Preview(
        kind=source.kind,
        columns=columns,
        rows=tuple(tuple(_short(value) for value in row) for row in found),
        label=_first(columns, LABELS),
        prediction=_first(columns, PREDICTIONS),
        protected=tuple(name for name in columns if name.lower() in PROTECTED),
    )


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= MOST_CHARS else f"{text[: MOST_CHARS - 1]}…"


def _first(columns: tuple[str, ...], names: tuple[str, ...]) -> str:
    by_name = {name.lower(): name for name in columns}
    return next((by_name[name] for name in names if name in by_name), "")
