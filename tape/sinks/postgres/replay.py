"""Trades out of their table again, a minute at a time, in one order that never changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final

from tape.model.trade import Trade, encode
from tape.sinks.postgres.history import Range, held
from tape.sinks.postgres.session import Connection

MINUTE: Final = timedelta(minutes=1)

MINUTES: Final = """
select date_bin('1 minute', ts_event, '2000-01-01Z') as minute, count(*), sum(size), sum(price)
  from trades
 where (%(symbols)s::text[] is null or symbol = any(%(symbols)s))
   and ts_event >= %(begin)s and ts_event < %(end)s
 group by 1
 order by 1
"""

TRADES: Final = """
select symbol, ts_event_ns, publisher_id, sequence, (price * 1000000000)::bigint, size, side,
       ordinal, ts_recv_ns
  from trades
 where (%(symbols)s::text[] is null or symbol = any(%(symbols)s))
   and ts_event >= %(begin)s and ts_event < %(end)s
 order by ts_event_ns, publisher_id, sequence, symbol, price, size, side, ordinal
"""


@dataclass(frozen=True, slots=True)
class Minute:
    """A minute with trades, and how many."""

    begin: datetime
    trades: int


@dataclass(frozen=True, slots=True)
class StoredDay:
    """The trades of a UTC day that are wanted.

    Attributes:
        day: the day.
        minutes: those that have trades, in order.
        identity: of what is in them: other trades of the day have another one.
    """

    day: date
    minutes: tuple[Minute, ...]
    identity: str

    @property
    def trades(self) -> int:
        """Return how many trades it has."""
        return sum(one.trades for one in self.minutes)


def stored_days(connection: Connection, asked: Range) -> list[StoredDay]:
    """Return the days of a range that have trades.

    Args:
        connection: to the schema.
        asked: from when to when, and of which symbols.
    """
    found = []
    for day in sorted({one.day for one in held(connection, asked)}):
        midnight = asked.begin.replace(
            year=day.year, month=day.month, day=day.day, hour=0, minute=0, second=0, microsecond=0
        )
        begin, end = max(asked.begin, midnight), min(asked.end, midnight + timedelta(days=1))
        part = Range(begin, end, asked.symbols)
        rows = connection.execute(MINUTES.encode(), part.values()).fetchall()
        digest = sha256(repr((begin, end, sorted(asked.symbols), rows)).encode()).hexdigest()
        minutes = tuple(Minute(minute, count) for minute, count, _, _ in rows)
        found.append(StoredDay(day, minutes, digest))
    return found


def trades_of(
    connection: Connection, minute: Minute, asked: Range
) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield key, message and time of the trades of a minute, always in the same order.

    Args:
        connection: to the schema.
        minute: of a `StoredDay`.
        asked: what that day was asked for by.
    """
    begin, end = max(asked.begin, minute.begin), min(asked.end, minute.begin + MINUTE)
    part = Range(begin, end, asked.symbols)
    for row in connection.execute(TRADES.encode(), part.values()):
        symbol, ts_event_ns, publisher_id, sequence, price_nanos, size, side, ordinal, recv_ns = row
        trade = Trade(
            ts_recv_ns=recv_ns,
            ts_event_ns=ts_event_ns,
            publisher_id=publisher_id,
            sequence=sequence,
            price_nanos=price_nanos,
            size=size,
            side=side.decode() if isinstance(side, bytes) else side,
            ordinal=ordinal,
            symbol=symbol,
        )
        yield symbol.encode(), encode(trade), ts_event_ns
