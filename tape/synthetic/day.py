"""Making the day: times, prices, sizes, auctions and anomalies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
NEW_YORK: Final = ZoneInfo("America/New_York")
SECOND_NS: Final = 1_000_000_000
CENT: Final = 10_000_000
"""A cent in price units of 1e-9 dollars."""

SYMBOLS: Final = ("NVDA", "AAPL", "MSFT", "TSLA")
SHARES_OF_TRADES: Final = (0.4, 0.25, 0.15, 0.2)
PRICES_USD: Final = (142.50, 228.30, 415.20, 338.70)
BUY, SELL, NONE = ord("B"), ord("A"), ord("N")

# Shapes of real NVDA days on XNAS.ITCH: half of consecutive trades share a time, 18 % have no
# side, 64 % are odd lots with a median of 50 shares, sub-penny prices come without a side only.
SAME_TIME_SHARE: Final = 0.5
NO_SIDE_SHARE: Final = 0.18
ROUND_LOT_SHARE: Final = 0.36
SUB_PENNY_SHARE: Final = 0.058


@dataclass(frozen=True, slots=True)
class Label:
    """An anomaly put in on purpose, from its first to its last trade; `row` of the first."""

    row: int
    last_row: int
    kind: str
    magnitude: float


@dataclass(frozen=True, slots=True)
class SyntheticDay:
    """Trades of a day in the order of the tape, as columns of one entry a trade."""

    day: date
    symbols: tuple[str, ...]
    symbol: I64
    ts_event_ns: I64
    ts_in_delta_ns: I64
    side: npt.NDArray[np.uint8]
    price_nanos: I64
    size: I64
    flags: I64
    sequence: I64
    labels: list[Label]


def make_day(
    seed: int = 1,
    symbols: Sequence[str] = SYMBOLS,
    trades: int = 200_000,
    day: date = date(2025, 3, 3),
    *,
    anomalies: int = 60,
) -> SyntheticDay:
    """Return a day of exactly `trades` trades, `anomalies` of them odd on purpose.

    Pre-market, the regular session with its auctions, and post-market, New York time.
    """
    random = np.random.default_rng(seed)
    weights = np.array([SHARES_OF_TRADES[n % 4] for n in range(len(symbols))])
    symbol = random.choice(len(symbols), trades, p=weights / weights.sum())
    ts_event_ns = _times(random, trades, day)
    side = random.choice(
        np.array([BUY, SELL, NONE], np.uint8),
        trades,
        p=[(1 - NO_SIDE_SHARE) / 2, (1 - NO_SIDE_SHARE) / 2, NO_SIDE_SHARE],
    )
    price_nanos = _prices(random, symbol, side, len(symbols))
    size = _sizes(random, trades)
    made = SyntheticDay(
        day,
        tuple(symbols),
        symbol,
        ts_event_ns,
        165_000 + random.integers(-2_000, 4_000, trades),
        side,
        price_nanos,
        size,
        random.choice([0, 128, 130], trades, p=[0.3, 0.2, 0.5]),
        290_000 + np.cumsum(random.geometric(0.002, trades)),
        [],
    )
    _auctions(random, made)
    _anomalies(random, made, anomalies)
    return made


def _clock_ns(day: date, hour: int, minute: int) -> int:
    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)
    return int(moment.timestamp()) * SECOND_NS


def _times(random: np.random.Generator, trades: int, day: date) -> I64:
    """Return rising times: quiet before and after the session, busy at its ends."""
    minutes = np.arange(16 * 60)
    session = (minutes >= 330) & (minutes < 720)
    through = (minutes - 330) / 390
    busy = np.where(session, 20 * (0.35 + 2.6 * (through - 0.5) ** 2), 0.5)
    minute = random.choice(len(minutes), trades, p=busy / busy.sum())
    start_ns = _clock_ns(day, 4, 0)
    times: I64 = np.sort(
        start_ns + minute * 60 * SECOND_NS + random.integers(0, 60 * SECOND_NS, trades)
    )
    same = random.random(trades) < SAME_TIME_SHARE
    same[:1] = False
    times = times[np.maximum.accumulate(np.where(same, 0, np.arange(trades)))]
    return times


def _prices(
    random: np.random.Generator, symbol: I64, side: npt.NDArray[np.uint8], symbols: int
) -> I64:
    """Return a random walk in cents per symbol, with the bounce between bid and ask."""
    price_nanos = np.empty(len(symbol), np.int64)
    for number in range(symbols):
        rows = np.flatnonzero(symbol == number)
        start = PRICES_USD[number % 4] * 100
        steps = random.normal(0, 0.00004 * start, len(rows))
        middle = start * np.exp(np.cumsum(steps) / start)
        bounce = np.where(side[rows] == BUY, 0.5, np.where(side[rows] == SELL, -0.5, 0))
        price_nanos[rows] = np.maximum(1, np.round(middle + bounce)).astype(np.int64) * CENT
    inside = (side == NONE) & (random.random(len(symbol)) < SUB_PENNY_SHARE / NO_SIDE_SHARE)
    price_nanos[inside] += random.integers(1, 100, int(inside.sum())) * (CENT // 100)
    return price_nanos


def _sizes(random: np.random.Generator, trades: int) -> I64:
    """Return shares: round lots and log-normal odd lots, at most 4,000."""
    odd = np.exp(random.normal(2.9, 1.2, trades)).astype(np.int64) % 99 + 1
    lots = 100 * np.minimum(40, random.geometric(0.45, trades))
    sizes: I64 = np.where(random.random(trades) < ROUND_LOT_SHARE, lots, odd)
    return sizes


def _auctions(random: np.random.Generator, made: SyntheticDay) -> None:
    """Turn the first trade of each symbol after 09:30 and 16:00 into its auction's print."""
    for hour, minute, least, most in ((9, 30, 600_000, 8_000_000), (16, 0, 6_700_000, 23_000_000)):
        after = int(np.searchsorted(made.ts_event_ns, _clock_ns(made.day, hour, minute)))
        for number in range(len(made.symbols)):
            rows = np.flatnonzero(made.symbol[after:] == number)
            if len(rows):
                row = after + int(rows[0])
                made.size[row], made.side[row] = random.integers(least, most), NONE
                made.price_nanos[row] = made.price_nanos[row] // CENT * CENT


