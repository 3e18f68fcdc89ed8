"""Bars: the trades of a symbol in a stretch of time as one row.

Trades become bars in batches, and bars of the same stretch are merged; both in any order and
however the trades are cut, for a bar has the place of its first and last trade in it. So the same
code makes bars of files and of a live tape.

A bar counts its trades twice: all of them, and those that are usable.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import F64, I32, I64, Bools
from tape.market.new_york import NEW_YORK, calendar_days
from tape.model.fields import NANOS

DAY_NS: Final = 86_400 * NANOS
EVERY: Final = re.compile(r"([1-9][0-9]{0,4})([smhd])", re.ASCII)
UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
EARLIEST: Final = -(2**63)
LATEST: Final = 2**63 - 1
"""Before and after any time in ns, below and above any price in 1e-9 dollars."""

PRICES: Final = np.dtype(
    [
        ("first_ns", "i8"),
        ("first_nth", "i8"),
        ("open", "i8"),
        ("high", "i8"),
        ("low", "i8"),
        ("last_ns", "i8"),
        ("last_nth", "i8"),
        ("close", "i8"),
        ("volume", "i8"),
        ("trades", "i8"),
    ]
)
"""Prices in 1e-9 dollars, and time and place on the tape of the first and the last trade.

Of no trade at all the first one is later than any, the last one earlier, and the rest is of no
meaning.
"""
BAR: Final = np.dtype(
    [
        ("symbol", "i4"),
        ("start_ns", "i8"),
        ("every", PRICES),
        ("usable", PRICES),
        ("flagged", "i8"),
        ("band_ns", "i8"),
        ("band_nth", "i8"),
        ("lower", "f8"),
        ("upper", "f8"),
    ],
    align=True,
)
"""A bar: of all trades and of the usable ones; `lower` and `upper` are those of its last trade by
time that has a band, NaN where none has."""

Bars = npt.NDArray[Any]
"""Of the type `BAR`."""


class BarTrades(NamedTuple):
    """Trades as bars are made of them; one entry per trade.

    `nth` is the place of each on the tape, which no two share: it decides between trades of one
    time. `lower` and `upper` are NaN where no band is known.
    """

    symbol: I32
    ts_event_ns: I64
    nth: I64
    price_nanos: I64
    size: I64
    flagged: Bools
    usable: Bools
    lower: F64
    upper: F64


def every_ns(text: str) -> int | None:
    """Return the length of a bar, such as 5s, 1m, 1h or 1d, in ns; None for what is none.

    The only bar of days is that of one.

    >>> every_ns("5m"), every_ns("1d") == DAY_NS, every_ns("2d"), every_ns("0s")
    (300000000000, True, None, None)
    """
    found = EVERY.fullmatch(text)
    if found is None:
        return None
    length_s = int(found[1]) * UNITS_S[found[2]]
    if length_s > UNITS_S["d"] or (length_s == UNITS_S["d"]) != (text == "1d"):
        return None
    return length_s * NANOS


def starts(ts_event_ns: I64, length_ns: int) -> I64:
    """Return the start of the bar of each time: whole lengths since 1970, or a New York midnight.

    >>> at = np.array([1_741_012_200 * 10**9 + 5])  # 2025-03-03 14:30 UTC
    >>> (starts(at, 3_600 * NANOS) // NANOS).tolist(), (starts(at, DAY_NS) // NANOS).tolist()
    ([1741010400], [1740978000])
    """
    if length_ns < DAY_NS:
        whole: I64 = ts_event_ns // length_ns * length_ns
        return whole
    days, inverse = np.unique(calendar_days(ts_event_ns), return_inverse=True)
    midnights: I64 = np.array([_midnight_ns(day) for day in days.tolist()], np.int64)[inverse]
    return midnights


@lru_cache(maxsize=4_096)
def _midnight_ns(day: int) -> int:
    """Return when a day since 1970 begins in New York."""
    date = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date()
    return int(datetime.combine(date, time(), NEW_YORK).timestamp()) * NANOS


def bars_of(trades: BarTrades, length_ns: int) -> Bars:
    """Return the bars of trades, by symbol and start; a stretch without a trade has none."""
    start_ns = starts(trades.ts_event_ns, length_ns)
    order, begins = _groups(trades.symbol, start_ns)
    at = BarTrades._make(column[order] for column in trades)
    bars = np.empty(len(begins), BAR)
    bars["symbol"], bars["start_ns"] = at.symbol[begins], start_ns[order][begins]
    if not len(bars):
        return bars
    bars["every"] = _prices(_of_trades(at), begins)
    bars["usable"] = _of_usable(bars["every"], at, begins)
    bars["flagged"] = np.add.reduceat(at.flagged.astype(np.int64), begins)
    band_ns = np.where(np.isnan(at.lower), EARLIEST, at.ts_event_ns)
    _write_bands(bars, begins, band_ns, at.nth, at.lower, at.upper)
    return bars


def merged(bars: Bars) -> Bars:
    """Return bars with those of the same symbol and start made into one, by symbol and start."""
    order, begins = _groups(bars["symbol"], bars["start_ns"])
    parts = bars[order]
    found = parts[begins]
    if len(found) == len(parts):
        return found
    for name in ("every", "usable"):
        found[name] = _prices(parts[name], begins)
    found["flagged"] = np.add.reduceat(parts["flagged"], begins)
    bands = (parts[name] for name in ("band_ns", "band_nth", "lower", "upper"))
    _write_bands(found, begins, *bands)
    return found


def _groups(symbol: I32, start_ns: I64) -> tuple[I64, I64]:
    """Return an order by symbol and start, and where in it each of them begins."""
    order: I64 = np.argsort(start_ns, kind="stable")
    if len(order) and (symbol != symbol[0]).any():
        order = order[np.argsort(symbol[order], kind="stable")]
    own, start = symbol[order], start_ns[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (own[1:] != own[:-1]) | (start[1:] != start[:-1])
    return order, np.flatnonzero(new)


def _of_trades(trades: BarTrades) -> Mapping[str, I64]:
    """Return trades as parts of bars, by the names of `PRICES`."""
    every, nth = trades.ts_event_ns, trades.nth
    prices = dict.fromkeys(("open", "high", "low", "close"), trades.price_nanos)
    return {
        **{"first_ns": every, "last_ns": every, "first_nth": nth, "last_nth": nth},
        **prices,
        "volume": trades.size,
        "trades": np.ones(len(nth), np.int64),
    }


def _of_usable(every: Bars, trades: BarTrades, begins: I64) -> Bars:
    """Return the prices of the usable trades of each bar: of few bars others than of `every`."""
    found = every.copy()
    if trades.usable.all():
        return found
    group = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(trades.nth)))
    differs = np.unique(group[~trades.usable])
    found[differs] = _none()
    own = trades.usable & np.isin(group, differs)
    if own.any():
        new = np.flatnonzero(np.diff(group[own], prepend=-1))
        parts = _of_trades(BarTrades._make(column[own] for column in trades))
        found[group[own][new]] = _prices(parts, new)
    return found


def _none() -> Any:
    """Return the prices of no trade."""
    none = np.zeros((), PRICES)
    none["first_ns"] = none["first_nth"] = none["low"] = LATEST
    none["last_ns"] = none["last_nth"] = none["high"] = EARLIEST
    return none


def _prices(parts: Bars | Mapping[str, I64], begins: I64) -> Bars:
    """Return the prices of each group of parts."""
    found = np.empty(len(begins), PRICES)
    first = _first(parts["first_ns"], parts["first_nth"], begins)
    last = _last(parts["last_ns"], parts["last_nth"], begins)
    for name in ("first_ns", "first_nth", "open"):
        found[name] = parts[name][first]
    for name in ("last_ns", "last_nth", "close"):
        found[name] = parts[name][last]
    found["high"] = np.maximum.reduceat(parts["high"], begins)
    found["low"] = np.minimum.reduceat(parts["low"], begins)
    for name in ("volume", "trades"):
        found[name] = np.add.reduceat(parts[name], begins)
    return found


def _first(time_ns: I64, nth: I64, begins: I64) -> I64:
    """Return where in each group the earliest part is, of one time the one with the least place."""
    return begins if _rise(time_ns, nth, begins) else _least(time_ns, nth, begins)


def _last(time_ns: I64, nth: I64, begins: I64) -> I64:
    """Return where in each group the latest part is, of one time the one with the largest place."""
    if _rise(time_ns, nth, begins):
        ends: I64 = np.append(begins[1:], len(nth)) - 1
        return ends
    return _least(~time_ns, ~nth, begins)  # inverted, which no integer is too small for


def _rise(time_ns: I64, nth: I64, begins: I64) -> bool:
    """Return whether in each group the parts stand by time and place: so it is, but for late ones.

    It spares the search: no late trade is in most batches.
    """
    before, after = time_ns[:-1], time_ns[1:]
    rises = (after > before) | ((after == before) & (nth[1:] >= nth[:-1]))
    rises[begins[1:] - 1] = True
    return bool(rises.all())


def _least(time_ns: I64, nth: I64, begins: I64) -> I64:
    """Return where in each group the least part is, by time and place."""
    sizes = np.diff(begins, append=len(nth))
    earliest = np.repeat(np.minimum.reduceat(time_ns, begins), sizes)
    place = np.where(time_ns == earliest, nth, LATEST)
    least = np.repeat(np.minimum.reduceat(place, begins), sizes)
    is_first = (time_ns == earliest) & (nth == least)
    at = np.flatnonzero(is_first)
    group = np.repeat(np.arange(len(begins)), sizes)[at]
    found: I64 = at[np.unique(group, return_index=True)[1]]  # of no trade there are several
    return found


def _write_bands(bars: Bars, begins: I64, band_ns: I64, nth: I64, lower: F64, upper: F64) -> None:
    """Write the band of each group's last part that has one."""
    last = _last(band_ns, nth, begins)
    bars["band_ns"], bars["band_nth"] = band_ns[last], nth[last]
    bars["lower"], bars["upper"] = lower[last], upper[last]
