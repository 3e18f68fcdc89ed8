"""The tables, made and upgraded by numbered SQL files whose steps may be done twice."""

import logging
from importlib.resources import files
from typing import Final

from tape.errors import StoreError
from tape.process.clock import CLOCK
from tape.sinks.postgres.migrations import Migration, steps_in
from tape.sinks.postgres.session import Connection
from tape.sinks.questdb.rows import TABLES
from tape.sinks.questdb.session import QuestSession
from tape.sinks.sink import SinkBusyError

log = logging.getLogger(__name__)

FOLDER: Final = files("tape.sinks.questdb") / "sql"
VERSIONS: Final = "schema_version"
OURS: Final = {"version", "name", "at"}
SEEN_S: Final = 20.0
"""Longest wait until what was committed can be seen."""

KEYS: Final = {
    "anomalies": {"ts_event", "anomaly_id"},
    "episode_states": {"ts_first", "episode_id", "appended_at", "topic_offset"},
    "rejected": {"appended_at", "topic", "topic_partition", "topic_offset"},
    "trades": {"ts_event", "symbol", "publisher_id", "sequence", "price", "size", "side"}
    | {"ordinal"},
}
"""By what a row is the same as another: without these a repeat would double it."""


def steps() -> list[Migration]:
    """Return all steps, the first one first."""
    return steps_in(FOLDER)


def newest() -> int:
    """Return the version of the tables that this program needs."""
    return steps()[-1].version


def version_of(connection: Connection, session: QuestSession) -> int:
    """Return the version of our tables; 0 if there are none, or not all of them yet.

    Raises:
        StoreError: there are tables of our names that somebody else made, or of a newer program.
    """
    there = {str(name) for (name,) in connection.execute("select table_name from tables()")}
    name = session.table(VERSIONS)
    if name not in there:
        foreign = sorted(there & {session.table(one) for one in KEYS})
        if foreign:
            raise _foreign(", ".join(foreign))
        return 0
    if _columns(connection, name).keys() != OURS:
        raise _foreign(name)
    row = connection.execute(f"select max(version) from {name}".encode()).fetchone()
    version = 0 if row is None or row[0] is None else int(row[0])
    if version > newest():
        raise StoreError(
            f"the tables {session.place.schema}_… are of version {version}, this program knows "
            f"{newest()}",
            "install the newer program that made them, or set POSTGRES_SCHEMA to another name",
        )
    return version


def refuse_foreign(connection: Connection, session: QuestSession) -> None:
    """Raise `StoreError` if a table lacks columns of ours, or keys that make its rows unique."""
    for name, table in TABLES.items():
        shown = session.table(name)
        found = _columns(connection, shown)
        missing = sorted(set(table.columns) - found.keys())
        if missing:
            raise _foreign(shown, f" (it has no {', '.join(missing)})")
        if {one for one, is_key in found.items() if is_key} != KEYS[name]:
            keys = ", ".join(sorted(KEYS[name]))
            raise StoreError(
                f"rows of the table {shown} would be doubled: its keys are not {keys}",
                f"ALTER TABLE {shown} DEDUP ENABLE UPSERT KEYS({keys})",
            )


def suspended(connection: Connection, session: QuestSession) -> list[str]:
    """Return which of our tables take rows and show none, until a person resumes them."""
    rows = connection.execute("select name from wal_tables() where suspended").fetchall()
    ours = {session.table(one) for one in KEYS}
    return sorted({str(name) for (name,) in rows} & ours)


def unseen(connection: Connection, session: QuestSession) -> int:
    """Return how many transactions of our tables are taken and cannot be seen yet."""
    rows = connection.execute("select name, sequencerTxn - writerTxn from wal_tables()").fetchall()
    ours = {session.table(one) for one in KEYS}
    return sum(int(count) for name, count in rows if name in ours)


def ensure(session: QuestSession, *, may_migrate: bool) -> None:
    """Return when the tables are of the version that this program needs.

    Raises:
        StoreError: they are older and `may_migrate` is not given, or are not ours.
        SinkBusyError: the server is away just now.
    """
    with session.work() as connection:
        version = version_of(connection, session)
        if version == newest():
            refuse_foreign(connection, session)
            return
    if not may_migrate:
        raise StoreError(
            f"the tables {session.place.schema}_… are of version {version}, this program needs "
            f"{newest()}",
            "run `tape sink migrate`, or set SINK_MIGRATE=1",
        )
    migrate(session)


def migrate(session: QuestSession) -> list[Migration]:
    """Bring the tables to their newest version; returns the steps done.

    There are no transactions around these: a step that was cut short is done again, and two
    programs at once do the same twice. The version is written behind the step.
    """
    done = []
    with session.work() as connection:
        version = version_of(connection, session)
        name = session.table(VERSIONS)
        connection.execute(
            f"create table if not exists {name} (at timestamp, version int, name varchar) "
            "timestamp(at) partition by year wal dedup upsert keys(at, version)".encode()
        )
        for step in steps():
            if step.version <= version:
                continue
            for statement in _statements(step, session.place.schema):
                connection.execute(statement.encode())
            refuse_foreign(connection, session)
            connection.execute(
                f"insert into {name} (at, version, name) values (0, {step.version}, "
                f"'{step.name}')".encode()
            )
            done.append(step)
        _wait_until_seen(connection, session)
    for step in done:
        log.info("schema migrated", extra={"to_version": step.version, "name_of_step": step.name})
    return done


def _statements(step: Migration, prefix: str) -> list[str]:
    lines = [line.partition("--")[0] for line in step.statements.splitlines()]
    text = "\n".join(lines).replace("{p}", prefix)
    return [one.strip() for one in text.split(";") if one.strip()]


def _wait_until_seen(connection: Connection, session: QuestSession) -> None:
    until_s = CLOCK.now_s() + SEEN_S
    while version_of(connection, session) < newest():
        if CLOCK.now_s() > until_s:
            raise SinkBusyError("QuestDB does not show what it has taken", retry_after_s=1.0)
        CLOCK.sleep(0.05)


def _columns(connection: Connection, table: str) -> dict[str, bool]:
    """Return the columns of a table, and which of them are keys."""
    rows = connection.execute(
        f"select \"column\", upsertKey from table_columns('{table}')".encode()
    ).fetchall()
    return {str(name): bool(is_key) for name, is_key in rows}


def _foreign(names: str, why: str = "") -> StoreError:
    return StoreError(
        f"there are tables that are not ours: {names}{why}",
        "set POSTGRES_SCHEMA, with which the names of ours begin, to another name",
    )
