"""QuestDB as a store: each kind of message into its table, a repeat in the place of the first."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Final

import psycopg

from tape.model.rejected import Rejected
from tape.process.clock import CLOCK, Clock
from tape.sinks.postgres.paced import PacedWriter
from tape.sinks.postgres.session import Place
from tape.sinks.questdb.refusals import reason_of
from tape.sinks.questdb.rows import TABLES, Row
from tape.sinks.questdb.session import QuestSession
from tape.sinks.questdb.tables import ensure, suspended
from tape.sinks.sink import Item, Kind, Poison, SinkBusyError

TABLE_OF: Final[dict[Kind, str]] = {
    "anomalies": "anomalies",
    "episodes": "episode_states",
    "rejected": "rejected",
    "stocks": "trades",
}
ROWS_MAX: Final = 2_000
"""Rows of one transaction: more are no faster."""

WRITE_S: Final = 45.0
"""After it the rest is put off: the loop has to come round. What is there is written again."""

MIGRATE_S: Final = 600.0
SUSPENDED_S: Final = 5.0


class QuestStore:
    """Writes items by identity: what was written before changes nothing.

    A transaction is in the server's log when it returns, and can be seen a moment later.
    """

    def __init__(self, place: Place, *, may_migrate: bool = True, clock: Clock = CLOCK) -> None:
        self._place, self._may_migrate, self._clock = place, may_migrate, clock
        self.session = QuestSession(place)
        self._paced = PacedWriter(self.session, reason_of, ROWS_MAX)
        self._done: set[tuple[Kind, str, int, int, int]] = set()

    def open(self) -> None:
        """Connect, and bring the tables to the version that this program needs."""
        self.session.wait()
        with closing(QuestSession(replace(self._place, timeout_s=MIGRATE_S))) as patient:
            ensure(patient, may_migrate=self._may_migrate)

    def begin(self, topic: str, partition: int, offset: int) -> None:
        """Do nothing: rows are replaced by identity, wherever reading begins."""

    def write(self, items: Sequence[Item], /) -> list[Poison]:
        """Write items, and return those that the server can never take, with its reason.

        Rows that got in before it became busy are not written again when they come again: on a
        slow server that would have no end.
        """
        poison: list[Poison] = []
        until_s = self._clock.now_s() + WRITE_S
        for kind in TABLE_OF:
            rows, unread = _rows(kind, items)
            poison += unread
            rows = [row for row in rows if _place(row[0]) not in self._done]
            at = 0
            while at < len(rows):
                if self._clock.now_s() > until_s:
                    raise SinkBusyError("the database takes too long", retry_after_s=0.1)
                some = rows[at : at + self._paced.rows_max]
                poison += self._paced.write(some, partial(self._put, TABLE_OF[kind]))
                at += len(some)
                self._done.update(_place(item) for item, _ in some)
        self._done.clear()
        self._refuse_suspended()
        return poison

    def flush(self) -> None:
        """Do nothing: `write` returns when all is committed."""

    def close(self) -> None:
        """Let go of the connection."""
        self.session.close()

    def _put(self, table: str, rows: Sequence[tuple[Item, Row]]) -> None:
        columns = TABLES[table].columns
        cells = ", ".join(["%s"] * len(columns))
        insert = f"insert into {self.session.table(table)} ({', '.join(columns)}) values ({cells})"
        with self.session.work() as connection:
            try:
                connection.execute("begin")
                with connection.cursor() as cursor:
                    cursor.executemany(insert.encode(), [row for _, row in rows])
                connection.execute("commit")
            except psycopg.Error:
                connection.close()  # it cannot undo what the driver has prepared
                raise

    def _refuse_suspended(self) -> None:
        """Raise `SinkBusyError` if a table takes rows and shows none, its disk being full say.

        They are in its log, and would be there once it continues; but that takes a person.
        """
        with self.session.work() as connection:
            names = suspended(connection, self.session)
        if names:
            raise SinkBusyError(
                f"the table {names[0]} is suspended: see wal_tables(), then ALTER TABLE {names[0]} "
                "RESUME WAL",
                retry_after_s=SUSPENDED_S,
            )


def _rows(kind: Kind, items: Sequence[Item]) -> tuple[list[tuple[Item, Row]], list[Poison]]:
    """Return the rows of a kind, the oldest first, and the items of which there is none."""
    rows, poison = [], []
    for item in items:
        if item.kind != kind or item.is_deletion:
            continue  # an empty episode: its key is no more, as on a compacted topic
        row = TABLES[TABLE_OF[kind]].row_of(item)
        if isinstance(row, Rejected):
            poison.append(Poison(item, f"{row.reason}: {row.detail}"))
        else:
            rows.append((item, row))
    return sorted(rows, key=lambda one: one[0].age), poison


def _place(item: Item) -> tuple[Kind, str, int, int, int]:
    return item.kind, item.topic, item.partition, item.offset, item.appended_ms
