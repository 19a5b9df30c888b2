"""A DuckDB that can read one file and nothing else, under watch.

The database lives in memory, may open only the one path, loads no extension, writes no temporary file, and
its settings are locked before the first byte is read. A watching thread interrupts it when time is up and,
for gzip, unpacks alongside: DuckDB checks neither the CRC nor the unpacked size, so a damaged file could
give a wrong number and a small one could unpack without end.
"""

from __future__ import annotations

import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from audits.fairness.errors import PredictionsError
from audits.fairness.limits import Limits
from audits.fairness.source import Source

_CHUNK = 1 << 18
_GLOB = "*?["
_AGAIN = "Compress or upload the file again."

Row = tuple[Any, ...]


class Session:
    """One locked connection to one file. Use `open_session`."""

    def __init__(self, source: Source, path: str, limits: Limits) -> None:
        self.source = source
        self._path = path
        self._limits = limits
        self._deadline = time.monotonic() + limits.seconds
        self._connection = _locked(path, limits)

    def rows(self, query: str, parameters: dict[str, Any] | None = None, *, verify: bool = False) -> list[Row]:
        """All rows of a query over `$path`, within the time limit.

        verify: also check a gzip file's CRC and unpacked size; the query's result is given only if they hold.
        """
        packed = verify and self.source.kind == "csv.gz"
        watch = _Watch(self._connection, self.source.path if packed else None, self._limits, self._deadline)
        watch.start()
        try:
            found = self._connection.execute(query, {**(parameters or {}), "path": self._path}).fetchall()
        except BaseException as fault:
            watch.cancel()
            if watch.fault is not None:
                raise watch.fault from fault
            raise
        watch.finish()
        if watch.fault is not None:
            raise watch.fault
        return found

    def close(self) -> None:
        self._connection.close()


@contextmanager
def open_session(source: Source, limits: Limits) -> Iterator[Session]:
    """A session on `source`, closed afterwards."""
    path = str(source.path.resolve())
    with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder:
        if any(mark in path for mark in _GLOB):
            # DuckDB would read these characters as a pattern and could open another file.
            link = Path(folder) / "predictions"
            link.symlink_to(path)
            path = str(link)
        session = Session(source, path, limits)
        try:
            yield session
        finally:
            session.close()


def _locked(path: str, limits: Limits) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": limits.threads,
            "memory_limit": limits.memory,
            "temp_directory": "",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    quoted = path.replace("'", "''")
    connection.execute(
        f"SET allowed_paths = ['{quoted}']; SET enable_external_access = false; SET lock_configuration = true"
    )
    return connection


class _Watch(threading.Thread):
    """Interrupts the connection at the deadline or when the gzip file proves bad; the reason is `fault`."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, packed: Path | None, limits: Limits, deadline: float
    ) -> None:
        super().__init__(name="predictions-watch", daemon=True)
        self.fault: PredictionsError | None = None
        self._connection = connection
        self._packed = packed
        self._limits = limits
        self._deadline = deadline
        self._cancelled = threading.Event()
        self._answered = threading.Event()

    def run(self) -> None:
        try:
            if self._packed is not None:
                self._unpack(self._packed)
            if not self._answered.wait(max(0.0, self._deadline - time.monotonic())):
                raise _too_slow(self._limits)
        except PredictionsError as fault:
            self.fault = fault
            # An interrupt that comes before the query has begun is lost, so it is repeated.
            while not self._answered.is_set():
                self._connection.interrupt()
                self._answered.wait(0.05)

    def finish(self) -> None:
        """The query answered: let the check of the file come to its end."""
        self._answered.set()
        self.join()

    def cancel(self) -> None:
        """The query failed: nothing more needs to be checked."""
        self._cancelled.set()
        self._answered.set()
        self.join()

    def _unpack(self, packed: Path) -> None:
        total = 0
        try:
            with packed.open("rb") as stream:
                for size in _unpacked_sizes(stream):
                    total += size
                    if self._cancelled.is_set():
                        return
                    if total > self._limits.unpacked_bytes:
                        raise PredictionsError(
                            f"The file unpacks to more than {self._limits.unpacked_bytes} bytes.",
                            code="unpacked_too_large",
                            how="Send fewer columns, or send Parquet.",
                        )
                    if time.monotonic() > self._deadline:
                        raise _too_slow(self._limits)
        except (zlib.error, EOFError, OSError) as fault:
            raise PredictionsError("The gzip data are damaged or cut off.", code="damaged_gzip", how=_AGAIN) from fault


def _unpacked_sizes(stream: Any) -> Iterator[int]:
    """Sizes of the unpacked pieces of all gzip members (RFC 1952); zlib checks CRC and length of each."""
    packed = stream.read(_CHUNK)
    while packed:
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            if not packed:
                raise EOFError("gzip data end within a member")
            yield len(member.decompress(packed, 4 * _CHUNK))
            packed = member.unconsumed_tail or (b"" if member.eof else stream.read(_CHUNK))
        packed = member.unused_data or stream.read(_CHUNK)


def _too_slow(limits: Limits) -> PredictionsError:
    return PredictionsError(
        f"Counting took longer than {limits.seconds:g} seconds.",
        code="too_slow",
        how="Send Parquet, or fewer columns.",
    )
