"""The queries over one predictions file.

Column names never enter the SQL of a CSV scan: there the columns are c0, c1 and so on.
"""

from __future__ import annotations

from dataclasses import dataclass

from audits.fairness.errors import PredictionsError
from audits.fairness.limits import Limits
from audits.fairness.session import Session
from audits.fairness.source import Source, require_columns

_NESTED = ("STRUCT", "MAP", "UNION", "BLOB", "LIST", "VARIANT", "GEOMETRY")


@dataclass(frozen=True, slots=True)
class Scan:
    """How to read the wanted columns of a file.

    names: attributes first, then label and prediction. columns: their SQL. shapes: how each becomes text
    ("{}" is the column), NULL where missing. table: the FROM expression; it reads `$path`. row: SQL for the
    data row counted from 1.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    shapes: tuple[str, ...]
    table: str
    row: str

    def grouped(self, most: int) -> str:
        """The one counting query: the columns as text, then n; one row more than `most` shows an overflow."""
        raw = ", ".join(f"{column} AS g{place}" for place, column in enumerate(self.columns))
        shown = ", ".join(shape.format(f"g{place}") for place, shape in enumerate(self.shapes))
        return (
            f"SELECT {shown}, n FROM (SELECT {raw}, count(*) AS n FROM {self.table} GROUP BY ALL) "  # noqa: S608
            f"LIMIT {int(most) + 1}"
        )

    def text(self, name: str) -> str:
        """SQL of a wanted column as text."""
        place = self.names.index(name)
        return self.shapes[place].format(self.columns[place])


def scan_of(session: Session, wanted: list[str], limits: Limits) -> Scan:
    """The scan for a session's file; raises PredictionsError for Parquet columns that cannot be used."""
    if session.source.kind == "parquet":
        return _parquet(session, wanted, limits)
    return _csv(session.source, wanted, limits)


def _csv(source: Source, wanted: list[str], limits: Limits) -> Scan:
    struct = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(source.columns)))
    table = (
        f"read_csv($path, columns = {{{struct}}}, auto_detect = false, header = true, "
        f"delim = '{source.delimiter}', quote = '\"', escape = '\"', strict_mode = true, "
        f"max_line_size = {int(limits.line_bytes)}, "
        f"compression = '{'gzip' if source.kind == 'csv.gz' else 'none'}')"
    )
    columns = tuple(f"c{source.columns.index(name)}" for name in wanted)
    return Scan(tuple(wanted), columns, ("{}",) * len(wanted), table, "row_number() OVER ()")


def _parquet(session: Session, wanted: list[str], limits: Limits) -> Scan:
    schema = session.rows("SELECT name, num_children FROM parquet_schema($path)")
    require_columns(wanted, _top_level(schema), limits)
    (rows,) = session.rows("SELECT sum(num_rows) FROM parquet_file_metadata($path)")[0]
    if rows > limits.rows:
        raise PredictionsError(
            f"The file says it has {rows} rows; at most {limits.rows} are counted.",
            code="too_many_rows",
            how="Send a sample.",
        )
    types = {row[0]: row[1] for row in session.rows("DESCRIBE SELECT * FROM read_parquet($path)")}
    columns, shapes = [], []
    for name in wanted:
        kind = str(types[name])
        if kind.endswith("]") or kind.startswith(_NESTED):
            raise PredictionsError(
                f"Column {name!r} holds {kind.split('(')[0]} values, not one plain value a row.",
                code="bad_type",
                column=name,
                how="Write it as text, number or boolean.",
            )
        column = '"' + name.replace('"', '""') + '"'
        columns.append(column)
        shapes.append(_shape(kind))
    return Scan(
        tuple(wanted),
        tuple(columns),
        tuple(shapes),
        "read_parquet($path, file_row_number = true)",
        "file_row_number + 1",
    )


def _top_level(schema: list[tuple[str, int | None]]) -> tuple[str, ...]:
    """Names of the direct children of the root in Parquet's depth-first schema list."""
    names: list[str] = []
    skip = 0
    for name, children in schema[1:]:
        if skip:
            skip += (children or 0) - 1
            continue
        names.append(name)
        skip = children or 0
    return tuple(names)


def _shape(kind: str) -> str:
    if kind in ("FLOAT", "DOUBLE"):
        # NaN is how pandas writes a missing number.
        return "CASE WHEN isnan({0}) THEN NULL ELSE CAST({0} AS VARCHAR) END"
    return "CAST({} AS VARCHAR)"
