"""Guards inside PostgreSQL: what the application's role may touch, and which changes the database itself refuses.

`sync_guards` runs after every migration, as the owner of the tables, and may run at any time:

- the application's role gets SELECT, INSERT, UPDATE and DELETE, never TRUNCATE or ownership;
- a model with `append_only = True` gets SELECT and INSERT, and a trigger that refuses UPDATE and DELETE to
  everybody. Exceptions per column, as class attributes: `append_only_mutable` (once, from null),
  `append_only_erasable` (only to null), `append_only_growing` (only by appending to it);
- a model with `governed = True` gets deferred constraint triggers: a transaction that changed what the ledger
  binds of a row (the fields of its state schemas) commits only with an entry about it, written after the change.

A superuser can switch all of this off (`session_replication_role`); finding that is the work of `ledger verify`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections, models

from portal.ledger import states
from portal.ledger.canonical import sha256_hex

_PREFIX = "gatehouse_"
_MIGRATIONS_TABLE = "django_migrations"

_REFUSE = """
CREATE OR REPLACE FUNCTION gatehouse_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $gatehouse$
BEGIN
    RAISE EXCEPTION 'append-only table %: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME,
              HINT = 'Rows of this table are history. Record a new row that says what is true now.';
END
$gatehouse$;
"""

# cmin is the number of the statement, within the transaction, that wrote a row version. Compared, it shows
# whether the entry was written after the last change of the row, so that its digest is of the final state.
_REQUIRE = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $gatehouse$
DECLARE
    subject text;
    recorded bigint;
    changed bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN subject := OLD.{pk}::text; ELSE subject := NEW.{pk}::text; END IF;
    SELECT max(cmin::text::bigint) INTO recorded FROM ledger_ledgerentry
        WHERE txid = pg_current_xact_id()::text::bigint AND subject_type = {type} AND subject_id = subject;
    IF recorded IS NULL THEN
        RAISE EXCEPTION 'governed table {table_text}: % of {type_text} % has no ledger entry in its transaction',
            TG_OP, subject
            USING ERRCODE = 'integrity_constraint_violation', TABLE = TG_TABLE_NAME,
                  HINT = 'Change it through its service, which ends with portal.ledger.services.record().';
    END IF;
    IF TG_OP <> 'DELETE' THEN
        SELECT cmin::text::bigint INTO changed FROM {table} WHERE {pk} = NEW.{pk};
        IF changed > recorded THEN
            RAISE EXCEPTION 'governed table {table_text}: {type_text} % was changed after its ledger entry', subject
                USING ERRCODE = 'integrity_constraint_violation', TABLE = TG_TABLE_NAME,
                      HINT = 'record() is the last statement of an act: its digest must be of the final row.';
        END IF;
    END IF;
    RETURN NULL;
END
$gatehouse$;
"""


@dataclasses.dataclass(frozen=True)
class Guard:
    """One trigger: its table, name, and the SQL that makes it."""

    table: str
    name: str
    sql: str


def install(sender: Any, *, using: str = "default", **kwargs: Any) -> None:
    """Receiver for `post_migrate`: bring the guards of that database up to date."""
    sync_guards(using)


def sync_guards(using: str = "default") -> bool:
    """Make grants and triggers match the models; whether anything had to be done.

    To be run by the owner of the tables. Nothing is locked or changed when the guards are in place already.
    Raises django.db.ProgrammingError when the role does not own the tables.
    """
    connection = connections[using]
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        guards = expected_guards(using, tables)
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [_app_role()])
        grants = _grants(using, tables) if cursor.fetchone() else []
        drops = [_drop(using, table, name) for table, name in sorted(_installed(cursor))]
        script = "\n".join([_REFUSE, *(guard.sql for guard in guards), *grants])
        fingerprint = f"guards {sha256_hex(script.encode())}"
        cursor.execute(
            "SELECT obj_description(to_regprocedure('gatehouse_refuse_change()')::oid, 'pg_proc') = %s", [fingerprint]
        )
        row = cursor.fetchone()
        if row and row[0] and not _missing(cursor, guards):
            return False
        comment = f"COMMENT ON FUNCTION gatehouse_refuse_change() IS {_literal(fingerprint)};"
        # One simple-protocol script is one transaction: no moment without guards.
        cursor.execute("\n".join([*drops, script, comment]))
    return True


def missing_guards(using: str = "default") -> list[str]:
    """The tables whose trigger is absent, switched off or foreign: "table: trigger" each."""
    connection = connections[using]
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        return _missing(cursor, expected_guards(using, tables))


def expected_guards(using: str, tables: Iterable[str]) -> list[Guard]:
    """The triggers that the installed models call for, for those of the tables that exist."""
    present = set(tables)
    guards: list[Guard] = []
    for model in sorted(apps.get_models(), key=lambda one: one._meta.label_lower):
        if model._meta.db_table not in present:
            continue
        if states.is_marked(model, "append_only"):
            guards += _append_only(using, model)
        if states.is_marked(model, "governed") and "ledger_ledgerentry" in present:
            guards += _governed(using, model)
    return guards


