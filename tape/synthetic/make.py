"""Makes a day: ordinary trades, auctions and anomalies, the same by seed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final
from zlib import crc32

import numpy as np

from tape.market.trading_days import close_hour
from tape.synthetic.day import SyntheticDay, rows_of
from tape.synthetic.inject import inject
from tape.synthetic.ordinary import CENT, NONE, clock_ns, ordinary_trades

SYMBOLS: Final = ("NVDA", "AAPL", "MSFT", "TSLA")
SHARES_OF_TRADES: Final = (0.4, 0.25, 0.15, 0.2)
PRICES_USD: Final = (142.50, 228.30, 415.20, 338.70)
PUBLISHER: Final = 2
"""XNAS.ITCH in DataBento's list of publishers."""
SEQUENCES_A_MS: Final = 7
"""Messages of the whole exchange between two trades, per millisecond."""


def make_day(
    seed: int = 1,
    symbols: Sequence[str] = SYMBOLS,
    trades: int = 200_000,
    day: date = date(2025, 3, 3),
    *,
    anomalies: int = 60,
) -> SyntheticDay:
    """Return a day of exactly `trades` trades, up to `anomalies` of them odd on purpose.

    Pre-market, the regular session with its auctions, and post-market, New York time; a half day
    ends at 13:00. A short day has room for fewer anomalies: one per 300 trades.

    What is drawn depends on seed, date and symbol: neither another day of the same seed nor
    another seed of the same day has a part of it.
    """
    of_day = (seed, day.toordinal())
    random = np.random.default_rng(of_day)
    made = _ordinary_day(of_day, random, symbols, trades, day)
    _auctions(random, made)
    made = inject(made, seed=of_day, anomalies=min(anomalies, trades // 300))
    return received_in_order(_without(random, made, len(made.symbol) - trades))


def received_in_order(made: SyntheticDay) -> SyntheticDay:
    """Return the day with times of receipt that never decrease: one program has received it."""
    ts_recv_ns = np.maximum.accumulate(made.ts_event_ns + made.lag_ns)
    lag_ns = ts_recv_ns - made.ts_event_ns
    return replace(made, lag_ns=lag_ns, ts_in_delta_ns=lag_ns)


def _ordinary_day(
    of_day: tuple[int, int],
    random: np.random.Generator,
    symbols: Sequence[str],
    trades: int,
    day: date,
) -> SyntheticDay:
    weights = np.array([SHARES_OF_TRADES[n % 4] for n in range(len(symbols))])
    counts = random.multinomial(trades, weights / weights.sum())
    parts = []
    for number, count in enumerate(counts.tolist()):
        of_symbol = np.random.default_rng((*of_day, crc32(symbols[number].encode()), number))
        parts.append(ordinary_trades(of_symbol, count, day, PRICES_USD[number % 4]))
    ts_event_ns = np.concatenate([part.ts_event_ns for part in parts])
    order = np.argsort(ts_event_ns, kind="stable")
    ts_event_ns = ts_event_ns[order]
    symbol = np.repeat(np.arange(len(symbols)), counts)[order]
    delta_ns = 165_000 + random.integers(-2_000, 4_000, trades)
    passed_ms = np.diff(ts_event_ns, prepend=ts_event_ns[:1]) / 1e6
    others = (passed_ms * SEQUENCES_A_MS * 2 * random.random(trades)).astype(np.int64)
    return SyntheticDay(
        day=day,
        symbols=tuple(symbols),
        symbol=symbol,
        ts_event_ns=ts_event_ns,
        lag_ns=delta_ns,
        ts_in_delta_ns=delta_ns,
        side=np.concatenate([part.side for part in parts])[order],
        price_nanos=np.concatenate([part.price_nanos for part in parts])[order],
        size=np.concatenate([part.size for part in parts])[order],
        flags=random.choice([0, 128, 130], trades, p=[0.3, 0.2, 0.5]),
        sequence=290_000 + np.cumsum(1 + others),
        rtype=np.zeros(trades, np.int64),
        publisher_id=np.full(trades, PUBLISHER, np.int64),
        instrument_id=1_000 + symbol,
        depth=np.zeros(trades, np.int64),
        labels=[],
    )


def _auctions(random: np.random.Generator, made: SyntheticDay) -> None:
    """Turn the first trade of each symbol after the open and the close into its auction's print."""
    closing = (close_hour(made.day), 0, 6_700_000, 23_000_000)
    for hour, minute, least, most in ((9, 30, 600_000, 8_000_000), closing):
        after = int(np.searchsorted(made.ts_event_ns, clock_ns(made.day, hour, minute)))
        for number in range(len(made.symbols)):
            rows = np.flatnonzero(made.symbol[after:] == number)
            if len(rows):
                row = after + int(rows[0])
                made.size[row], made.side[row] = random.integers(least, most), NONE
                made.price_nanos[row] = made.price_nanos[row] // CENT * CENT


def _without(random: np.random.Generator, made: SyntheticDay, count: int) -> SyntheticDay:
    """Return the day without `count` ordinary trades, in place of which others were put in."""
    if count == 0:
        return made
    dropped_from = np.flatnonzero(made.size < 100_000)
    labelled = np.zeros(len(made.symbol), np.bool_)
    for label in made.labels:
        labelled[label.row : label.last_row + 1] = True
    free = dropped_from[~labelled[dropped_from]]
    keep = np.ones(len(made.symbol), np.bool_)
    keep[random.choice(free, count, replace=False)] = False
    at = np.cumsum(keep) - 1
    labels = [
        replace(label, row=int(at[label.row]), last_row=int(at[label.last_row]))
        for label in made.labels
    ]
    return replace(rows_of(made, np.flatnonzero(keep)), labels=labels)
