"""Files of trades into the table `trades`, by COPY; a file loaded twice changes nothing."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from tape.archives import Archive
from tape.archives.batches import ColumnBatch
from tape.archives.outcome import Outcome
from tape.archives.reader import read_columns
from tape.codec.row_fields import PRICE, PUBLISHER, SEQUENCE, SIDE, SIZE, SYMBOL, TS_EVENT, TS_RECV
from tape.codec.text import I64
from tape.errors import ArchiveError, StoreAwayError
from tape.model.fields import TIME_MAX_NS
from tape.process.clock import CLOCK, Clock
from tape.sinks.postgres.migrations import ensure
from tape.sinks.postgres.session import Place, Session
from tape.sinks.postgres.trade_rows import TradeTable
from tape.sinks.postgres.trades import TradeWriter
from tape.sinks.sink import SinkBusyError

log = logging.getLogger(__name__)

ROWS: Final = 50_000
"""Rows of one COPY: a second's work, and a few megabytes."""

TRANSACTION_S: Final = 60.0
"""Longest that one COPY may take before the connection is cut."""

AWAY_S: Final = 120.0
"""Longest wait for a server that went away in the middle."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which trades are loaded: of these symbols, none meaning all, and of this time."""

    symbols: frozenset[str] = frozenset()
    from_ns: int = 0
    to_ns: int = TIME_MAX_NS


@dataclass(slots=True)
class Loaded:
    """What came of it.

    Attributes:
        rows: data lines that were read.
        trades: trades among them that were wanted.
        new: those that were not there yet.
        days: UTC days that they are of, in days since 1970.
        outcome: what was rejected and skipped, and why.
    """

    rows: int = 0
    trades: int = 0
    new: int = 0
    days: set[int] = field(default_factory=set)
    outcome: Outcome = field(default_factory=Outcome)


def load(
    place: Place,
    archives: Sequence[Archive],
    wanted: Wanted,
    *,
    may_migrate: bool = True,
    told: Callable[[int], None] = lambda rows: None,
    clock: Clock = CLOCK,
) -> Loaded:
    """Load files one after another; `told` is called with the rows read so far.

    The next rows are read while the server takes the last ones.

    Raises:
        StoreError: the server refuses, or stays away.
    """
    session = Session(replace(place, timeout_s=TRANSACTION_S))
    loaded = Loaded()
    try:
        session.wait()
        ensure(session, may_migrate=may_migrate)
        writer = _Writer(TradeWriter(session), clock)
        with ThreadPoolExecutor(1, thread_name_prefix="copy") as pool:
            pending: Future[int] | None = None
            for archive in archives:
                for table, is_first in _tables(archive, wanted, loaded, told):
                    if pending is not None:
                        loaded.new += pending.result()
                    pending = pool.submit(writer.write, table, is_first=is_first)
            if pending is not None:
                loaded.new += pending.result()
    finally:
        session.close()
    return loaded


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes tables, however often the server has to be asked."""

    trades: TradeWriter
    clock: Clock

    def write(self, table: TradeTable, *, is_first: bool) -> int:
        """Return how many trades were new; of a file's `is_first` table all may be."""
        if is_first:
            self.trades.expect_new()
        until_s = self.clock.now_s() + AWAY_S
        while True:
            try:
                return self.trades.write(table)
            except SinkBusyError as busy:
                if self.clock.now_s() > until_s:
                    raise StoreAwayError(
                        f"the database has not taken anything for {AWAY_S:.0f} s ({busy})",
                        "load the same files again when it is well: what is there stays",
                    ) from None
                log.warning("store away, waiting", extra={"store": "postgres", "reason": str(busy)})
                self.clock.sleep(busy.retry_after_s)


def _tables(
    archive: Archive, wanted: Wanted, loaded: Loaded, told: Callable[[int], None]
) -> Iterator[tuple[TradeTable, bool]]:
    """Yield a file's trades in tables of `ROWS`, and whether a table is the first."""
    before, is_first = loaded.rows, True
    held: list[tuple[I64, I64]] = []
    names: list[bytes] = []
    try:
        for batch in read_columns(
            archive, latest_ns=TIME_MAX_NS, symbols=wanted.symbols, counts_equal=True
        ):
            loaded.rows = before + batch.rows
            told(loaded.rows)
            loaded.outcome.note(batch.rejected, damaged=batch.damaged)
            names = batch.names
            held.append(_of_time(batch, wanted))
            if sum(len(values) for values, _ in held) >= ROWS:
                yield _table(held, names, loaded), is_first
                held, is_first = [], False
    except ArchiveError as error:
        loaded.outcome.damaged.append(str(error))
    if held:
        yield _table(held, names, loaded), is_first


def _of_time(batch: ColumnBatch, wanted: Wanted) -> tuple[I64, I64]:
    """Return values and ordinals of the trades of the time that is wanted."""
    assert batch.ordinals is not None  # noqa: S101 - they were asked for
    ordinals = batch.ordinals.astype(np.int64)
    times = batch.values[:, TS_EVENT]
    kept = (times >= wanted.from_ns) & (times < wanted.to_ns)
    return (batch.values, ordinals) if kept.all() else (batch.values[kept], ordinals[kept])


def _table(held: list[tuple[I64, I64]], names: Sequence[bytes], loaded: Loaded) -> TradeTable:
    values = np.concatenate([values for values, _ in held])
    ordinals = np.concatenate([ordinals for _, ordinals in held])
    table = TradeTable(
        names=list(names),
        symbol=values[:, SYMBOL],
        ts_event_ns=values[:, TS_EVENT],
        publisher_id=values[:, PUBLISHER],
        sequence=values[:, SEQUENCE],
        price_nanos=values[:, PRICE],
        size=values[:, SIZE],
        side=values[:, SIDE].astype(np.uint8),
        ordinal=ordinals,
        ts_recv_ns=values[:, TS_RECV],
    )
    loaded.trades += len(table)
    loaded.days.update(table.days())
    return table
