"""The schema, made and upgraded by numbered SQL files, one program at a time."""

import logging
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from psycopg import errors, sql

from tape.errors import StoreError
from tape.sinks.postgres.refusals import setup_error
from tape.sinks.postgres.session import Connection, Session

log = logging.getLogger(__name__)

LOCK: Final = 0x7461_7065
"""Of the advisory lock, that no two programs migrate at a time."""

NUMBERED: Final = re.compile(r"(\d{4})_(\w+)\.sql")
FOLDER: Final = files("tape.sinks.postgres") / "sql"
VERSIONS: Final = "schema_version"
OURS: Final = ["applied_at", "name", "version"]
"""Columns of the table of versions; other programs have one of the same name."""

TABLES: Final = ("anomalies", "episodes", "rejected", "trades", "bars", "reviews")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a version of the schema to the next."""

    version: int
    name: str
    statements: str


def migrations() -> list[Migration]:
    """Return all steps, the first one first."""
    return steps_in(FOLDER)


def steps_in(folder: Traversable) -> list[Migration]:
    """Return the steps that are numbered SQL files of a folder, the first one first."""
    found = []
    for file in folder.iterdir():
        match = NUMBERED.fullmatch(file.name)
        if match is not None:
            found.append(Migration(int(match[1]), match[2], file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda one: one.version)


def newest() -> int:
    """Return the version of the schema that this program needs."""
    return migrations()[-1].version


def grants(schema: str) -> str:
    """Return the SQL that makes a role which may only read a schema."""
    text = (FOLDER / "grants.sql").read_text(encoding="utf-8")
    text = text.replace("schema tapewatch", f'schema "{schema}"')
    return text.replace('"tapewatch"', f'"{schema}"')


def version_of(connection: Connection, schema: str) -> int:
    """Return the version of a schema; 0 if there is nothing of ours yet.

    Raises:
        StoreError: it holds tables of our names that somebody else made, or is of a newer program.
    """
    there = _tables(connection, schema)
    if VERSIONS in there:
        _refuse_foreign_versions(connection, schema)
        table = sql.Identifier(schema, VERSIONS)
        asked = sql.SQL("select coalesce(max(version), 0) from {}").format(table)
        row = connection.execute(asked).fetchone()
        version = 0 if row is None else int(row[0])
        if version > newest():
            raise StoreError(
                f"the schema {schema} is of version {version}, this program knows {newest()}",
                "install the newer program that made it, or set POSTGRES_SCHEMA to another one",
            )
        return version
    foreign = [name for name in TABLES if name in there]
    if foreign:
        raise StoreError(
            f"the schema {schema} has tables that are not ours: {', '.join(foreign)}",
            "set POSTGRES_SCHEMA to another one",
        )
    return 0


def ensure(session: Session, *, may_migrate: bool) -> None:
    """Return when the schema is of the version that this program needs.

    Raises:
        StoreError: it is older and `may_migrate` is not given, or it cannot be made.
        SinkBusyError: the server is away just now.
    """
    schema = session.place.schema
    with session.work() as connection:
        version = version_of(connection, schema)
    if version == newest():
        return
    if not may_migrate:
        raise StoreError(
            f"the schema {schema} is of version {version}, this program needs {newest()}",
            "run `tape sink migrate`, or set SINK_MIGRATE=1",
        )
    migrate(session)


def migrate(session: Session, *, to: int | None = None) -> list[Migration]:
    """Bring the schema to its newest version, or to version `to`; returns the steps done.

    All steps are one transaction. A second program waits, and finds them done.
    """
    schema, done = session.place.schema, []
    with session.work() as connection, connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        _make_schema(connection, session)
        version = version_of(connection, schema)
        connection.execute(
            f"create table if not exists {VERSIONS} (version integer primary key, name text "
            "not null, applied_at timestamptz not null default now())"
        )
        for step in migrations():
            if version < step.version <= (to or step.version):
                connection.execute(step.statements.encode())
                connection.execute(
                    f"insert into {VERSIONS} (version, name) values (%s, %s)",
                    [step.version, step.name],
                )
                done.append(step)
    for step in done:
        log.info("schema migrated", extra={"to_version": step.version, "name_of_step": step.name})
    return done


def _refuse_foreign_versions(connection: Connection, schema: str) -> None:
    """Raise `StoreError` if the table of versions is another program's, of whatever columns."""
    columns = connection.execute(
        "select attname::text from pg_attribute where attrelid = %s::regclass and attnum > 0 "
        "and not attisdropped order by 1",
        [f'"{schema}"."{VERSIONS}"'],
    ).fetchall()
    if [name for (name,) in columns] != OURS:
        raise StoreError(
            f"the schema {schema} has a table {VERSIONS} that is not ours",
            "set POSTGRES_SCHEMA to another one",
        )


def _make_schema(connection: Connection, session: Session) -> None:
    schema = session.place.schema
    asked = connection.execute("select to_regnamespace(%s)", [f'"{schema}"']).fetchone()
    if asked is not None and asked[0] is not None:
        return
    try:
        with connection.transaction():
            name = sql.Identifier(schema)
            connection.execute(sql.SQL("create schema {}").format(name))
    except errors.InsufficientPrivilege as error:
        user = connection.info.user
        raise StoreError(
            setup_error(error, session.place.address).cause,
            f"have its owner run: CREATE SCHEMA {schema} AUTHORIZATION {user}",
        ) from None


def _tables(connection: Connection, schema: str) -> set[str]:
    """Return what bears a table's name in a schema: in one statement, hence at one moment.

    Asked one after the other, the tables of a program that has just made them all are seen in
    part, and look like somebody else's.
    """
    rows = connection.execute(
        "select relname::text from pg_class join pg_namespace on pg_namespace.oid = relnamespace "
        "where nspname = %s",
        [schema],
    ).fetchall()
    return {name for (name,) in rows}
