"""Child processes: started so that they cannot outlive us, known by more than a number, ended as a group."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARK = "GATEHOUSE_INSTANCE"
_LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if _LINUX else None


@dataclass(frozen=True)
class Account:
    """An unprivileged user that a child runs as."""

    name: str
    uid: int
    gid: int


def identity(account: Account | None) -> dict[str, Any]:
    """What makes a child run as the account; nothing for None."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def started(pid: int) -> str | None:
    """When the process began, in the kernel's own words; None if it does not run. A zombie does not run.

    A number alone is not an identity: the kernel gives it to the next process.
    """
    if not _LINUX:
        listed = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True)
        text = listed.stdout.strip()
        return None if not text or text.startswith("Z") else text.split(None, 1)[1]
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name in brackets may hold anything
    return None if fields[0] in "ZX" else fields[19]


def _before_exec(death_signal: int, parent: int) -> Callable[[], None]:
    """What the child does last before exec: ask for a signal when the launcher dies.

    Set after setuid, which clears it. If the launcher died meanwhile there is nobody to wait for.
    """

    def ask() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return ask


def spawn(
    arguments: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path,
    account: Account | None = None,
    death_signal: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own (Ctrl-C reaches the launcher only), its output added to `log`."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        return subprocess.Popen(
            [os.fspath(part) for part in arguments],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            umask=0o077,
            preexec_fn=_before_exec(death_signal, os.getpid()),
            **identity(account),
        )
    finally:
        os.close(descriptor)


def has_ended(child: subprocess.Popen[bytes]) -> bool:
    """Whether the child has ended, without reaping it: its number stays taken until its group is swept."""
    if child.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def sweep(child: subprocess.Popen[bytes]) -> int:
    """Kill what is left of an ended child's group, then reap it; its exit code."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    return child.wait()


def end(child: subprocess.Popen[bytes], how: int, seconds: float) -> bool:
    """Ask the child to end, wait, and kill its group if it does not; True when it ended by itself."""
    if not has_ended(child):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, how)
        limit = time.monotonic() + seconds
        while not has_ended(child) and time.monotonic() < limit:
            time.sleep(0.02)
    obeyed = has_ended(child)
    if not obeyed:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    sweep(child)
    return obeyed


def marked(mark: str) -> list[int]:
    """Running processes that carry this mark in their environment: children of a supervisor, and theirs."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environ = (folder / "environ").read_bytes()
        except OSError:
            continue
        pid = int(folder.name)
        if wanted in environ.split(b"\0") and pid != os.getpid() and started(pid):
            found.append(pid)
    return found


def end_strays(pids: Iterable[int], how: int = signal.SIGTERM, seconds: float = 5.0) -> None:
    """End processes that are not our children: ask, wait, kill."""
    waiting = {pid: begun for pid in pids if (begun := started(pid))}
    for wave, patience in ((how, seconds), (signal.SIGKILL, 5.0)):
        for pid in waiting:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, wave)
        limit = time.monotonic() + patience
        while waiting and time.monotonic() < limit:
            waiting = {pid: begun for pid, begun in waiting.items() if started(pid) == begun}
            time.sleep(0.05 if waiting else 0)
        if not waiting:
            return
