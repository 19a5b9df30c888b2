"""Started as root: whom the services run as instead, and the data folder that is theirs."""

from __future__ import annotations

import compileall
import contextlib
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from launcher import accounts, processes
from launcher.errors import LauncherError
from launcher.installation import Installation
from launcher.processes import Account

# What the services read of the code, and what of the data folder is theirs. The rest of it (locks, logs, backups)
# stays root's: root opens a log and hands down the open file, so that no link of theirs leads root elsewhere.
CODE = ("portal", "catalog", "governance", "audits", "demo", "templates", "static", "manage.py")
DATA = ("keys", "artifacts", "checkpoints", "static", "redis", "run/home")
HOW = "Put the checkout and its Python where that user can read them, such as /opt; or run as an ordinary user."


def for_services(place: Installation, port: int | None = None) -> tuple[Account | None, str]:
    """The unprivileged user of queue, web, worker and clock; or None, and why they keep root's rights.

    None without a reason for an ordinary user, whose services run as that user.
    """
    if os.geteuid() != 0:
        return None, ""
    try:
        account = accounts.account_for(place.var / "pg")
    except LauncherError as error:
        return None, f"queue, web, worker and clock run as root: {error.message}"
    assert account is not None
    if port is not None and port < _first_free_port():
        return None, f"queue, web, worker and clock run as root: port {port} is for root only"
    if (path := _unreadable(account, place)) is not None:
        return None, f"queue, web, worker and clock run as root: user {account.name} cannot read {path}"
    return account, ""


def hand_over(place: Installation, account: Account) -> None:
    """Give the account what is its own of the data folder, whoever made it.

    Never through a link and never a file with a second name: who runs as the account could otherwise have root
    give it any file of the machine.
    """
    (place.var / "checkpoints").mkdir(mode=0o700, exist_ok=True)
    for name in DATA:
        # The folders themselves lie in folders of root; artifacts may be a link to a larger disk.
        for _folder, _folders, files, descriptor in os.fwalk((place.var / name).resolve()):
            if os.fstat(descriptor).st_uid != account.uid:
                os.fchown(descriptor, account.uid, account.gid)
            for file in files:
                with contextlib.suppress(FileNotFoundError):
                    found = os.stat(file, dir_fd=descriptor, follow_symlinks=False)
                    if found.st_uid != account.uid and stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
                        os.chown(file, account.uid, account.gid, dir_fd=descriptor, follow_symlinks=False)


def compile_code(place: Installation) -> None:
    """Compile what has changed. The services may not write beside the code, and would do it at every start."""
    for name in CODE:
        if (place.project / name / "__init__.py").exists():
            compileall.compile_dir(place.project / name, quiet=2)


def home(place: Installation, account: Account | None) -> dict[str, str]:
    """What a child that runs as the account has to know about itself: root's home is not its own."""
    return {} if account is None else {"HOME": str(place.home), "USER": account.name, "LOGNAME": account.name}


def _first_free_port() -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text(encoding="ascii"))
    return 1024


def _unreadable(account: Account, place: Installation) -> Path | None:
    """The first path that the services need and the account cannot read."""
    for path, mode in ((place.var, os.X_OK), (place.python, os.R_OK | os.X_OK)):
        # What is not there yet will be made so that it can be reached, and is asked for again then.
        if path.exists() and not accounts.can_reach(account, path, mode):
            return path
    if place.python.exists() and not _starts(account, place):
        return place.python.resolve()
    return accounts.first_unreadable(account, _code(place))


def _starts(account: Account, place: Installation) -> bool:
    """Whether the interpreter works for this user: its own libraries may lie where only root reads."""
    return (
        subprocess.run(
            [place.python, "-I", "-S", "-c", "import ssl"],
            **processes.identity(account),
            env={"PATH": os.defpath},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
        ).returncode
        == 0
    )


def _code(place: Installation) -> Iterator[Path]:
    for folder in place.venv.glob("lib/python3*/site-packages"):
        yield from folder.iterdir()
    for name in CODE:
        path = place.project / name
        yield path
        if path.is_dir():
            yield from (one for one in path.rglob("*") if one.suffix != ".pyc")
