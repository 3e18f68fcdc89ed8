"""Where in the market's day a trade lies; a function of the trade's time, side and size alone.

New York's trading days come from the exchange's rules, not from a calendar that ends a year from
now: the same trades get the same answer whenever they are replayed. A test compares them with
`exchange_calendars`.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from tape.codec.array_types import F64, I64, U8
from tape.codec.compiling import compiled
from tape.market.trading_days import is_half_day
from tape.model.columns import TradeColumns

CONTEXTS: Final = (
    "regular",
    "pre-market",
    "post-market",
    "opening auction",
    "closing auction",
    "reopening after a halt",
)
REGULAR: Final = 0
PRE_MARKET: Final = 1
POST_MARKET: Final = 2
OPENING_AUCTION: Final = 3
CLOSING_AUCTION: Final = 4
REOPENING: Final = 5
"""Positions in `CONTEXTS`. The last is set by the kernel, which knows the trade before."""

NEW_YORK: Final = ZoneInfo("America/New_York")
SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS
EARLIEST_NS: Final = 4 * 3_600 * SECOND_NS
OPEN_NS: Final = 34_200 * SECOND_NS
HALF_DAY_CLOSE_NS: Final = 46_800 * SECOND_NS
CLOSE_NS: Final = 57_600 * SECOND_NS
"""Since midnight in New York: pre-market from 04:00, open 09:30, close 13:00 or 16:00."""
AFTER_NS: Final = 4 * 3_600 * SECOND_NS
"""How long is traded after the close."""
NEAR_NS: Final = 15 * SECOND_NS
"""How long after the bell an auction's print may come."""
SLOW_NS: Final = 180 * SECOND_NS
"""The same for large ones: NYSE's auctions end when its floor says so."""
EARLY_NS: Final = SECOND_NS
"""How long before the bell one may come: clocks of venues differ."""
AUCTION_SHARES: Final = 1_000
"""Smaller prints without a side are hidden orders, not auctions."""
LARGE_SHARES: Final = 50_000
"""Shares of a print that may come as late as `SLOW_NS`."""
NO_SIDE: Final = ord("N")
OUTSIDE: Final = 0.05
"""Share of a day's alerts meant for the hours before the open, and of those after the close."""


class _Day(NamedTuple):
    offset_ns: int
    close_ns: int


@lru_cache(maxsize=4_096)
def _day(number: int) -> _Day:
    """Return New York's clock and close on a day since 1970."""
    noon = datetime(1970, 1, 1, 12, tzinfo=UTC) + timedelta(days=number)
    offset = noon.astimezone(NEW_YORK).utcoffset()
    assert offset is not None  # noqa: S101
    close_ns = HALF_DAY_CLOSE_NS if is_half_day(noon.date()) else CLOSE_NS
    return _Day(int(offset.total_seconds()) * SECOND_NS, close_ns)


class Contexts(NamedTuple):
    """Where trades lie, one entry per trade.

    Attributes:
        kind: position in `CONTEXTS`.
        day: days since 1970-01-01 on New York's calendar.
        passed: share of the day's alerts that is due by then, 0 to 1.
    """

    kind: U8
    day: I64
    passed: F64


def _clock(days: I64) -> tuple[I64, I64]:
    """Return offset and close of each day; of one, if they are all the same."""
    if (days == days[0]).all():
        return _clock_of(int(days[0]))
    unique, inverse = np.unique(days, return_inverse=True)
    facts = np.array([_day(int(one)) for one in unique], np.int64)[inverse]
    return np.ascontiguousarray(facts[:, 0]), np.ascontiguousarray(facts[:, 1])


@lru_cache(maxsize=4_096)
def _clock_of(number: int) -> tuple[I64, I64]:
    """Return offset and close of one day; they are read only."""
    one = _day(number)
    return np.array([one.offset_ns], np.int64), np.array([one.close_ns], np.int64)


@compiled
def _place(
    times: I64, sides: U8, sizes: I64, days: I64, offsets: I64, closes: I64, out: Contexts
) -> None:
    """Write the contexts; days, offsets and closes have one entry per trade or one for all."""
    for i in range(len(times)):
        n = i if len(offsets) > 1 else 0
        close = closes[n]
        day = days[i]
        local = times[i] + offsets[n] - day * DAY_NS
        kind = REGULAR
        if local < OPEN_NS:
            kind = PRE_MARKET
        elif local >= close:
            kind = POST_MARKET
        if sides[i] == NO_SIDE and sizes[i] >= AUCTION_SHARES:
            near = SLOW_NS if sizes[i] >= LARGE_SHARES else NEAR_NS
            if OPEN_NS - EARLY_NS <= local < OPEN_NS + near:
                kind = OPENING_AUCTION
            elif close - EARLY_NS <= local < close + near:
                kind = CLOSING_AUCTION
        before = min(max((local - EARLIEST_NS) / (OPEN_NS - EARLIEST_NS), 0.0), 1.0)
        within = min(max((local - OPEN_NS) / (close - OPEN_NS), 0.0), 1.0)
        behind = min(max((local - close) / AFTER_NS, 0.0), 1.0)
        out.kind[i] = kind
        out.day[i] = day
        out.passed[i] = OUTSIDE * (before + behind) + (1.0 - 2.0 * OUTSIDE) * within


def contexts(trades: TradeColumns) -> Contexts:
    """Return where in the market's day each trade lies.

    Depends on time, side and size of each trade alone. `REOPENING` is never among the answers.

    Args:
        trades: of any symbols and days, in any order.
    """
    times = np.ascontiguousarray(trades.ts_event_ns, np.int64)
    n = len(times)
    found = Contexts(np.empty(n, np.uint8), np.empty(n, np.int64), np.empty(n, np.float64))
    if n:
        day: I64 = (times + _clock(times // DAY_NS)[0]) // DAY_NS
        offsets, closes = _clock(day)
        sides = np.ascontiguousarray(trades.side, np.uint8)
        sizes = np.ascontiguousarray(trades.size, np.int64)
        _place(times, sides, sizes, day, offsets, closes, found)
    return found


def since_open_ns(time_ns: int) -> int:
    """Return how long before (negative) or after New York's opening bell of its day a time is.

    >>> since_open_ns(1_746_451_800_000_000_000), since_open_ns(1_746_451_799_000_000_000)
    (0, -1000000000)
    """
    day = (time_ns + _day(time_ns // DAY_NS).offset_ns) // DAY_NS
    return time_ns + _day(day).offset_ns - day * DAY_NS - OPEN_NS
