"""A folder of policies and policy sets, as it lies in Git."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from governance.gates.bundle import Bundle, Item
from governance.gates.errors import GateError, PolicyError
from governance.gates.policy import Policy
from governance.gates.sets import PolicySet, load_any

MAX_FILE = 1024 * 1024


@dataclass(frozen=True)
class File:
    """One YAML file: what it holds, or the error that says why it holds nothing."""

    path: Path
    text: str
    document: Policy | PolicySet | None
    error: GateError | None

    @property
    def key(self) -> tuple[str, str] | None:
        """(kind, name) as a bundle has them."""
        if self.document is None:
            return None
        return ("policy" if isinstance(self.document, Policy) else "set"), self.document.name


@dataclass(frozen=True)
class Difference:
    """One way in which folder and portal differ. state: changed, text, only-here, only-there or broken.

    `text`: the meaning is the same and the text (tests, comments, layout) is not.
    """

    state: str
    kind: str
    name: str
    path: Path | None
    item: Item | None
    file: File | None

    @property
    def words(self) -> str:
        """The difference for a terminal."""
        number = f" (version {self.item.number})" if self.item is not None else ""
        said = {
            "changed": f"differs from what is in force{number}",
            "text": f"differs from what is in force{number} in tests, comments or layout only",
            "only-here": "is not in force",
            "only-there": f"is in force{number} and not in the folder",
            "broken": f"cannot be read: {self.file.error.message if self.file and self.file.error else ''}",
        }[self.state]
        where = f"{self.path}: " if self.path is not None else ""
        return f"{where}{self.kind} {self.name} {said}" if self.name else f"{where}{said}"


def read_text(path: Path) -> str:
    """The UTF-8 text of a file of sane size. Raises GateError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise GateError(f"{path} is larger than {MAX_FILE} bytes.", how="Name another file.")
        # Git on some systems checks out with other line ends; they mean the same.
        return data.decode("utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise GateError(f"{path} cannot be read: {error}", how="Give a UTF-8 file.") from error


def read_folder(folder: Path) -> list[File]:
    """Every *.yaml and *.yml below the folder but in hidden ones, in order of path; links are not followed.

    Each such file is a policy or a set: one that is neither has its error. Two files of one name, too.
    Raises GateError where there is no such folder.
    """
    if not folder.is_dir():
        raise GateError(f"{folder} is no folder.", how="Name the folder that holds the policies.")
    found: list[File] = []
    seen: dict[tuple[str, str], Path] = {}
    for path in _paths(folder):
        one = _read(path)
        if one.key is not None and one.key in seen:
            kind, name = one.key
            text = f"The {kind} {name} is also in {seen[one.key]}."
            one = File(path, one.text, None, _error(path, text, "Keep one of the two."))
        elif one.key is not None:
            seen[one.key] = path
        found.append(one)
    return found


def _paths(folder: Path) -> list[Path]:
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent, name) for name in names if name.endswith((".yaml", ".yml"))]
    return sorted(path for path in found if not path.name.startswith(".") and not path.is_symlink())


def _read(path: Path) -> File:
    text = ""
    try:
        text = read_text(path)
        return File(path, text, load_any(text, filename=str(path)), None)
    except GateError as error:
        return File(path, text, None, error)


def _error(path: Path, message: str, how: str) -> PolicyError:
    return PolicyError(message, line=1, column=1, filename=str(path), how=how, code="duplicate")


def compare(files: list[File], bundle: Bundle) -> list[Difference]:
    """How the folder differs from what is in force, in order of kind and name; empty where it does not."""
    here = {one.key: one for one in files if one.key is not None}
    found = [Difference("broken", "", "", one.path, None, one) for one in files if one.error is not None]
    there = {(item.kind, item.name): item for item in bundle.policies}
    for key in sorted(here.keys() | there.keys()):
        file, item = here.get(key), there.get(key)
        state = _state(file, item)
        if state:
            found.append(Difference(state, *key, file.path if file else None, item, file))
    return found


def _state(file: File | None, item: Item | None) -> str:
    if file is None:
        return "only-there"
    if item is None:
        return "only-here"
    if file.document is None or file.document.digest != item.digest:
        return "changed"
    return "" if _same(file.text, item.source) else "text"


def _same(one: str, other: str) -> bool:
    return one.replace("\r\n", "\n").rstrip("\n") == other.replace("\r\n", "\n").rstrip("\n")
