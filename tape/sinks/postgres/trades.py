"""Trades into their table: by COPY, and only those that are not there yet."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from psycopg import errors

from tape.sinks.postgres.session import Connection, Session
from tape.sinks.postgres.trade_rows import COLUMNS, END, HEAD, TradeTable, copy_blocks

LOCK: Final = 0x7461_7064
"""Of the advisory lock, that no two programs make a partition at a time."""

NAMES: Final = ", ".join(COLUMNS)
EPOCH: Final = date(1970, 1, 1)
"""From which days are counted."""


class TradeWriter:
    """Writes trades; the same ones twice are there once.

    Straight into the table as long as all are new, which is twice as fast; from the first that is
    there on by way of a temporary table.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._made: set[int] = set()
        self._straight = True

    def write(self, trades: TradeTable) -> int:
        """Write trades in one transaction; returns how many were new.

        Raises `SinkBusyError` or `StoreError`, and then none was written.
        """
        if not len(trades):
            return 0
        with self._session.work() as connection:
            self._make_partitions(connection, trades.days())
            if self._straight:
                try:
                    with connection.transaction():
                        _copy(connection, "trades", trades)
                    return len(trades)
                except errors.UniqueViolation:
                    self._straight = False
            with connection.transaction():
                return _merge(connection, trades)

    def expect_new(self) -> None:
        """Try the fast way again: what comes now is of another file."""
        self._straight = True

    def _make_partitions(self, connection: Connection, days: Iterable[int]) -> None:
        for day in days:
            if day not in self._made:
                with connection.transaction():
                    make_partition(connection, EPOCH + timedelta(days=day))
                self._made.add(day)


def partition_name(day: date) -> str:
    """Return the table that holds a day's trades.

    >>> partition_name(date(2025, 5, 6))
    'trades_2025_05_06'
    """
    return f"trades_{day:%Y_%m_%d}"


def make_partition(connection: Connection, day: date) -> None:
    """Make the partition of a UTC day, if it is not there.

    It is made apart and attached, which stops no reader; `create … partition of` would wait for
    every open query, and let nobody read until it is done.
    """
    name = partition_name(day)
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = begin + timedelta(days=1)
    asked = connection.execute("select to_regclass(%s)", [name]).fetchone()
    if asked is not None and asked[0] is not None:
        return
    connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])
    connection.execute(
        f"create table if not exists {name} (like trades including defaults including constraints)"
    )
    attached = connection.execute(
        "select 1 from pg_inherits where inhrelid = %s::regclass", [name]
    ).fetchone()
    if attached is None:
        connection.execute(
            f"alter table trades attach partition {name} for values from ('{begin}') to ('{end}')"
        )


def _copy(connection: Connection, table: str, trades: TradeTable) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy {table} ({NAMES}) from stdin (format binary)") as copy,
    ):
        copy.write(HEAD)
        for block in copy_blocks(trades):
            copy.write(block)
        copy.write(END)


def _merge(connection: Connection, trades: TradeTable) -> int:
    connection.execute(
        "create temporary table if not exists new_trades (like trades) on commit delete rows"
    )
    _copy(connection, "new_trades", trades)
    done = connection.execute(
        f"insert into trades ({NAMES}) select {NAMES} from new_trades on conflict do nothing"
    )
    return done.rowcount
