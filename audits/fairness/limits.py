"""What a predictions file may cost before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one counting run. The defaults suit an upload of some ten million rows.

    file_bytes: size on disk. unpacked_bytes: size of a .gz file once unpacked. rows: data rows.
    line_bytes: one line of a CSV file. columns: columns in the file. attributes: protected attributes asked
    for at once. groups: distinct values of one attribute. value_chars: length of one attribute value.
    cells: distinct combinations of attribute values, label and prediction. memory: DuckDB's own limit, in
    its notation. threads: DuckDB threads. seconds: wall time of the count.
    """

    file_bytes: int = 2 * 1024**3
    unpacked_bytes: int = 8 * 1024**3
    rows: int = 200_000_000
    line_bytes: int = 256 * 1024
    columns: int = 2_000
    attributes: int = 8
    groups: int = 200
    value_chars: int = 200
    cells: int = 100_000
    memory: str = "1GB"
    threads: int = 2
    seconds: float = 600.0