def _anomalies(random: np.random.Generator, made: SyntheticDay, count: int) -> None:
    """Put in fat fingers, small misprints, volume spikes and spikes that revert, and label them."""
    trades = len(made.symbol)
    kinds = ("fat finger", "small misprint", "volume spike", "spike that reverts")
    count = count if trades > 200 else 0
    places = np.linspace(trades * 0.1, trades * 0.95, count, dtype=np.int64)
    for nth, row in enumerate(places.tolist()):
        kind = kinds[nth % len(kinds)]
        sign = 1 if random.random() < 0.5 else -1
        if made.size[row] > 100_000:  # an auction stays one
            continue
        if kind == "volume spike":
            shares = int(random.integers(25_000, 60_000))
            made.size[row] = shares
            made.labels.append(Label(row, row, kind, float(shares)))
        elif kind == "spike that reverts":
            height = float(random.uniform(0.0015, 0.01))
            rows = np.flatnonzero(made.symbol[row:] == made.symbol[row])
            rows = row + rows[: int(random.integers(6, 26))]
            shape = np.sin(np.pi * (np.arange(len(rows)) + 1) / (len(rows) + 1))
            _move(made, rows, sign * height * shape)
            made.labels.append(Label(row, int(rows[-1]), kind, sign * height))
        else:
            low, high = (0.003, 0.03) if kind == "fat finger" else (0.0005, 0.003)
            share = sign * float(np.exp(random.uniform(np.log(low), np.log(high))))
            _move(made, np.array([row]), np.array([share]))
            made.labels.append(Label(row, row, kind, share))


def _move(made: SyntheticDay, rows: I64, share: npt.NDArray[np.float64]) -> None:
    moved = made.price_nanos[rows] * (1 + share)
    made.price_nanos[rows] = np.maximum(1, np.round(moved / CENT)).astype(np.int64) * CENT


def next_weekday(day: date) -> date:
    """Return the next day that is not of a weekend."""
    day += timedelta(days=1)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return day
