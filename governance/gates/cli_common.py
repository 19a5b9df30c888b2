"""What the verbs of the command line share: reading a policy, saying what is wrong with it, writing a file."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from governance.gates.errors import FactsError, GateError, PolicyError
from governance.gates.folder import read_text
from governance.gates.policy import Policy
from governance.gates.sets import PolicySet, load_any
from governance.gates.yaml_source import read

ERROR = 4
# But for line feed and tab: control characters, and those that turn the direction of text.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def load(path: Path) -> Policy | PolicySet:
    """The policy or set of a file. Raises GateError."""
    return load_any(read_text(path), filename=str(path))


def in_file(problem: PolicyError, path: Path) -> PolicyError:
    """The problem of a loaded policy, which knows its name only, at its place in the file."""
    line, column, filename = problem.line, problem.column, str(path)
    found = PolicyError(
        problem.message, line=line, column=column, filename=filename, how=problem.how, code=problem.code
    )
    found.caret_text = filename + problem.caret_text.removeprefix(problem.filename)
    return found


def without_review(document: Policy | PolicySet, path: Path) -> list[PolicyError]:
    """What refuses publication although every test holds: no day by which the owner looks at it again."""
    if document.review_by is not None:
        return []
    source, root = read(document.source, str(path))
    how = 'Add metadata.reviewBy: "2027-06-30"; publishing needs it.'
    return [source.at(root.value["metadata"], "It has no review date.", how=how, code="review-date")]


def clean(text: str) -> str:
    """Text that others wrote, for a terminal: what it would obey is shown instead."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


def one_line(text: str) -> str:
    """The same in one line: a line of its own could be a command to what runs a pipeline."""
    return clean(" ".join(text.split()))


def place_of(error: GateError) -> dict[str, Any]:
    """Where the error is, as far as it knows."""
    if isinstance(error, PolicyError):
        return {"file": error.filename, "line": error.line, "column": error.column}
    return {"path": error.path} if isinstance(error, FactsError) else {}


def told(error: GateError) -> dict[str, Any]:
    """The error as plain data."""
    return {"message": error.message, "how": error.how, **place_of(error)}


def caret(error: GateError) -> str:
    """The error for a terminal, with its place where it has one."""
    return error.caret_text if isinstance(error, PolicyError) else error.diagnostics()


def report(error: GateError, *, as_json: bool) -> None:
    """Print the error to standard error, and as JSON to standard output where that was asked for."""
    if as_json:
        print(json.dumps({"error": error.message, "how": error.how, **place_of(error)}, ensure_ascii=False))
    print(clean(caret(error)), file=sys.stderr)


def write_file(path: Path, data: bytes) -> None:
    """Write the file whole or not at all. Raises GateError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            Path(part).chmod(0o644)
            Path(part).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(part).unlink()
            raise
    except OSError as error:
        raise GateError(f"{path} cannot be written: {error}", how="Name a folder that can be written.") from error
