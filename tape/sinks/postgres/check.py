"""A look at a database before work: connection, schema, rights; nothing is changed."""

from collections.abc import Iterable, Iterator
from typing import Final

from tape.errors import StoreError
from tape.sinks.checked import Checked
from tape.sinks.postgres.migrations import newest, version_of
from tape.sinks.postgres.session import Connection, Place, Session
from tape.sinks.sink import SinkBusyError

WAIT_S: Final = 6.0
TABLE_OF: Final = {"stocks": "trades"}
"""Kinds whose table is called otherwise."""


def check_postgres(place: Place, kinds: Iterable[str]) -> Iterator[Checked]:
    """Yield what is found, until something is wrong on which the rest depends."""
    session = Session(place)
    try:
        session.wait(wait_s=WAIT_S, answered_s=WAIT_S)
        with session.work() as connection:
            version = connection.info.server_version
            shown = f"{version // 10_000}.{version % 10_000}"
            yield Checked("connection", True, f"PostgreSQL {shown} at {place.address.shown}")
            at = version_of(connection, place.schema)
            yield _schema(connection, place.schema, at)
            if at == newest():
                yield _rights(connection, place.schema, kinds)
    except StoreError as error:
        yield Checked("connection", False, error.cause, error.remedy)
    except SinkBusyError as error:
        yield Checked("connection", False, str(error), "look again when the server is well")
    finally:
        session.close()


def _schema(connection: Connection, schema: str, version: int) -> Checked:
    if version == newest():
        return Checked("schema", True, f"{schema} is of version {version}")
    if version:
        text = f"{schema} is of version {version}, this program needs {newest()}"
        return Checked("schema", False, text, "run `tape sink migrate`")
    may = _asked(connection, "select has_database_privilege(current_database(), 'create')")
    there = _asked(connection, "select to_regnamespace(%s) is not null", f'"{schema}"')
    if may or there:
        return Checked("schema", False, f"{schema} has no tables yet", "run `tape sink migrate`")
    text = f"there is no schema {schema}, and {connection.info.user} may not make one"
    fix = f"have the owner run: CREATE SCHEMA {schema} AUTHORIZATION {connection.info.user}"
    return Checked("schema", False, text, fix)


def _rights(connection: Connection, schema: str, kinds: Iterable[str]) -> Checked:
    missing = []
    for kind in kinds:
        table = TABLE_OF.get(kind, kind)
        for right in ("select", "insert", "update"):
            sentence = "select has_table_privilege(%s, %s)"
            if not _asked(connection, sentence, f'"{schema}".{table}', right):
                missing.append(f"{right} on {table}")
    if not _asked(connection, "select has_database_privilege(current_database(), 'temporary')"):
        missing.append("temporary tables in the database")
    if "stocks" in kinds and not _asked(
        connection,
        "select has_schema_privilege(%s, 'create') and pg_has_role((select relowner from pg_class "
        "where oid = %s::regclass), 'member')",
        schema,
        f'"{schema}".trades',
    ):
        missing.append("new partitions of trades (the table's owner may make them)")
    user = connection.info.user
    if missing:
        fix = f"have the owner grant them to {user}, or use the owner's name"
        return Checked("rights", False, f"{user} lacks: {', '.join(missing)}", fix)
    return Checked("rights", True, f"{user} may write all that SINK_TOPICS names")


def _asked(connection: Connection, question: str, *values: str) -> bool:
    row = connection.execute(question.encode(), values).fetchone()
    return row is not None and bool(row[0])
