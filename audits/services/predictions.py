"""A predictions file before its rows are counted: at hand on this disk, its header checked, its faults in words."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage

from audits.choices import MIN_GROUP
from audits.fairness import Limits, PredictionsError
from audits.fairness.preview import preview
from audits.fairness.source import inspect
from audits.models import TestRun
from catalog.services import blobs
from portal.errors import InvalidInput, TooLarge


def refused(error: PredictionsError, field: str = "file") -> InvalidInput:
    """A PredictionsError as an answer to a person or a pipeline: what, where, how to mend it."""
    found = error.as_document()
    place: dict[str, Any] = {key: found[key] for key in ("column", "row", "line") if key in found}
    return InvalidInput(error.message, code=error.code.replace("_", "-"), field=field, how=error.how, details=place)


def located(error: PredictionsError) -> str:
    """The error in one paragraph: what is wrong, in which column and row, how to mend it."""
    places = [f"{name} {value}" for name, value in (("row", error.row), ("line", error.line)) if value is not None]
    where = [part for part in places if part not in error.message.lower()]
    column = f"Column {error.column!r}." if error.column and error.column not in error.message else ""
    told = f"In {', '.join(where)}." if where else ""
    return " ".join(part for part in (error.message, column, told, error.how) if part)


def read_columns(
    label: str, prediction: str, protected: Sequence[str], favourable: int, references: Mapping[str, str]
) -> dict[str, Any]:
    """What each column of the file is for, as the run keeps it. Raises InvalidInput for what makes no test."""
    names = [name.strip() for name in protected if name.strip()]
    if not names:
        raise InvalidInput(
            "No protected attribute is named.",
            code="no-attribute",
            field="protected",
            how="Name at least one column, such as sex.",
        )
    if favourable not in (0, 1):
        raise InvalidInput(
            "The favourable prediction is 0 or 1.",
            code="bad-favourable",
            field="favourable",
            how="Say which prediction is good for the person.",
        )
    wanted = [*names, label.strip(), prediction.strip()]
    if len(set(wanted)) != len(wanted) or not all(wanted):
        raise InvalidInput(
            "Label, prediction and protected attributes must be different columns.",
            code="column-named-twice",
            field="protected",
            how="Name each column for one purpose.",
        )
    if strange := set(references) - set(names):
        raise InvalidInput(
            f"A reference is named for {', '.join(sorted(strange))}, which is no protected attribute here.",
            code="unknown-reference",
            field="reference",
            how=f"Protected attributes: {', '.join(names)}.",
        )
    return {
        "label": label.strip(),
        "prediction": prediction.strip(),
        "protected": names,
        "favourable": favourable,
        "references": dict(references),
        "min_group": MIN_GROUP,
    }


@contextmanager
def at_hand(pieces: Iterable[bytes] | None, path: str | Path | None, file_name: str) -> Iterator[Path]:
    """The file on this disk: the one given, or the pieces written to a temporary one."""
    if path is not None:
        yield Path(path)
        return
    if pieces is None:
        raise ValueError("give pieces or path")
    with tempfile.TemporaryDirectory(prefix="gatehouse-predictions-") as folder:
        file, size = Path(folder) / f"predictions{Path(file_name).suffix[:10]}", 0
        with file.open("wb") as stream:
            for piece in pieces:
                size += len(piece)
                if size > settings.PREDICTIONS_MAX_BYTES:
                    raise TooLarge(
                        f"The predictions file is larger than {settings.PREDICTIONS_MAX_BYTES} bytes.",
                        code="too-large",
                        field="file",
                        how="Send fewer columns, gzip it, or send Parquet.",
                    )
                stream.write(piece)
        yield file


def check_header(file: Path, columns: Mapping[str, Any]) -> None:
    """Refuse a file whose format or header is wrong. Raises InvalidInput."""
    wanted = [*columns["protected"], columns["label"], columns["prediction"]]
    try:
        source = inspect(file, wanted, Limits())
        if source.kind == "parquet":
            present = preview(file, rows=0).columns
            missing = [name for name in wanted if name not in present]
            if missing:
                raise PredictionsError(
                    f"Column {missing[0]!r} is missing.",
                    code="missing_column",
                    column=missing[0],
                    how=f"The file has: {', '.join(map(repr, present[:20]))}.",
                )
    except PredictionsError as error:
        raise refused(error) from error


@contextmanager
def kept_file(run: TestRun) -> Iterator[Path]:
    """The uploaded file on this disk, under a name with its own ending; copied only where storage is remote."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-predictions-") as folder:
        file = Path(folder) / f"predictions{Path(run.file_name).suffix[:10]}"
        try:
            file.symlink_to(default_storage.path(run.blob.path))
        except NotImplementedError:
            with blobs.open_blob(run.blob) as stream, file.open("wb") as copy:
                for piece in blobs.chunks_of(stream):
                    copy.write(piece)
        yield file
