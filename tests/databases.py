"""Databases for tests: one migrated template a code state, one copy of it a test process.

Tests run as the application's role, which may neither create a database nor truncate a table; both are done
here by the superuser and the owner.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parents[1]
KEPT = ("django_migrations", "django_content_type", "auth_permission")
_LOCK = 0x746D706C


def url_for(name: str, *, role: str = "owner") -> str:
    """The URL of database `name` for a role: app, owner or superuser."""
    variable = {"app": "DATABASE_URL", "owner": "DATABASE_OWNER_URL", "superuser": "GATEHOUSE_SUPERUSER_URL"}[role]
    return os.environ[variable].replace("@/gatehouse?", f"@/{name}?")


def code_digest() -> str:
    """Changes whenever the schema or the guards could."""
    digest = hashlib.sha256()
    tables = ("*/models.py", "*/models/*.py", "*/*/models.py")
    places = (*tables, "*/ledger_states.py", "*/*/ledger_states.py", "*/migrations/*.py")
    files = {path for place in (*places, "*/*/migrations/*.py", "portal/database.py") for path in ROOT.glob(place)}
    for path in sorted(path for path in files if ".venv" not in path.parts):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def ensure_template() -> str:
    """The name of the migrated template; made by whichever process comes first."""
    name = f"gh_template_{code_digest()}"
    with psycopg.connect(url_for("gatehouse", role="superuser"), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return name
        part = f"{name}_part"
        connection.execute(f'DROP DATABASE IF EXISTS "{part}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{part}" OWNER gatehouse_owner')
        for command in (["migrate", "--verbosity", "0"], ["createcachetable"], ["migrate", "--verbosity", "0"]):
            # The second migrate brings the grants to the cache's table.
            done = subprocess.run(
                [sys.executable, "manage.py", *command],
                cwd=ROOT,
                env={**os.environ, "DATABASE_URL": url_for(part)},
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                raise RuntimeError(f"manage.py {' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
        connection.execute(f'ALTER DATABASE "{part}" RENAME TO "{name}"')
    return name


def clone(name: str) -> None:
    """A fresh copy of the template."""
    template = ensure_template()
    with psycopg.connect(url_for("gatehouse", role="superuser"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER gatehouse_owner')


def drop(name: str) -> None:
    with psycopg.connect(url_for("gatehouse", role="superuser"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def empty(name: str) -> None:
    """Truncate every table as its owner; what migrations put there stays."""
    with psycopg.connect(url_for(name), autocommit=True) as connection:
        connection.execute("SET lock_timeout = '20s'")
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND NOT tablename = ANY(%s)", [list(KEPT)]
        ).fetchall()
        names = ", ".join(f'"{table}"' for (table,) in tables)
        connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
