"""PostgreSQL as a store: each kind of message into its table, the newest of each identity."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from tape.model.rejected import Rejected
from tape.process.clock import CLOCK, Clock
from tape.sinks.postgres.dated_rows import BAR_COLUMNS, REVIEW_COLUMNS, bar_row, review_row
from tape.sinks.postgres.migrations import ensure
from tape.sinks.postgres.paced import PacedWriter
from tape.sinks.postgres.refusals import reason_of
from tape.sinks.postgres.rows import (
    ANOMALY_COLUMNS,
    EPISODE_COLUMNS,
    REJECTED_COLUMNS,
    Row,
    anomaly_row,
    episode_row,
    newest_rows,
    rejected_row,
)
from tape.sinks.postgres.session import Connection, Place, Session
from tape.sinks.postgres.trade_rows import TradeTable
from tape.sinks.postgres.trades import TradeWriter
from tape.sinks.sink import Item, Kind, Poison, SinkBusyError

if TYPE_CHECKING:
    from tape.codec.symbols import SymbolTable

log = logging.getLogger(__name__)

WRITE_S: Final = 45.0
"""After it the rest is put off: the loop has to come round. What is there already costs little."""

SYMBOLS_MAX: Final = 500_000
"""Symbols that are numbered before it is begun again: ten times as many as there are."""

TRADES_MAX: Final = 50_000
MIGRATE_S: Final = 600.0
"""Longest that a step of the schema may take: it may write every row again."""


@dataclass(frozen=True, slots=True)
class Table:
    """How one kind of message becomes rows.

    Attributes:
        name: of the table.
        columns: that the rows have.
        row_of: makes one.
        insert: moves what is in the staging table; it takes the newer of two rows.
    """

    name: str
    columns: tuple[str, ...]
    row_of: Callable[[Item], Row | Rejected]
    insert: str


NEWER: Final = (
    "(excluded.appended_at, excluded.topic_offset) > (kept.appended_at, kept.topic_offset)"
)


def _upsert(
    name: str, key: str, columns: tuple[str, ...], newer: str = NEWER, **derived: str
) -> str:
    """Return the statement that moves staged rows into a table, where they are `newer`.

    In the order of their keys: two programs that write the same rows then wait for one another,
    and neither is the other's deadlock.
    """
    targets = ", ".join([*columns, *derived])
    sources = ", ".join([*columns, *derived.values()])
    own = [one for one in (*columns, *derived) if one not in key.split(", ")]
    new = ", ".join(f"{one} = excluded.{one}" for one in own)
    return (
        f"insert into {name} as kept ({targets}) select {sources} from new_{name} order by {key} "
        f"on conflict ({key}) do update set {new}, written_at = now() where {newer}"
    )


TABLES: Final[dict[Kind, Table]] = {
    "anomalies": Table(
        "anomalies",
        ANOMALY_COLUMNS,
        anomaly_row,
        _upsert(
            "anomalies",
            "anomaly_id",
            ANOMALY_COLUMNS,
            reasons="message -> 'reasons'",
            features="message -> 'features'",
        ),
    ),
    "episodes": Table(
        "episodes",
        EPISODE_COLUMNS,
        episode_row,
        _upsert("episodes", "episode_id", EPISODE_COLUMNS, by_rule="message -> 'rules'"),
    ),
    "bars": Table(
        "bars",
        BAR_COLUMNS,
        bar_row,
        _upsert(
            "bars",
            "bar_s, symbol, bar_start",
            BAR_COLUMNS,
            newer=f"kept.appended_at is null or {NEWER}",
            notional_usd="null::numeric",
        ),
    ),
    "reviews": Table(
        "reviews",
        REVIEW_COLUMNS,
        review_row,
        _upsert("reviews", "episode_id", REVIEW_COLUMNS, newer="excluded.steps > kept.steps"),
    ),
    "rejected": Table(
        "rejected",
        REJECTED_COLUMNS,
        rejected_row,
        f"insert into rejected ({', '.join(REJECTED_COLUMNS)}) "
        f"select {', '.join(REJECTED_COLUMNS)} from new_rejected on conflict do nothing",
    ),
}


class PostgresStore:
    """Writes items, several thousand per transaction; what was written before changes nothing."""

    def __init__(self, place: Place, *, may_migrate: bool = True, clock: Clock = CLOCK) -> None:
        self._place, self._may_migrate, self._clock = place, may_migrate, clock
        self.session = Session(place)
        self._trades = TradeWriter(self.session)
        self._symbols: SymbolTable | None = None
        self._paced = PacedWriter(self.session, reason_of)
        self._done: set[tuple[str, str, tuple[int, int]]] = set()

    def open(self) -> None:
        """Connect, and bring the schema to the version that this program needs."""
        self.session.wait()
        patient = Session(replace(self._place, timeout_s=MIGRATE_S))
        try:
            ensure(patient, may_migrate=self._may_migrate)
        finally:
            patient.close()

    def begin(self, topic: str, partition: int, offset: int) -> None:
        """Do nothing: rows are replaced by identity, wherever reading begins."""

    def write(self, items: Sequence[Item], /) -> list[Poison]:
        """Write items, and return those that the database can never take, with its reason.

        Rows that got in before it became busy are not written again when they come again: on a
        slow server that would have no end.
        """
        poison: list[Poison] = []
        until_s = self._clock.now_s() + WRITE_S
        for kind, table in TABLES.items():
            ours = [item for item in items if item.kind == kind and not item.is_deletion]
            rows, unread = newest_rows(ours, table.row_of)
            poison += unread
            kept, at = [r for n, r in rows.items() if (kind, n, r[1][1]) not in self._done], 0
            while at < len(kept):
                if self._clock.now_s() > until_s:
                    raise SinkBusyError("the database takes too long", retry_after_s=0.1)
                some = kept[at : at + self._paced.rows_max]
                poison += self._paced.write(some, partial(self._put, table))
                at += len(some)
                self._done.update((kind, row[0], row[1]) for _, row in some)
        trades = [item for item in items if item.kind == "stocks"]
        for at in range(0, len(trades), TRADES_MAX):
            poison += self._write_trades(trades[at : at + TRADES_MAX])
        self._done.clear()
        return poison

    def flush(self) -> None:
        """Do nothing: `write` returns when all is committed."""

    def close(self) -> None:
        """Let go of the connection."""
        self.session.close()

    def _put(self, table: Table, rows: Sequence[tuple[Item, Row]]) -> None:
        with self.session.work() as connection, connection.transaction():
            _stage(connection, table, (row[2] for _, row in rows))
            connection.execute(table.insert.encode())

    def _write_trades(self, items: Sequence[Item]) -> list[Poison]:
        from tape.codec.batch import decode_batch  # compiled, and rarely wanted here
        from tape.codec.symbols import SymbolTable

        keys, values = [i.key for i in items], [i.value for i in items]
        symbols = self._symbols
        if symbols is None or len(symbols.names) + len(items) > SYMBOLS_MAX:
            # So large that no symbol ever loses its place; a new one is slow to its first batch.
            symbols = self._symbols = SymbolTable(SYMBOLS_MAX)
        found = decode_batch(keys, values, symbols)
        trades = found.trades
        table = TradeTable(
            names=[name.encode() for name in symbols.names],
            symbol=trades.symbol.astype("i8"),
            ts_event_ns=trades.ts_event_ns,
            publisher_id=trades.publisher_id.astype("i8"),
            sequence=trades.sequence,
            price_nanos=trades.price_nanos,
            size=trades.size,
            side=trades.side,
            ordinal=trades.ordinal.astype("i8"),
            ts_recv_ns=np.zeros(len(trades), np.int64),
        )
        self._trades.write(table)
        return [Poison(items[n], f"{why.reason}: {why.detail}") for n, why in found.rejected]


def _stage(connection: Connection, table: Table, lines: Iterable[str]) -> None:
    columns = ", ".join(table.columns)
    connection.execute(
        f"create temporary table if not exists new_{table.name} on commit delete rows as "
        f"select {columns} from {table.name} with no data".encode()
    )
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy new_{table.name} ({columns}) from stdin".encode()) as copy,
    ):
        copy.write("\n".join([*lines, ""]).encode())
