"""Stores for tests: a real PostgreSQL and QuestDB, a folder, and what a reader finds in them."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import psycopg

from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.model.counts import Counts
from tape.ops.local_postgres import LocalPostgres
from tape.ops.local_questdb import LocalQuestDb
from tape.sinks.parquet_store import ParquetStore
from tape.sinks.postgres.address import address_of
from tape.sinks.postgres.session import Place
from tape.sinks.postgres.store import PostgresStore
from tape.sinks.questdb.store import QuestStore
from tape.sinks.sink import KINDS, Item, Kind, Poison, SinkBusyError, Store
from tape.testing import a_message

APPENDED_MS = 1_750_000_000_000
TIMEOUT_S = 1.5
OURS = re.compile(r"\b(from|table) (anomalies|episode_states|episodes|rejected|trades)\b")
IDS = {"anomalies": "anomaly_id", "episodes": "episode_id"}


def found(count: int, **changes: Any) -> tuple[list[Item], list[Item]]:
    """This many anomalies, and the states of their episodes, as the detector writes them."""
    values = [a_message(n, size=30_000 + n, **changes) for n in range(1, count + 1)]
    key = str(changes.get("symbol", "NVDA")).encode()
    judged = Judge(Parameters(), 5, Counts()).judge([key] * count, values)
    assert len(judged.flagged) == count
    anomalies = [as_item(one.value, "anomalies", n) for n, one in enumerate(judged.flagged)]
    episodes = [as_item(one.value, "episodes", n) for n, one in enumerate(judged.episodes)]
    return anomalies, episodes


def as_item(value: bytes, kind: Kind, offset: int, **more: Any) -> Item:
    return Item(value, kind, kind, offset=offset, appended_ms=APPENDED_MS + offset, **more)


def changed(item: Item, **fields: Any) -> Item:
    """The same item with other fields in its message."""
    return Item(json.dumps(json.loads(item.value) | fields).encode(), *list(_rest(item)))


def _rest(item: Item) -> Iterable[Any]:
    return (getattr(item, name) for name in item.__struct_fields__[1:])


def newest(items: Iterable[Item], identity: str) -> dict[str, dict[str, Any]]:
    """The last message of each identity: what a store has to hold."""
    return {(m := json.loads(item.value))[identity]: m for item in items}


@dataclass(slots=True)
class Bench:
    """A store of one kind, made as often as a test wants, and a reader of its own.

    `env` says to an app where it is.
    """

    name: str
    make: Callable[[], Store]
    query: Callable[[str], list[tuple[Any, ...]]]
    env: dict[str, str] = field(default_factory=dict)
    made: list[Store] = field(default_factory=list)

    def opened(self) -> Store:
        store = self.make()
        self.made.append(store)
        store.open()
        return store

    def close(self) -> None:
        for store in self.made:
            store.close()

    def rows(self, kind: str) -> dict[str, dict[str, Any]]:
        """The message of each identity; a file has every state, of which the newest counts."""
        identity = IDS[kind]
        if self.name in ("postgres", "questdb"):
            rows = self.query(f"select {identity}, message from {kind}")
        else:
            rows = self.query(
                f"select {identity}, arg_max(message, (appended_at, topic_offset)) "
                f"from {kind} group by 1"
            )
        return {name: m if isinstance(m, dict) else json.loads(m) for name, m in rows}

    def count(self, kind: str) -> int:
        (row,) = self.query(f"select count(*) from {kind}")
        return int(row[0])


def postgres_bench(server: LocalPostgres, **how: Any) -> Bench:
    """A schema of its own on a server."""
    schema = f"test_{uuid4().hex[:8]}"
    place = Place(address_of(server.url()), schema, TIMEOUT_S)

    def query(text: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"set search_path to {schema}".encode())
            return connection.execute(text.encode()).fetchall()

    env = {"DATABASE_URL": server.url(), "POSTGRES_SCHEMA": schema}
    return Bench("postgres", lambda: PostgresStore(replace(place), **how), query, env)


def questdb_bench(server: LocalQuestDb, **how: Any) -> Bench:
    """Tables of their own on a server; a reader who waits until it sees all that was taken."""
    prefix = f"test_{uuid4().hex[:8]}"
    place = Place(address_of(server.url()), prefix, TIMEOUT_S * 4)  # a table is some 20 files

    def query(text: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            waiting = (
                f"select count(*) from wal_tables() where name like '{prefix}%' "
                "and writerTxn < sequencerTxn and not suspended"
            )
            while connection.execute(waiting.encode()).fetchone() != (0,):
                continue
            named = OURS.sub(rf"\1 {prefix}_\2", text)
            return connection.execute(named.encode()).fetchall()

    env = {"DATABASE_URL": server.url(), "POSTGRES_SCHEMA": prefix}
    return Bench("questdb", lambda: QuestStore(replace(place), **how), query, env)


def files_bench(folder: Path) -> Bench:
    """A folder, and DuckDB as its reader."""

    def query(text: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            connection.execute("set timezone='UTC'")
            for kind in KINDS:
                place = folder / f"topic={kind}"
                if any(place.rglob("*.parquet")):
                    connection.execute(
                        f"create view {kind} as from read_parquet('{place}/*/*.parquet')"
                    )
            return connection.execute(text).fetchall()

    return Bench("files", lambda: ParquetStore(folder), query)


def put(store: Store, items: list[Item], *, tries: int = 40) -> list[Poison]:
    """Give a store what it does not take until it does, as the app does."""
    for _ in range(tries):
        try:
            poison = list(store.write(items))
            store.flush()
            return poison
        except SinkBusyError:
            continue
    raise AssertionError(f"still busy after {tries} tries")


def admin(server: LocalPostgres, *statements: str, database: str = "postgres") -> None:
    with psycopg.connect(server.url(database), autocommit=True) as connection:
        for one in statements:
            connection.execute(one.encode())
