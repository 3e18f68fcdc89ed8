"""What is done with the trades that lie in the database: listed, made into bars, pruned."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from tape.errors import StoreAwayError, StoreError
from tape.sinks.postgres.migrations import newest, version_of
from tape.sinks.postgres.session import Connection, Place, Session
from tape.sinks.postgres.trades import partition_name
from tape.sinks.sink import SinkBusyError

PATIENT_S: Final = 600.0
"""Longest for a question over days of trades."""

WAIT_S: Final = 10.0
DAY_S: Final = 86_400

LISTED: Final = """
select (ts_event at time zone 'UTC')::date as day, {by} as symbol, count(*), count(distinct symbol),
       min(ts_event_ns), max(ts_event_ns)
  from trades
 where (%(symbols)s::text[] is null or symbol = any(%(symbols)s))
   and ts_event >= %(begin)s and ts_event < %(end)s
 group by 1, 2
 order by 1, 2
"""

BARS: Final = """
insert into bars (symbol, bar_start, bar_s, open, high, low, close, volume, trades, notional_usd,
                  flagged)
select t.symbol, t.bar_start, %(bar_s)s,
       (array_agg(price order by ts_event_ns, sequence, ordinal))[1], max(price), min(price),
       (array_agg(price order by ts_event_ns desc, sequence desc, ordinal desc))[1],
       sum(size), count(*), sum(price * size), coalesce(max(f.flagged), 0)
  from (select *, date_bin(make_interval(secs => %(bar_s)s), ts_event, '2000-01-01Z') as bar_start
          from trades
         where ts_event >= %(begin)s and ts_event < %(end)s
           and (%(symbols)s::text[] is null or symbol = any(%(symbols)s))) as t
  left join (select symbol, count(*) as flagged,
                    date_bin(make_interval(secs => %(bar_s)s), ts_event, '2000-01-01Z') as bar_start
               from anomalies
              where ts_event >= %(begin)s and ts_event < %(end)s
              group by 1, 3) as f
    on f.symbol = t.symbol and f.bar_start = t.bar_start
 group by 1, 2
on conflict (bar_s, symbol, bar_start) do update
   set open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
       volume = excluded.volume, trades = excluded.trades, notional_usd = excluded.notional_usd,
       flagged = excluded.flagged
"""

PARTITION: Final = re.compile(r"trades_(\d{4})_(\d\d)_(\d\d)", re.ASCII)
PARTITIONS: Final = """
select inhrelid::regclass::text
  from pg_inherits
 where inhparent = 'trades'::regclass
 order by 1
"""


@dataclass(frozen=True, slots=True)
class Held:
    """Trades of a UTC day, of one symbol or of all.

    Attributes:
        day: the day.
        symbol: of which they are; empty for all.
        trades: how many.
        symbols: how many symbols they are of.
        first_ns, last_ns: their times, nanoseconds since 1970.
    """

    day: date
    symbol: str
    trades: int
    symbols: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Range:
    """Days from one on and before another, of symbols; none means all."""

    begin: datetime
    end: datetime
    symbols: frozenset[str] = frozenset()

    def values(self) -> dict[str, object]:
        """Return it as parameters."""
        names = sorted(self.symbols) or None
        return {"begin": self.begin, "end": self.end, "symbols": names}


@contextmanager
def history(place: Place) -> Iterator[Connection]:
    """Give a connection to a schema of this program's version.

    Raises:
        StoreError: the server refuses, or the tables are not there.
        StoreAwayError: the server is away.
    """
    session = Session(replace(place, timeout_s=PATIENT_S))
    try:
        session.wait(wait_s=WAIT_S, answered_s=WAIT_S)
        with session.work() as connection:
            if version_of(connection, place.schema) != newest():
                raise StoreError(
                    f"the schema {place.schema} has no tables of this version",
                    "run `tape sink migrate`, or `tape history load`",
                )
            yield connection
    except SinkBusyError as busy:
        raise StoreAwayError(f"the database did not answer ({busy})", "try again") from None
    finally:
        session.close()


def held(connection: Connection, asked: Range, *, by_symbol: bool = False) -> list[Held]:
    """Return which trades are there, by day, or by day and symbol."""
    question = LISTED.format(by="symbol" if by_symbol else "''")
    return [Held(*row) for row in connection.execute(question.encode(), asked.values())]


def make_bars(connection: Connection, asked: Range, bar_s: int) -> Iterator[tuple[date, int]]:
    """Make bars day by day, or make them again; yields each day and how many bars it has.

    `bar_s` divides a day, so that no bar is of two days.
    """
    days = sorted({one.day for one in held(connection, asked)})
    for day in days:
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        part = replace(asked, begin=begin, end=begin + timedelta(days=1))
        done = connection.execute(BARS.encode(), {**part.values(), "bar_s": bar_s})
        yield day, done.rowcount


def partitions_before(connection: Connection, day: date) -> list[date]:
    """Return the days before one that have a partition; somebody else's partitions are none."""
    days = (day_of(name) for (name,) in connection.execute(PARTITIONS.encode()))
    return sorted({one for one in days if one is not None and one < day})


def day_of(partition: str) -> date | None:
    """Return the day of a partition of ours, None for any other table.

    >>> day_of("tapewatch.trades_2025_05_06"), day_of("trades_default"), day_of("trades_2025_13_01")
    (datetime.date(2025, 5, 6), None, None)
    """
    found = PARTITION.fullmatch(partition.rpartition(".")[2])
    try:
        return None if found is None else date(*map(int, found.groups()))
    except ValueError:  # numbers that are no day
        return None


def drop_days(connection: Connection, days: Sequence[date]) -> None:
    """Drop the partitions of days: at once, and their room on the disk is free."""
    for day in days:
        connection.execute(f"drop table {partition_name(day)}".encode())
