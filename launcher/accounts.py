"""Which unprivileged user root's servers run as, and which folders that user can reach. PostgreSQL refuses root."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from launcher.errors import LauncherError
from launcher.installation import Installation, make_folder
from launcher.processes import Account

PREFERRED = ("gatehouse", "nobody")
SHARED_PLACE = Path("/var/lib/gatehouse")
# The path of a Unix socket has 107 bytes; the name of PostgreSQL's own takes 15 of them.
LONGEST_SOCKET_FOLDER = 90


def account_for(data: Path) -> Account | None:
    """The unprivileged user for root's servers: who owns the data already, else `gatehouse`, else `nobody`.

    None for an ordinary user, whose servers run as that user. Raises LauncherError if there is nobody.
    """
    if os.geteuid() != 0:
        return None
    if data.is_dir() and (uid := data.stat().st_uid) != 0:
        try:
            known = pwd.getpwuid(uid)
        except KeyError:
            raise LauncherError(
                f"{data} belongs to user {uid}, who does not exist.", f"chown -R nobody '{data}'"
            ) from None
        return Account(known.pw_name, known.pw_uid, known.pw_gid)
    for name in PREFERRED:
        try:
            known = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, known.pw_uid, known.pw_gid)
    raise LauncherError("PostgreSQL refuses to run as root, and there is no other user.", "useradd --system gatehouse")


def can_reach(account: Account | None, path: Path, mode: int = os.R_OK | os.X_OK) -> bool:
    """Whether this user may use `path` in the given way, asked of the kernel in that user's place."""
    if account is None:
        return os.access(path, mode)
    return _asked_as(account, [(path, mode)]) is None


def first_unreadable(account: Account, paths: Iterable[Path]) -> Path | None:
    """The first of these files and folders that this user cannot read, or None."""
    return _asked_as(account, [(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK) for path in paths])


def _asked_as(account: Account, wanted: list[tuple[Path, int]]) -> Path | None:
    """The first path that a child of this user may not use in the given way."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            refused = next((number for number, (path, mode) in enumerate(wanted) if not os.access(path, mode)), "")
            os.write(writer, f"{refused}.".encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="ascii") as stream:
        said = stream.read()
    os.waitpid(child, 0)
    # A child that could not even become that user says nothing.
    return None if said == "." else wanted[int(said[:-1] or 0)][0]


def server_place(place: Installation, account: Account | None) -> Path:
    """The folder below which the database lies: the data folder, or one elsewhere that its user can reach.

    Below a home of mode 0700 an unprivileged user reaches nothing, and we never open a folder that is not
    ours; so root's database then lies under /var/lib/gatehouse, and a pointer in the data folder says where.
    """
    if can_reach(account, place.var, os.X_OK):
        return place.var
    pointer = place.var / "pg.location"
    if pointer.exists():
        folder = Path(pointer.read_text(encoding="utf-8").strip())
        _claim(folder, place)
        return folder
    make_folder(SHARED_PLACE, 0o755)
    name = hashlib.sha256(os.fsencode(place.var)).hexdigest()[:8]
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=SHARED_PLACE))
    folder.chmod(0o711)
    (folder / "belongs-to").write_text(f"{place.var}\n", encoding="utf-8")
    pointer.write_text(f"{folder}\n", encoding="utf-8")
    return folder


def _claim(folder: Path, place: Installation) -> None:
    """Two copies of a data folder must not share one database; a folder that was moved takes it along."""
    if not folder.is_dir():
        how = f"Put it back, or start with an empty database: rm '{place.var / 'pg.location'}'"
        raise LauncherError(f"The database of {place.var} was in {folder}, which is gone.", how)
    note = folder / "belongs-to"
    owner = Path(note.read_text(encoding="utf-8").strip())
    if owner == place.var:
        return
    if (owner / "pg.location").exists():
        raise LauncherError(
            f"{place.var} is a copy of {owner}: both name the database in {folder}.",
            f"Start the copy with a database of its own: rm '{place.var / 'pg.location'}', then restore a backup.",
        )
    note.write_text(f"{place.var}\n", encoding="utf-8")


def orphans() -> list[tuple[Path, str]]:
    """Databases under the shared place whose data folder is gone: (folder, data folder it belonged to)."""
    found = []
    for note in sorted(SHARED_PLACE.glob("*/belongs-to")):
        owner = note.read_text(encoding="utf-8").strip()
        if not (Path(owner) / "pg.location").exists():
            found.append((note.parent, owner))
    return found


def socket_folder(place: Installation, account: Account | None, name: str) -> Path:
    """A short private folder for a server's socket that its user can reach, made once and remembered.

    Root's servers may run as different users, so each has a folder of its own.
    """
    folder = place.run / name
    if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER and can_reach(account, place.run, os.X_OK):
        own(folder, account)
        return folder
    pointer = place.run / f"{name}.location"
    if pointer.exists():
        folder = Path(pointer.read_text(encoding="utf-8").strip())
        if _is_private(folder, account):
            return folder
    for parent in (tempfile.gettempdir(), "/tmp", f"/run/user/{os.geteuid()}"):  # noqa: S108 - mkdtemp below
        if len(os.fsencode(parent)) <= LONGEST_SOCKET_FOLDER - 20 and can_reach(account, Path(parent), os.X_OK):
            folder = Path(tempfile.mkdtemp(prefix="gatehouse-", dir=parent))
            own(folder, account)
            pointer.write_text(f"{folder}\n", encoding="utf-8")
            return folder
    raise LauncherError("No folder is short enough for a socket.", "Set TMPDIR to a short path, such as /tmp.")


def own(folder: Path, account: Account | None) -> None:
    """Make the folder if it is not there, private to this user."""
    if not folder.exists():
        folder.mkdir(mode=0o700)
    if account is not None and folder.stat().st_uid != account.uid:
        os.chown(folder, account.uid, account.gid)


def _is_private(folder: Path, account: Account | None) -> bool:
    """Whether a remembered folder is still ours: temporary folders are swept, and anybody can make one."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    uid = os.geteuid() if account is None else account.uid
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and stat.S_IMODE(found.st_mode) == 0o700


def copy_programs(source: Path, libraries: Path, target: Path) -> Path:
    """Copy the server's programs to where its user can read them, once for each wheel; the new root of them."""
    folder = target / "programs"
    stamp = folder / ".from"
    wanted = f"{source} {(source / 'bin' / 'postgres').stat().st_mtime_ns}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return folder / "server" / source.name
    shutil.rmtree(folder, ignore_errors=True)
    # The loader finds its libraries beside the package (RUNPATH $ORIGIN/../../../NAME.libs).
    for part in ("bin", "lib", "share"):
        shutil.copytree(source / part, folder / "server" / source.name / part)
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    stamp.write_text(wanted, encoding="utf-8")
    return folder / "server" / source.name
