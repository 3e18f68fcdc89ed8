"""Ordinary trades of one synthetic symbol: times, sides, prices and sizes, without anomalies.

Orders come in clusters; an order that meets several others trades with all of them at one time,
on one side. The constants are shapes of four real NVDA days on XNAS.ITCH, against which
`tests/unit/synthetic/test_synthetic_likeness.py` holds the result.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from tape.market.trading_days import close_hour

I64 = npt.NDArray[np.int64]
NEW_YORK: Final = ZoneInfo("America/New_York")
SECOND_NS: Final = 1_000_000_000
CENT: Final = 10_000_000
"""A cent in price units of 1e-9 dollars."""
BUY, SELL, NONE = ord("B"), ord("A"), ord("N")

EARLIEST_HOUR: Final = 4
OPEN_MINUTE: Final = 9 * 60 + 30
"""Of New York's day."""
AFTER_MINUTES: Final = 4 * 60
"""How long is traded after the close, which is at 13:00 on half days."""

FILLS_EXPONENT: Final = 1.75
"""Tail of the number of trades at one time; its mean, zeta(1.75), is 1.96."""
FILLS_MOST: Final = 400
"""Trades of one order at most: the tail has no end of its own."""
CLUSTER_TIMES: Final = 2.0
"""Mean number of distinct times in a cluster of orders."""
WITHIN_US: Final = 58.0
WITHIN_SIGMA: Final = 1.8
"""Median, in µs, and log-spread of the time between orders of one cluster."""

NO_SIDE: Final = 0.15
NO_SIDE_ALONE: Final = 0.055
"""Share of orders, and of single trades within the others, that have no side: hidden orders."""
SAME_SIDE: Final = 0.66
"""Chance that an order has the side of the one before it."""
SUB_PENNY_SHARE: Final = 0.27
"""Share of trades without a side that are at a price between two cents."""

STEP_BPS: Final = 0.26
STEP_FREEDOM: Final = 3.2
"""Scale and degrees of freedom (Student) of the price step from one order to the next."""
DEEPER: Final = 0.05
"""Chance that a trade of an order takes the next price level."""

ODD_LOT_SHARE: Final = 0.63
HUNDRED_SHARE: Final = 0.25
LARGE_EXPONENT: Final = 1.4
LARGEST: Final = 19_000
"""Share of trades below 100 shares and of exactly 100; tail of the others, and their largest,
shares."""


@dataclass(frozen=True, slots=True)
class Ordinary:
    """Trades of one symbol in their order."""

    ts_event_ns: I64
    side: npt.NDArray[np.uint8]
    price_nanos: I64
    size: I64


def ordinary_trades(
    random: np.random.Generator, trades: int, day: date, price_usd: float
) -> Ordinary:
    """Return exactly `trades` trades of a symbol that begins at `price_usd`."""
    fills = np.minimum(
        (1 - random.random(max(trades, 1))) ** (-1 / FILLS_EXPONENT), FILLS_MOST
    ).astype(np.int64)
    orders = int(np.searchsorted(np.cumsum(fills), trades)) + 1 if trades else 0
    of = np.repeat(np.arange(orders), fills[:orders])[:trades]
    side = _sides(random, orders)[of]
    alone = random.random(trades) < NO_SIDE_ALONE
    side[alone] = NONE
    price_nanos = _prices(random, of, side, orders, price_usd)
    return Ordinary(_times(random, orders, day)[of], side, price_nanos, _sizes(random, trades))


def clock_ns(day: date, hour: int, minute: int) -> int:
    """Return a time of New York's clock as nanoseconds since 1970."""
    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)
    return int(moment.timestamp()) * SECOND_NS


def _times(random: np.random.Generator, orders: int, day: date) -> I64:
    """Return rising times of orders: quiet before and after the session, busy at its ends."""
    session_minutes = close_hour(day) * 60 - OPEN_MINUTE
    first_minute = OPEN_MINUTE - EARLIEST_HOUR * 60
    minutes = np.arange(first_minute + session_minutes + AFTER_MINUTES)
    through = (minutes - first_minute) / session_minutes
    session = (through >= 0.0) & (through < 1.0)
    busy = np.where(session, 20 * (0.35 + 2.6 * (through - 0.5) ** 2), 0.5)
    busy = busy * np.exp(random.normal(0, 0.6, len(minutes)))
    of = np.cumsum(random.random(orders) < 1 / CLUSTER_TIMES)
    clusters = int(of[-1]) + 1 if orders else 0
    minute = random.choice(len(minutes), clusters, p=busy / busy.sum())
    begins_ns = minute * 60 * SECOND_NS + random.integers(0, 60 * SECOND_NS, clusters)
    apart_ns = random.lognormal(np.log(WITHIN_US * 1e3), WITHIN_SIGMA, orders).astype(np.int64)
    since_ns = np.cumsum(apart_ns)
    first = np.searchsorted(of, np.arange(clusters))
    since_first_ns = since_ns - since_ns[np.minimum(first, max(orders - 1, 0))][of]
    times: I64 = np.sort(clock_ns(day, EARLIEST_HOUR, 0) + begins_ns[of] + since_first_ns)
    return times


def _sides(random: np.random.Generator, orders: int) -> npt.NDArray[np.uint8]:
    """Return a side per order: buyers tend to follow buyers, and some orders show none."""
    turns = random.random(orders) >= SAME_SIDE
    side = np.where((np.cumsum(turns) + random.integers(2)) % 2 == 0, BUY, SELL).astype(np.uint8)
    side[random.random(orders) < NO_SIDE] = NONE
    return side


def _prices(
    random: np.random.Generator,
    of: I64,
    side: npt.NDArray[np.uint8],
    orders: int,
    price_usd: float,
) -> I64:
    """Return prices in whole cents, or between two for some trades that have no side."""
    trades = len(of)
    scale_cents = price_usd * 100 * STEP_BPS * 1e-4
    steps = np.rint(scale_cents * random.standard_t(STEP_FREEDOM, orders))
    first = np.ones(trades, np.bool_)
    first[1:] = np.diff(of) > 0
    direction = np.where(side == BUY, 1, np.where(side == SELL, -1, 0))
    deeper = (random.random(trades) < DEEPER) & ~first
    change = np.where(first, steps[of], deeper * direction)
    share = change / (price_usd * 100)
    cents = np.maximum(1, np.rint(price_usd * 100 * np.exp(np.cumsum(share)))).astype(np.int64)
    price_nanos: I64 = cents * CENT
    inside = (side == NONE) & (random.random(trades) < SUB_PENNY_SHARE)
    price_nanos[inside] += random.integers(1, 100, int(inside.sum())) * (CENT // 100)
    return price_nanos


def _sizes(random: np.random.Generator, trades: int) -> I64:
    """Return shares: odd lots, many round hundreds, and a heavy tail of larger ones."""
    odd = np.minimum(99, 100 ** (random.random(trades) ** 0.75)).astype(np.int64)
    large = 100 * (1 - random.random(trades)) ** (-1 / LARGE_EXPONENT)
    large = np.minimum(large, LARGEST)
    rounded = np.where(random.random(trades) < 0.4, np.rint(large / 100) * 100, np.rint(large))
    kind = random.random(trades)
    sizes: I64 = np.where(
        kind < ODD_LOT_SHARE,
        odd,
        np.where(kind < ODD_LOT_SHARE + HUNDRED_SHARE, 100, rounded.astype(np.int64)),
    )
    return sizes
