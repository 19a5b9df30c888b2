"""`gatehouse policy pull, push, status`: a Git folder of policies and what is in force at a portal."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance.gates.bundle import Bundle, Item, fingerprint, read_bundle, read_key, verify_bundle
from governance.gates.cli_common import clean, write_file
from governance.gates.errors import GateError
from governance.gates.facts import canonical_bytes
from governance.gates.folder import Difference, File, compare, read_folder, read_text
from governance.gates.gitinfo import git_of, subject_of
from governance.gates.remote import Portal, RemoteError, read_token
from governance.gates.sets import load_any

BUNDLE = "bundle.json"


@dataclass(frozen=True)
class Fetched:
    """A bundle whose signature was checked. new_key: nothing here said before which key to trust."""

    bundle: Bundle
    data: bytes
    new_key: bool


def pull(options: argparse.Namespace) -> int:
    """Write what is in force into the folder. Exit 0, or 4 where it may not be trusted or files would be lost."""
    folder: Path = options.folder
    fetched = _fetch(options, _portal(options))
    if options.digest and fetched.bundle.digest != options.digest:
        text = f"The bundle in force has the digest {fetched.bundle.digest}, not {options.digest}."
        raise GateError(text, how="Look at what changed, then name the new digest.")
    for item in fetched.bundle.policies:
        if load_any(item.source, filename=item.name).digest != item.digest:
            raise GateError(f"The digest of {item.name} is not that of its text.", how="Ask the portal's operators.")
    folder.mkdir(parents=True, exist_ok=True)
    files = read_folder(folder)
    wanted = _targets(folder, files, fetched.bundle)
    if not options.force:
        _refuse_to_lose(wanted, _last(folder))
    written = [path for path, file, item in wanted if (file.text if file else None) != item.source]
    for path, file, item in wanted:
        if (file.text if file else None) != item.source:
            write_file(path, item.source.encode())
    write_file(folder / BUNDLE, canonical_bytes(json.loads(fetched.data)))
    left = compare(read_folder(folder), fetched.bundle)
    said = {"digest": fetched.bundle.digest, "key": fingerprint(fetched.bundle.key), "new_key": fetched.new_key}
    lines = [f"wrote {path}" for path in written] + [one.words for one in left]
    lines.append(f"{len(fetched.bundle.policies)} in force, digest {fetched.bundle.digest}")
    if fetched.new_key:
        lines.append(f"First use of the key {fingerprint(fetched.bundle.key)}: compare it with the portal's.")
    _say(options, {**said, "written": [str(path) for path in written], "differences": _rows(left)}, lines)
    return 0


def status(options: argparse.Namespace) -> int:
    """Compare the folder with what is in force, or without --url with what was last pulled. Exit 1 on a difference."""
    files = read_folder(options.folder)
    bundle = _fetch(options, _portal(options)).bundle if options.url else _pulled(options)
    found = compare(files, bundle)
    lines = [one.words for one in found] or [f"No difference: {len(bundle.policies)} in force."]
    _say(options, {"digest": bundle.digest, "differences": _rows(found)}, lines)
    return 1 if found else 0


def push(options: argparse.Namespace) -> int:
    """Send each file that differs as a draft. Exit 0, 1 where the portal refused one, 4 where a file is wrong."""
    files = read_folder(options.folder)
    for file in files:
        if file.error is not None:
            raise file.error
    portal = _portal(options)
    found = compare(files, _fetch(options, portal).bundle)
    sending = [_Draft.of(one, options) for one in found if one.file is not None]
    rows = [_send(portal, one, dry_run=options.dry_run) for one in sending]
    lines = [f"{row['file']}: {row['text']}" for row in rows]
    lines += [one.words for one in found if one.file is None] or ([] if rows else ["Nothing to send."])
    _say(options, {"drafts": rows}, lines)
    return 1 if any(row["state"] == "refused" for row in rows) else 0


@dataclass(frozen=True)
class _Draft:
    file: File
    reason: str
    git: dict[str, str] | None

    @classmethod
    def of(cls, difference: Difference, options: argparse.Namespace) -> _Draft:
        assert difference.file is not None
        path = difference.file.path
        reason = options.reason.strip() or subject_of(path)
        if not reason:
            raise GateError(f"Why {path} changed is not said.", how="Give --reason, or commit the file.")
        return cls(difference.file, reason, None if options.allow_dirty else git_of(path))


def _send(portal: Portal, draft: _Draft, *, dry_run: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"file": str(draft.file.path), "reason": draft.reason, "id": None, "url": None}
    if dry_run:
        return {**row, "state": "not-sent", "text": f"would be sent: {draft.reason}"}
    try:
        made = portal.draft(draft.file.text, reason=draft.reason, git=draft.git)
    except RemoteError as error:
        # A refusal is about this file; without an answer the others have no better chance.
        if not 400 <= error.status < 500 or error.status in (401, 403, 404, 429):
            raise
        return {**row, "state": "refused", "text": f"refused: {error.diagnostics()}"}
    url = portal.absolute(made["url"])
    return {**row, "id": made["id"], "url": url, "state": made["state"], "text": f"draft {made['id']} {url}".strip()}


# ---------------------------------------------------------------------- trust
def _portal(options: argparse.Namespace) -> Portal:
    if not options.url:
        raise GateError("No portal is named.", how="Give --url, or set GATEHOUSE_URL.")
    return Portal(options.url, read_token(options.token_env, options.token_file), allow_http=options.allow_http)


def _fetch(options: argparse.Namespace, portal: Portal) -> Fetched:
    data = portal.bundle()
    trusted = _trusted(options)
    return Fetched(verify_bundle(data, trusted or read_bundle(data).key), data, trusted is None)


def _trusted(options: argparse.Namespace) -> bytes | None:
    """The key given, else the one that signed what was last pulled: the first use decides, and says so."""
    if options.key is not None:
        return read_key(read_text(options.key))
    last = _last(options.folder)
    return last.key if last is not None else None


def _last(folder: Path) -> Bundle | None:
    path = folder / BUNDLE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GateError(f"{path} cannot be read: {error}") from error
    return read_bundle(data)


def _pulled(options: argparse.Namespace) -> Bundle:
    path = options.folder / BUNDLE
    if not path.is_file():
        raise GateError(f"There is no {path}.", how="Pull first, or name the portal with --url.")
    data = path.read_bytes()
    return verify_bundle(data, _trusted(options) or read_bundle(data).key)


# ---------------------------------------------------------------------- files
def _targets(folder: Path, files: list[File], bundle: Bundle) -> list[tuple[Path, File | None, Item]]:
    """Where each item goes: the file that holds it already, else one named after it."""
    here, by_path = {one.key: one for one in files if one.key}, {one.path: one for one in files}
    found = []
    for item in bundle.policies:
        named = folder / ("sets" if item.kind == "set" else "") / f"{item.name}.yaml"
        file = here.get((item.kind, item.name)) or by_path.get(named)
        if file is not None and file.key not in (None, (item.kind, item.name)):
            raise GateError(f"{named} holds another policy than {item.name}.", how="Rename one of the two.")
        found.append((file.path if file else named, file, item))
    return found


def _refuse_to_lose(wanted: list[tuple[Path, File | None, Item]], last: Bundle | None) -> None:
    lost = []
    for path, file, item in wanted:
        before = last.find(item.kind, item.name) if last is not None else None
        known = {item.source.rstrip("\n"), before.source.rstrip("\n") if before else None}
        if file is not None and file.text.rstrip("\n") not in known:
            lost.append(str(path))
    if lost:
        how = "Push or commit them and restore the files, or say --force."
        raise GateError(f"Changed here since the last pull: {', '.join(lost)}.", how=how)


def _rows(found: list[Difference]) -> list[dict[str, Any]]:
    return [
        {
            "state": one.state,
            "kind": one.kind,
            "name": one.name,
            "file": str(one.path) if one.path else None,
            "number": one.item.number if one.item else None,
        }
        for one in found
    ]


def _say(options: argparse.Namespace, data: dict[str, Any], lines: list[str]) -> None:
    if options.json:
        print(json.dumps(data, ensure_ascii=False))
    else:
        print(clean("\n".join(lines)))
