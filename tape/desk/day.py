"""Files of trades in memory, as columns, and moving them to earlier dates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from tape.archives import read_tape_columns
from tape.archives.discovery import Archive
from tape.archives.outcome import Outcome
from tape.codec.batch import decode_batch
from tape.codec.symbols import SymbolTable
from tape.market.new_york import DAY_S, I64, clock_ahead_s
from tape.model.columns import TradeColumns
from tape.model.fields import NANOS, TIME_MAX_NS
from tape.process.read_ahead import read_ahead

WEEK: Final = 7
LISTED: Final = 5
"""Files without a trade that a sentence names."""

SAME_DAY: Final = 0.1
"""Share of one file's trades found in another from which on both are the same day."""


@dataclass(frozen=True, slots=True)
class Day:
    """All trades of a file in its order.

    Attributes:
        symbols: names by the numbers that `trades.symbol` has.
        outcome: rows and parts of the file that could not be read.
    """

    archive: Archive
    symbols: tuple[str, ...]
    trades: TradeColumns
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def name(self) -> str:
        """Return the name of the file."""
        return self.archive.path.name


def read_day(archive: Archive, max_symbols: int, *others: Archive) -> Day:
    """Return a file as columns, merged with others of its day by time.

    Raises `ArchiveError` if not one trade of them can be read.
    """
    found = _read(archive, max_symbols, *others)
    if isinstance(found, Outcome):
        raise found.nothing_read(str(archive.path))
    return found


def read_days(
    files: Iterable[Sequence[Archive]], max_symbols: int
) -> tuple[list[Day], dict[str, Outcome]]:
    """Return the days of files that belong together, and what is wrong with those without a trade.

    The latter by the hash of the first file. Raises `ArchiveError` if there is not one trade.
    """
    days: list[Day] = []
    without: dict[str, Outcome] = {}
    paths = []
    for first, *others in files:
        found = _read(first, max_symbols, *others)
        if isinstance(found, Day):
            days.append(found)
            continue
        paths.append(str(first.path))
        without[first.sha256] = found
        if not found.exit_code:
            found.damaged.append(f"{first.path.name}: no trade in it")
    if not days:
        every = Outcome()
        for outcome in without.values():
            every.add(outcome)
        raise every.nothing_read(", ".join(paths[:LISTED]) + ", …" * (len(paths) > LISTED))
    return days, without


def _read(archive: Archive, max_symbols: int, *others: Archive) -> Day | Outcome:
    """Return the day of files, or why they have no trade."""
    table, numbers = SymbolTable(max_symbols), dict[str, int]()
    parts, outcome = [], Outcome()
    files = [archive, *others]
    for batch in read_ahead(
        lambda: read_tape_columns(files, latest_ns=TIME_MAX_NS, counts_equal=True)
    ):
        if batch.unreadable is not None:
            outcome.damaged.append(str(batch.unreadable))
        trades = batch.trades()
        decoded = decode_batch(trades.keys, trades, table)
        parts.append(_renumbered(decoded.trades, table, numbers))
        outcome.note(batch.rejected, damaged=batch.damaged)
        for position, rejected in decoded.rejected:  # as one symbol more than MAX_SYMBOLS
            source = f"{archive.path.name}: {trades.keys[position].decode()}"
            outcome.count(rejected.reason, 1, source, rejected.detail)
    outcome.forgotten = table.forgotten
    if sum(map(len, parts)) == 0:
        return outcome
    every = TradeColumns(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in TradeColumns.__slots__
        )
    )
    return Day(archive, tuple(numbers), every, outcome)


def _renumbered(trades: TradeColumns, table: SymbolTable, numbers: dict[str, int]) -> TradeColumns:
    """Return the trades of a batch by numbers that stay: the table's may go to other symbols."""
    own = np.zeros(len(table.names), np.int32)
    for number in np.unique(trades.symbol).tolist():
        own[number] = numbers.setdefault(table.names[number], len(numbers))
    return replace(trades, symbol=own[trades.symbol])


def rows_by_symbol(day: Day) -> list[I64]:
    """Return the rows of each symbol of a day, in their order."""
    order = np.argsort(day.trades.symbol, kind="stable")
    ends = np.cumsum(np.bincount(day.trades.symbol, minlength=len(day.symbols)))
    return np.split(order, ends[:-1])


def same_day(one: Day, other: Day) -> bool:
    """Return whether two files hold the same trades, apart from anomalies put into one of them."""
    if one.archive.sha256 == other.archive.sha256:
        return True
    common = set(one.symbols) & set(other.symbols)
    shared, least = 0, min(len(one.trades), len(other.trades))
    for symbol in common:
        mine, theirs = (_keys(day, symbol) for day in (one, other))
        shared += len(np.intersect1d(mine, theirs))
    return shared > SAME_DAY * least


def _keys(day: Day, symbol: str) -> I64:
    """Return a number for each trade of a symbol, made of its time and size."""
    own = day.trades.symbol == day.symbols.index(symbol)
    ts, size = day.trades.ts_event_ns[own], day.trades.size[own]
    keys: I64 = ts * 1_000_003 ^ size  # wraps around; a chance meeting does no harm
    return keys


def before(days: Sequence[Day], judged: Day) -> list[Day]:
    """Return the days in order of time, those not before `judged` moved back by whole weeks.

    So time passes for a detector from day to day, as it does on a tape. Clock times in New York,
    where the market's day lives, stay as they are.
    """
    moved = []
    limit_ns = int(judged.trades.ts_event_ns.min())
    for day in sorted(days, key=lambda d: int(d.trades.ts_event_ns.min()), reverse=True):
        ts = day.trades.ts_event_ns
        first_ns, last_ns = int(ts.min()), int(ts.max())
        weeks = 0
        while last_ns // NANOS // DAY_S - WEEK * weeks >= limit_ns // NANOS // DAY_S:
            weeks += 1
        if weeks:
            there_ns = _same_clock_ns(first_ns, weeks)
            day = replace(day, trades=replace(day.trades, ts_event_ns=ts + (there_ns - first_ns)))
            first_ns = there_ns
        limit_ns = first_ns
        moved.append(day)
    return moved[::-1]


def _same_clock_ns(ns: int, weeks: int) -> int:
    """Return the time at which New York's clock showed the same, this many weeks before."""
    then_ns = ns - weeks * WEEK * DAY_S * NANOS
    return then_ns + (clock_ahead_s(ns) - clock_ahead_s(then_ns)) * NANOS