def _append_only(using: str, model: type[models.Model]) -> list[Guard]:
    quote = connections[using].ops.quote_name
    table = model._meta.db_table
    tests = []
    for field in model._meta.concrete_fields:
        column = quote(str(field.column))
        changed = f"NEW.{column} IS DISTINCT FROM OLD.{column}"
        if field.name in getattr(model, "append_only_mutable", ()):
            tests.append(f"(OLD.{column} IS NOT NULL AND {changed})")
        elif field.name in getattr(model, "append_only_erasable", ()):
            tests.append(f"(NEW.{column} IS NOT NULL AND {changed})")
        elif field.name in getattr(model, "append_only_growing", ()):
            kept = f"substring(NEW.{column} FROM 1 FOR octet_length(OLD.{column}))"
            tests.append(f"({kept} IS DISTINCT FROM OLD.{column})")
        else:
            tests.append(f"({changed})")
    # A table without exceptions refuses even an update that changes nothing.
    when = f" WHEN ({' OR '.join(tests)})" if _open_columns(model) else ""
    start = f"CREATE TRIGGER {_PREFIX}{{0}} BEFORE {{1}} ON {quote(table)} FOR EACH ROW"
    call = "EXECUTE FUNCTION gatehouse_refuse_change();"
    return [
        Guard(table, f"{_PREFIX}no_update", f"{start.format('no_update', 'UPDATE')}{when} {call}"),
        Guard(table, f"{_PREFIX}no_delete", f"{start.format('no_delete', 'DELETE')} {call}"),
    ]


def _governed(using: str, model: type[models.Model]) -> list[Guard]:
    quote = connections[using].ops.quote_name
    table, kind = model._meta.db_table, states.ledger_type(model)
    assert model._meta.pk is not None
    pk = quote(str(model._meta.pk.column))
    function = quote(f"{_PREFIX}entry_{table}"[:63])
    body = _REQUIRE.format(
        function=function,
        pk=pk,
        table=quote(table),
        type=_literal(kind),
        table_text=table.replace("'", "''").replace("%", "%%"),
        type_text=kind.replace("'", "''").replace("%", "%%"),
    )
    bound = [quote(str(field.column)) for field in states.bound_fields(model)]
    changed = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in dict.fromkeys([pk, *bound]))
    tail = f"ON {quote(table)} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
    call = f"EXECUTE FUNCTION {function}();"
    return [
        Guard(
            table,
            f"{_PREFIX}entry",
            f"{body}CREATE CONSTRAINT TRIGGER {_PREFIX}entry AFTER INSERT OR DELETE {tail} {call}",
        ),
        Guard(
            table,
            f"{_PREFIX}entry_update",
            f"CREATE CONSTRAINT TRIGGER {_PREFIX}entry_update AFTER UPDATE {tail} WHEN ({changed}) {call}",
        ),
    ]


def _grants(using: str, tables: set[str]) -> list[str]:
    quote = connections[using].ops.quote_name
    role = quote(_app_role())
    append_only = {
        model._meta.db_table: _open_columns(model)
        for model in apps.get_models()
        if states.is_marked(model, "append_only")
    }
    script = []
    for table in sorted(tables):
        name = quote(table)
        script.append(f"REVOKE ALL ON TABLE {name} FROM {role};")
        if table == _MIGRATIONS_TABLE:
            script.append(f"GRANT SELECT ON TABLE {name} TO {role};")
        elif table in append_only:
            columns = ", ".join(quote(column) for column in append_only[table])
            update = f", UPDATE ({columns})" if columns else ""
            script.append(f"GRANT SELECT, INSERT{update} ON TABLE {name} TO {role};")
        else:
            script.append(f"GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE {name} TO {role};")
    script.append(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};")
    return script


def _open_columns(model: type[models.Model]) -> Sequence[str]:
    names = [
        name
        for kind in ("append_only_mutable", "append_only_erasable", "append_only_growing")
        for name in getattr(model, kind, ())
    ]
    return [str(model._meta.get_field(name).column) for name in names]  # type: ignore[union-attr]


def _installed(cursor: Any) -> list[tuple[str, str]]:
    """(table, trigger) of the guards that are there and fire for an ordinary session."""
    cursor.execute(
        "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace AND starts_with(t.tgname, %s)",
        [_PREFIX],
    )
    return [(str(table), str(name)) for table, name in cursor.fetchall()]


def _missing(cursor: Any, guards: Iterable[Guard]) -> list[str]:
    cursor.execute(
        "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE t.tgenabled IN ('O', 'A') AND c.relnamespace = 'public'::regnamespace AND starts_with(t.tgname, %s)",
        [_PREFIX],
    )
    there = set(cursor.fetchall())
    return [f"{guard.table}: {guard.name}" for guard in guards if (guard.table, guard.name) not in there]


def _drop(using: str, table: str, name: str) -> str:
    quote = connections[using].ops.quote_name
    return f"DROP TRIGGER IF EXISTS {quote(name)} ON {quote(table)};"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _app_role() -> str:
    return str(getattr(settings, "DATABASE_APP_ROLE", "gatehouse_app"))
