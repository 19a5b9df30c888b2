"""Brings the database, the keys and the static files to what the code needs; does nothing twice."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from launcher import backups, environment, locks, services
from launcher.console import Console
from launcher.installation import Installation

_SCHEMA = (
    "*/models.py",
    "*/models/*.py",
    "*/*/models.py",
    "*/ledger_states.py",
    "*/*/ledger_states.py",
    "*/migrations/*.py",
    "*/*/migrations/*.py",
)


def _digest(place: Installation, paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(place.project)}\0".encode())
        digest.update(path.read_bytes())
    digest.update(environment.lock_digest(place.project / environment.RUNTIME).encode())
    return digest.hexdigest()


def schema_digest(place: Installation) -> str:
    """Changes whenever tables, guards or the packages that bring tables do."""
    files = {path for pattern in _SCHEMA for path in place.project.glob(pattern) if ".venv" not in path.parts}
    files |= {place.project / "portal" / "database.py", place.project / "portal" / "settings.py"}
    return _digest(place, [path for path in files if path.is_file()])


def static_digest(place: Installation) -> str:
    """Changes whenever a static file does."""
    return _digest(place, [path for path in (place.project / "static").rglob("*") if path.is_file()])


def prepare(place: Installation, console: Console, stores: services.Stores, env: dict[str, str]) -> None:
    """Migrate as the owner, make the keys, collect the static files: each only when something changed."""
    done = _done(place, stores)
    _schema(place, console, stores, env, done)
    _keys(place, console, stores, env, done)
    with console.step("static files") as step:
        now = static_digest(place)
        if done.get("static") == now and (place.static / "staticfiles.json").exists():
            step.skip("unchanged")
        else:
            arguments = ("collectstatic", "--noinput", "--clear", "--verbosity", "0")
            services.manage(place, env, *arguments, account=stores.account)
            _remember(place, done, "static", now)


def prepare_first(place: Installation, console: Console, stores: services.Stores, env: dict[str, str]) -> None:
    """Schema and keys for a command that comes before the first run."""
    done = _done(place, stores)
    if stores.embedded_database and not done.get("schema"):
        _schema(place, console, stores, env, done)
        _keys(place, console, stores, env, done)


def _done(place: Installation, stores: services.Stores) -> dict[str, str]:
    """What was done already. What was done to another database does not count for a new one."""
    done = locks.read_json(place.state_file)
    if stores.embedded_database and stores.postgres.fresh:
        return {key: value for key, value in done.items() if key == "static"}
    return done


def _remember(place: Installation, done: dict[str, str], name: str, digest: str) -> None:
    done[name] = digest
    locks.write_json(place.state_file, done)


def _schema(
    place: Installation, console: Console, stores: services.Stores, env: dict[str, str], done: dict[str, str]
) -> None:
    wanted = schema_digest(place)
    with console.step("schema") as step:
        if stores.embedded_database and done.get("schema") == wanted:
            step.skip("unchanged")
            return
        if stores.embedded_database and done.get("schema"):
            name = time.strftime("before-upgrade-%Y%m%dT%H%M%SZ.tar", time.gmtime())
            backups.write(place, stores, env, place.backups / name)
            step.note(f"backup in {place.backups / name}")
        services.manage(place, env | stores.urls(powers="owner"), "prepare", account=stores.account)
        _remember(place, done, "schema", wanted)


def _keys(
    place: Installation, console: Console, stores: services.Stores, env: dict[str, str], done: dict[str, str]
) -> None:
    with console.step("keys") as step:
        if (place.keys / "ledger_ed25519.pem").exists() and done.get("keys") == done["schema"]:
            step.skip("there")
            return
        services.manage(place, env, "make_keys", account=stores.account)
        _remember(place, done, "keys", done["schema"])


def is_empty(place: Installation, stores: services.Stores, env: dict[str, str]) -> bool:
    """Whether nobody has an account yet. A portal that was used is never empty again, so it is asked no more."""
    done = locks.read_json(place.state_file)
    if stores.embedded_database and done.get("used"):
        return False
    if services.manage(place, env, "prepare", "--is-empty", account=stores.account).strip() == "empty":
        return True
    done["used"] = "yes"
    locks.write_json(place.state_file, done)
    return False
